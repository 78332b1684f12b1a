"""The exporter process: the metrics of the whole system on METRICS_HOST and METRICS_PORT, without a key.

Any number of them may run: each gives the same answer. They change nothing.
"""

from __future__ import annotations

import sys
from contextlib import closing, suppress

import uvicorn

from aeon_jobs.api.metrics import Exposition
from aeon_jobs.api.metrics.application import MetricsApplication
from aeon_jobs.api.server import run as server
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.redis_clients import redis_client

REDIS_TIMEOUT_S = 1.0
_DID_NOT_START = 3
"""As `aeon-jobs api`."""


def run(settings: Settings) -> None:
    """Until SIGINT or SIGTERM. Without PostgreSQL and Redis it serves all the same."""
    # One connection: one thread reads at a time.
    database = Database(settings.postgres_dsn, schema=settings.job_schema, pool_size=1)
    with closing(
        redis_client(settings.redis_dsn, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S)
    ) as client:
        application = MetricsApplication(Exposition(settings, database, client))
        served = uvicorn.Server(
            server.config(
                settings,
                application,
                host=settings.metrics_host,
                port=settings.metrics_port,
                lifespan="off",
                access_log=False,
            )
        )
        try:
            with suppress(KeyboardInterrupt):
                served.run()
        finally:
            database.dispose()
    if not served.started:
        sys.exit(_DID_NOT_START)
