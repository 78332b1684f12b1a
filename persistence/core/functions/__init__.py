"""SQL functions: their plans are cached by each session of PostgreSQL, which halves what a statement of the hot path costs."""
