"""Metrics for Prometheus: one reading of PostgreSQL and Redis, shown by the API (`/metrics`) and by `aeon-jobs exporter`.

    exposition   the text, for as long as it may be shown; one thread reads, the others wait for it
    reader       what is read: each part for as long as it is good for, and what to leave out when a server is down
    remembered   a value and its lifetime
    attempts, queues, processes, servers     the metrics, by what they are of

Imports `persistence` alone, and nothing of the HTTP API.
"""

from aeon_jobs.api.metrics.exposition import CONTENT_TYPE, Exposition

__all__ = ["CONTENT_TYPE", "Exposition"]
