"""How bodies come in: `byte_limiter` and `admission` bound what all of them hold together, `bulk` takes many jobs in pieces."""
