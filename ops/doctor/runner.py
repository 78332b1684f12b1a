"""Runs the checks.

1. The environment. If the settings are not usable, the run ends here.
2. PostgreSQL. If it cannot be reached, its checks are skipped.
3. Redis: the same.
4. The host: checks that need no server.

A check that raises an error becomes a finding, not a crash.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import TypeVar

import psycopg2
import redis
from sqlalchemy.exc import SQLAlchemyError

from aeon_jobs.api.service import Jobs
from aeon_jobs.api.service.checks import processes
from aeon_jobs.api.service.checks.finding import Finding, error, ok, skipped
from aeon_jobs.ops.doctor.checks import (
    backlog,
    clocks,
    disk,
    job_types,
    pooler,
    postgres,
    redis_rights,
    redis_server,
)
from aeon_jobs.ops.doctor.checks.environment import environment
from aeon_jobs.ops.doctor.context import Context, Limits
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.errors import JobsError, SettingsError
from aeon_jobs.persistence.core.settings import Settings, load_settings
from aeon_jobs.persistence.redis_clients import redis_client

Check = Callable[[Context], Finding]
T = TypeVar("T")

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
    job_types.without_workers,
    job_types.conflicting_schemas,
    backlog.oldest_job,
    backlog.dead_letters,
)
REDIS: Sequence[Check] = (
    redis_server.version,
    redis_rights.redis_user,
    redis_server.persistence,
    redis_server.eviction,
    redis_server.memory,
    redis_server.keys_of_others,
    redis_server.latency,
    clocks.against_redis,
)
HOST: Sequence[Check] = (disk.data_root,)


def run_checks(environ: Mapping[str, str] = os.environ, limits: Limits | None = None) -> list[Finding]:
    """Every finding, in order."""
    findings = environment(environ)
    try:
        settings = load_settings()
    except SettingsError:
        return [*findings, skipped("everything else", "the settings are not usable")]
    return [*findings, *_findings(settings, limits or Limits())]


def _findings(settings: Settings, limits: Limits) -> Iterator[Finding]:
    database = Database(settings.postgres_dsn, schema=settings.job_schema, pool_size=2)
    with closing(redis_client(settings.redis_dsn)) as client:
        try:
            context = Context(settings, database, client, limits)
            yield from _postgres(context)
            yield from _redis(context)
            yield from (_checked(check, context) for check in HOST)
        finally:
            database.dispose()


def _postgres(context: Context) -> Iterator[Finding]:
    name = "PostgreSQL"
    try:
        with context.database.connection():
            yield ok(name, "reached")
    except SQLAlchemyError as fault:
        yield error(name, _first_line(fault), "check DATABASE_URL or POSTGRES_*, and that the server runs")
        yield skipped("what is in PostgreSQL", "it cannot be reached")
        return
    schema = None
    for check in SERVER:
        schema = _checked(check, context)
        yield schema
    if schema and schema.status == "error" and "missing" in schema.detail:
        yield skipped("processes, queues, jobs", "the schema is not there yet")
        return
    with Jobs.from_settings(context.settings, name="doctor", pool_size=1) as jobs:
        yield from [_checked(look, jobs) for look in processes.CHECKS]
    yield from (_checked(check, context) for check in TABLES)


def _redis(context: Context) -> Iterator[Finding]:
    name = "Redis"
    try:
        context.redis.ping()
        yield ok(name, "reached")
    except redis.RedisError as fault:
        yield error(
            name, _first_line(fault), "check REDIS_URL or REDIS_*, and that the server runs; jobs wait meanwhile"
        )
        yield skipped("what is in Redis", "it cannot be reached")
        return
    yield from (_checked(check, context) for check in REDIS)


def _checked(check: Callable[[T], Finding], context: T) -> Finding:
    try:
        return check(context)
    except (SQLAlchemyError, psycopg2.Error, redis.RedisError, JobsError, OSError) as fault:
        name = check.__name__.replace("_", " ")
        return error(name, f"could not be checked: {_first_line(fault)}", "give the role the rights to look")


def _first_line(fault: Exception) -> str:
    return (str(getattr(fault, "orig", fault)).strip() or type(fault).__name__).splitlines()[0]
