"""The plans of all statements that a function executes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from psycopg2.extensions import cursor as Cursor  # noqa: N812 (a class)
from sqlalchemy import Connection, event

from aeon_jobs.persistence.core import migrate
from aeon_jobs.persistence.core.database import Database


@dataclass
class Plan:
    indexes: set[str] = field(default_factory=set)
    scanned: set[str] = field(default_factory=set)
    """Tables with a sequential scan."""
    pages: int = 0
    """Pages of tables and indexes that were read; 0 if the statements were not executed."""

    def add(self, node: dict[str, Any]) -> None:
        if name := node.get("Index Name"):
            self.indexes.add(name)
        if node["Node Type"] == "Seq Scan":
            self.scanned.add(node["Relation Name"])
        self.indexes.update(node.get("Conflict Arbiter Indexes", []))
        for child in node.get("Plans", []):
            self.add(child)


def plan_of(database: Database, work: Callable[[Connection], object]) -> Plan:
    """Plans of all statements of `work`, taken just before each one runs. At the end everything is rolled back.

    EXPLAIN shows a call of one of our functions as a single node. So for a call, PostgreSQL's own counts tell which indexes
    and tables it has scanned, with its triggers.
    """
    plan = Plan()
    with database.transaction() as connection, _explaining(connection, plan), _counting(connection, plan):
        work(connection)
        connection.rollback()
    return plan


def pages_of(database: Database, work: Callable[[Connection], object]) -> Plan:
    """The same with EXPLAIN ANALYZE, which executes each statement: only for work that changes nothing."""
    plan = Plan()
    with database.connection() as connection, _explaining(connection, plan, executed=True):
        work(connection)
    return plan


def plan_of_sql(database: Database, sql: str) -> Plan:
    plan = Plan()
    with database.connection() as connection:
        _explain(connection.connection.cursor(), sql, None, plan)
    return plan


@contextmanager
def counted(cursor: Any, plan: Plan) -> Iterator[None]:
    """What the transaction scans meanwhile, as PostgreSQL counts it."""
    before = _scans(cursor)
    yield
    for (kind, name), number in _scans(cursor).items():
        if number > before[kind, name]:
            (plan.indexes if kind == "index" else plan.scanned).add(name)


def _scans(cursor: Any) -> dict[tuple[str, str], int]:
    cursor.execute(
        "SELECT kind, name, coalesce(pg_stat_get_xact_numscans(id), 0) FROM ("
        "SELECT 'index', indexrelname, indexrelid FROM pg_stat_user_indexes"
        " UNION ALL SELECT 'table', relname, relid FROM pg_stat_user_tables) AS relations (kind, name, id)"
    )
    return {(kind, name): number for kind, name, number in cursor.fetchall()}


@contextmanager
def _explaining(connection: Connection, plan: Plan, *, executed: bool = False) -> Iterator[None]:
    def listener(conn: Any, cursor: Any, sql: str, parameters: Any, _context: Any, _many: bool) -> None:
        with cursor.connection.cursor() as other:
            _explain(other, sql, parameters, plan, executed=executed)

    event.listen(connection, "before_cursor_execute", listener)
    yield
    event.remove(connection, "before_cursor_execute", listener)


@contextmanager
def _counting(connection: Connection, plan: Plan) -> Iterator[None]:
    """In the cursor: some calls of functions do not pass through SQLAlchemy."""
    call = re.compile(r"\b(" + "|".join(function.name for function in migrate.functions()) + r")\(")

    class Counting(Cursor):
        def execute(self, query: Any, vars: Any = None) -> None:
            if not call.search(query):
                return super().execute(query, vars)
            with self.connection.cursor(cursor_factory=Cursor) as other, counted(other, plan):
                return super().execute(query, vars)

    raw: Any = connection.connection.dbapi_connection
    before, raw.cursor_factory = raw.cursor_factory, Counting
    yield
    raw.cursor_factory = before


def _explain(cursor: Any, sql: str, parameters: Any, plan: Plan, *, executed: bool = False) -> None:
    how = "ANALYZE, BUFFERS, TIMING OFF, " if executed else ""
    bare = re.sub(r"--.*$", "", sql, flags=re.MULTILINE).strip()
    settings = re.match(r"(SET LOCAL [^;]*;\s*)*", bare)
    assert settings is not None
    for statement in filter(str.strip, re.split(r";\s*$", bare[settings.end() :], flags=re.MULTILINE)):
        cursor.execute(f"{settings[0]} EXPLAIN ({how}FORMAT JSON) {statement}", parameters or None)
        (answer,) = cursor.fetchone()
        for entry in answer if isinstance(answer, list) else json.loads(answer):
            plan.add(entry["Plan"])
            # The numbers of the top node include those of all nodes below it.
            plan.pages += sum(entry["Plan"].get(f"Shared {kind} Blocks", 0) for kind in ("Hit", "Read"))
