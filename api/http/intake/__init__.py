"""How bodies come in: `lanes` and `admission` bound what all of them hold together, `bulk` takes many jobs in pieces."""
