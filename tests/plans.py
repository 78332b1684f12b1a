"""The plans of all statements that a function executes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, event

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
    """Plans of all statements of `work`, taken just before each one runs. At the end everything is rolled back."""
    plan = Plan()
    with database.transaction() as connection, _explaining(connection, plan):
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
def _explaining(connection: Connection, plan: Plan, *, executed: bool = False) -> Iterator[None]:
    def listener(conn: Any, cursor: Any, sql: str, parameters: Any, _context: Any, _many: bool) -> None:
        with cursor.connection.cursor() as other:
            _explain(other, sql, parameters, plan, executed=executed)

    event.listen(connection, "before_cursor_execute", listener)
    yield
    event.remove(connection, "before_cursor_execute", listener)


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
