"""Is there a pooler such as PgBouncer in between, and in which mode?

A server tells its client the number of its process when a connection begins. A pooler answers for the server, and makes
that number up. In transaction mode two clients take turns on one server process; in session mode never; in statement
mode no transaction is possible at all.
"""

from __future__ import annotations

from typing import Any

import psycopg2
from sqlalchemy.exc import DBAPIError

from aeon_jobs.ops.doctor.finding import Finding, error, ok
from aeon_jobs.ops.doctor.patient import Patient
from aeon_jobs.persistence.core.database import CONNECT_TIMEOUT_S

NAME = "pooler"


def pooler(patient: Patient) -> Finding:
    first, second = _connect(patient), _connect(patient)
    try:
        return _judged(first, second)
    except (DBAPIError, psycopg2.Error) as fault:
        detail = f"transactions are refused: {str(fault).strip().splitlines()[0]}"
        return error(NAME, detail, "set pool_mode = transaction (or session) in the pooler")
    finally:
        first.close()
        second.close()


def _judged(first: Any, second: Any) -> Finding:
    announced = first.info.backend_pid
    mine = _process_in_transaction(first)
    if announced == mine:
        return ok(NAME, "none: connected to PostgreSQL itself")
    # The first is idle now, and still open: whoever gets its server process shares it.
    shared = mine == _process_in_transaction(second)
    mode = "transaction mode" if shared else "session mode: every pooled connection of ours holds one of the server's"
    return ok(NAME, f"one is in between, in {mode}")


def _process_in_transaction(connection: Any) -> int:
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.execute("SELECT pg_backend_pid()")
        process: int = cursor.fetchone()[0]
    return process


def _connect(patient: Patient) -> Any:
    """A plain connection of the driver's: the pool of SQLAlchemy would hide what is asked for here."""
    engine = patient.database.engine
    positional, named = engine.dialect.create_connect_args(engine.url)
    return engine.dialect.connect(*positional, **named, connect_timeout=CONNECT_TIMEOUT_S)
