"""The Grafana dashboard: its panels as data, and the builder of its file: `python -m aeon_jobs.ops.grafana`."""
