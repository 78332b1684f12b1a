"""What the metrics show: read from PostgreSQL, a module for each kind of thing. May import `queue` and `core`."""
