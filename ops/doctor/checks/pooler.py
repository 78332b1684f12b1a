"""Is there a pooler such as PgBouncer between us and PostgreSQL, and in which mode?

A server tells its client its process number when a connection begins. A pooler answers instead of the server and invents
that number. In transaction mode two clients can share one server process. In session mode they never share one. In
statement mode no transaction is possible.
"""

from __future__ import annotations

from typing import Any

import psycopg2
from sqlalchemy.exc import DBAPIError

from aeon_jobs.api.service.checks.finding import Finding, error, ok
from aeon_jobs.ops.doctor.context import Context
from aeon_jobs.persistence.core.database import CONNECT_TIMEOUT_S

NAME = "pooler"


def pooler(context: Context) -> Finding:
    first, second = _connect(context), _connect(context)
    try:
        return _mode(first, second)
    except (DBAPIError, psycopg2.Error) as fault:
        detail = f"transactions are refused: {str(fault).strip().splitlines()[0]}"
        return error(NAME, detail, "set pool_mode = transaction (or session) in the pooler")
    finally:
        first.close()
        second.close()


def _mode(first: Any, second: Any) -> Finding:
    announced = first.info.backend_pid
    mine = _process_in_transaction(first)
    if announced == mine:
        return ok(NAME, "none: connected to PostgreSQL directly")
    # The first connection is idle and still open. If the second gets the same server process, they share it.
    shared = mine == _process_in_transaction(second)
    mode = (
        "transaction mode"
        if shared
        else "session mode: every pooled connection of aeon-jobs holds a connection of the server"
    )
    return ok(NAME, f"a pooler is in use, in {mode}")


def _process_in_transaction(connection: Any) -> int:
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.execute("SELECT pg_backend_pid()")
        process: int = cursor.fetchone()[0]
    return process


def _connect(context: Context) -> Any:
    """A plain connection of the driver. The pool of SQLAlchemy would hide the process number."""
    engine = context.database.engine
    positional, named = engine.dialect.create_connect_args(engine.url)
    return engine.dialect.connect(*positional, **named, connect_timeout=CONNECT_TIMEOUT_S)
