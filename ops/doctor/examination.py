"""The examination.

1. The environment. With unusable settings it ends here.
2. PostgreSQL: can it be reached? If not, everything that asks it is skipped.
3. Redis: the same.
4. What neither needs.

A check that fails itself is a finding, not a crash.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing

import psycopg2
import redis
from sqlalchemy.exc import SQLAlchemyError

from aeon_jobs.ops.doctor import backlog, clocks, disk, pooler, postgres, processes, redis_server
from aeon_jobs.ops.doctor.environment import environment
from aeon_jobs.ops.doctor.finding import Finding, error, ok, skipped
from aeon_jobs.ops.doctor.patient import Limits, Patient
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.errors import JobsError, SettingsError
from aeon_jobs.persistence.core.settings import Settings, load_settings
from aeon_jobs.persistence.hints import redis_client

Check = Callable[[Patient], Finding]

SERVER: Sequence[Check] = (
    postgres.version,
    pooler.pooler,
    postgres.autovacuum,
    postgres.long_transactions,
    postgres.connections,
    clocks.against_postgres,
    postgres.schema,
)
TABLES: Sequence[Check] = (
    processes.workers,
    processes.lost,
    processes.dispatcher,
    processes.scheduler,
    processes.unserved_queues,
    processes.orphaned_types,
    backlog.oldest_job,
    backlog.dead_letters,
)
REDIS: Sequence[Check] = (
    redis_server.version,
    redis_server.persistence,
    redis_server.eviction,
    redis_server.memory,
    redis_server.neighbours,
    redis_server.latency,
    clocks.against_redis,
)
HOST: Sequence[Check] = (disk.data_root,)


def examine(environ: Mapping[str, str] = os.environ, limits: Limits | None = None) -> list[Finding]:
    """Every finding, in order."""
    findings = environment(environ)
    try:
        settings = load_settings()
    except SettingsError:
        return [*findings, skipped("everything else", "the settings are not usable")]
    return [*findings, *_examined(settings, limits or Limits())]


def _examined(settings: Settings, limits: Limits) -> Iterator[Finding]:
    database = Database(settings.postgres_dsn, schema=settings.job_schema, pool_size=2)
    with closing(redis_client(settings.redis_dsn)) as client:
        try:
            patient = Patient(settings, database, client, limits)
            yield from _postgres(patient)
            yield from _redis(patient)
            yield from (_looked(check, patient) for check in HOST)
        finally:
            database.dispose()


def _postgres(patient: Patient) -> Iterator[Finding]:
    name = "PostgreSQL"
    try:
        with patient.database.connection():
            yield ok(name, "reached")
    except SQLAlchemyError as fault:
        yield error(name, _first_line(fault), "check DATABASE_URL or POSTGRES_*, and that the server runs")
        yield skipped("what is in PostgreSQL", "it cannot be reached")
        return
    schema = None
    for check in SERVER:
        schema = _looked(check, patient)
        yield schema
    if schema and schema.status == "error" and "missing" in schema.detail:
        yield skipped("processes, queues, jobs", "the schema is not there yet")
        return
    yield from (_looked(check, patient) for check in TABLES)


def _redis(patient: Patient) -> Iterator[Finding]:
    name = "Redis"
    try:
        patient.redis.ping()
        yield ok(name, "reached")
    except redis.RedisError as fault:
        yield error(
            name, _first_line(fault), "check REDIS_URL or REDIS_*, and that the server runs; jobs wait meanwhile"
        )
        yield skipped("what is in Redis", "it cannot be reached")
        return
    yield from (_looked(check, patient) for check in REDIS)


def _looked(check: Check, patient: Patient) -> Finding:
    try:
        return check(patient)
    except (SQLAlchemyError, psycopg2.Error, redis.RedisError, JobsError, OSError) as fault:
        name = check.__name__.replace("_", " ")
        return error(name, f"could not be checked: {_first_line(fault)}", "give the role the rights to look")


def _first_line(fault: Exception) -> str:
    return (str(getattr(fault, "orig", fault)).strip() or type(fault).__name__).splitlines()[0]
