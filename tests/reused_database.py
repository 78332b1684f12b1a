"""One database for many tests, emptied between them. To create a database takes longer than most tests of SQL.

    from tests.reused_database import database_url, reused_database  # noqa: F401

in a test module or a conftest.py replaces the fixture of this name: tests/integration has it everywhere. If
a test changes the schema (a disabled trigger, a new schema), the database is dropped, and the next test gets a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
import pytest

from tests.conftest import _administration, _of_database, _refuse_open_connections

SCHEMA_DIGEST = """
    SELECT md5(string_agg(entry, ' ' ORDER BY entry)) FROM (
        SELECT 'n' || nspname FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp'
        UNION ALL SELECT 'c' || relname || coalesce(reloptions::text, '')
        FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT 't' || tgname || tgenabled::text FROM pg_trigger
        UNION ALL SELECT 'a' || attrelid || attname || atttypid || atttypmod || attnotnull || attisdropped
        FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT 'k' || conname FROM pg_constraint
        UNION ALL SELECT 'm' || version || checksum FROM job_migrations
    ) AS digests (entry)
"""
TABLES = (
    "job_dependencies dead_letter_jobs job_executions job_logs jobs job_schedule_runs job_schedules job_types job_queues"
    " workers job_counters job_bulk_changes job_dashboard_sessions job_api_keys job_audit_log job_api_requests job_archive"
    " job_dead_letter_archive job_audit_archive workflow_changes workflow_holds workflows"
    " job_dashboard_views"
)
DELETE_ALL = "; ".join(f"DELETE FROM {table}" for table in TABLES.split())
DELETE_ALL += "; DELETE FROM job_statistics; DELETE FROM job_counter_marks"
DELETE_ALL += "; UPDATE job_background_tasks SET last_success_at = NULL WHERE last_success_at IS NOT NULL"


class ReusedDatabase:
    def __init__(self, execute: Callable[..., Any], server: str, template: str) -> None:
        self._execute, self._server, self._template = execute, server, template
        self._name = f"{template}_reused"
        self._exists = False
        self._schema_digest: object = None

    def url(self) -> str:
        url = _of_database(self._server, self._name)
        if not self._exists:
            self._execute(f'CREATE DATABASE "{self._name}" TEMPLATE "{self._template}"')
            self._exists = True
            with _cursor(url) as cursor:
                self._schema_digest = _schema_digest(cursor)
        return url

    def clean(self) -> None:
        _refuse_open_connections(self._execute, self._name)
        with _cursor(self.url()) as cursor:
            is_unchanged = _schema_digest(cursor) == self._schema_digest
            if is_unchanged:
                cursor.execute(DELETE_ALL)
        if not is_unchanged:
            self.drop()

    def drop(self) -> None:
        self._execute(f'DROP DATABASE IF EXISTS "{self._name}" WITH (FORCE)')
        self._exists = False


@contextmanager
def _cursor(url: str) -> Iterator[Any]:
    connection = psycopg2.connect(url.replace("+psycopg2", ""))
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def _schema_digest(cursor: Any) -> object:
    try:
        cursor.execute(SCHEMA_DIGEST)
    except psycopg2.Error:
        return None
    return cursor.fetchone()


@pytest.fixture(scope="module")
def reused_database(postgres_url: str, _template: str) -> Iterator[ReusedDatabase]:
    with _administration(postgres_url) as execute:
        reused = ReusedDatabase(execute, postgres_url, _template)
        yield reused
        reused.drop()


@pytest.fixture
def database_url(reused_database: ReusedDatabase) -> Iterator[str]:
    yield reused_database.url()
    reused_database.clean()
