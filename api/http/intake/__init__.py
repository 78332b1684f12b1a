"""How bodies come in: `byte_limiter`, `admission` bound what all of them hold; `bulk` takes many jobs in pieces."""
