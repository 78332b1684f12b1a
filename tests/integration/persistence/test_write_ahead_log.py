"""What PostgreSQL logs for a job."""

from __future__ import annotations

import random
import string
from collections.abc import Callable

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.queue import states
from aeon_jobs.persistence.queue.executions import Claimed
from tests.rows import add_job, end, rows, start, value

LENGTH = 1_200
"""Of a payload. A page has room for the four versions of such a row."""


def test_no_update_of_a_job_logs_its_payload(database: Database) -> None:
    short, long = _logged_for(database, 1), _logged_for(database, LENGTH)
    submission, *updates = (more - less for less, more in zip(short, long, strict=True))
    assert submission >= LENGTH - 1
    assert max(updates) < LENGTH / 4


def _logged_for(database: Database, length: int) -> list[int]:
    """The least of three jobs, for each step: PostgreSQL itself may log something meanwhile."""
    return [min(step) for step in zip(*(_of_a_job(database, length) for _ in range(3)), strict=True)]


def _of_a_job(database: Database, length: int) -> list[int]:
    """Bytes for the submission of a job, for its dispatch and claim, and for its record."""
    rows(database, "TRUNCATE jobs CASCADE")
    # In no order that could be compressed.
    text = "".join(random.Random(7).choices(string.ascii_letters + string.digits, k=length))
    claimed: list[Claimed] = []
    job_ids = []
    steps: list[Callable[[], object]] = [
        lambda: job_ids.append(add_job(database, payload=f'{{"text": "{text}"}}')),
        lambda: claimed.extend(start(database, *job_ids)),
        lambda: end(database, claimed[0], states.completed(None)),
    ]
    return [_logged(database, step) for step in steps]


def _logged(database: Database, step: Callable[[], object]) -> int:
    before = _position(database)
    step()
    return _position(database) - before


def _position(database: Database) -> int:
    return int(value(database, "SELECT pg_current_wal_insert_lsn() - '0/0'"))
