"""docs/writing-jobs.md holds: its examples run as they stand, with a worker beside them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from tests.harness import Harness
from tests.waiting import wait_for

PAGE = Path(__file__).parents[3] / "docs" / "writing-jobs.md"


def test_the_examples_run(harness: Harness, database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    declaration, *examples, booking = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    asynchronous = make_url(database_url).set(drivername="postgresql+asyncpg")
    engine, async_engine = create_engine(database_url), create_async_engine(asynchronous, poolclass=NullPool)
    names: dict[str, Any] = {
        "__name__": "reports",
        "Session": lambda: Session(engine),
        "AsyncSession": lambda: AsyncSession(async_engine),
    }
    exec(declaration, names)
    exec(booking, names)  # a worker runs the types that were declared before it began
    harness.execute("CREATE TABLE bookings (order_id integer)")

    with harness.working():
        for example in examples:
            exec(example, names)
        booked = harness.finished(names["book"].send(7))
        wait_for(
            lambda: harness.execute("SELECT count(*) FROM jobs WHERE status <> 'completed'")[0].count == 1,
            "all but the delayed one",
        )
    engine.dispose()

    assert booked.status == "completed"
    assert harness.execute("SELECT order_id FROM bookings") == [(7,)]
    assert harness.execute("SELECT result FROM jobs WHERE idempotency_key = '2026-10'") == [({"sent": 1},)]
    assert harness.execute("SELECT status::text FROM jobs WHERE scheduled_at > now()") == [("pending",)]
    printed = capsys.readouterr().out.splitlines()
    assert "4 jobs" in printed
    assert printed.count("{'sent': 1}") == 2
