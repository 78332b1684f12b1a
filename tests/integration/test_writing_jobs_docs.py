"""docs/writing-jobs.md holds: its examples run as they stand, in their order."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.waiting import wait_for
from tests.workshop import Workshop

DOCS = Path(__file__).parents[2] / "docs"


def test_the_examples_run(workshop: Workshop) -> None:
    declared, sent, booking = re.findall(r"```python\n(.*?)```", (DOCS / "writing-jobs.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {"__name__": "reports"}
    exec(declared, names)
    exec(sent, names)
    exec(booking, names)
    workshop.execute("CREATE TABLE bookings (order_id integer)")

    with workshop.working():
        booked = workshop.finished(names["book"].send(7))
        wait_for(
            lambda: workshop.execute("SELECT count(*) FROM jobs WHERE status = 'completed'")[0].count == 4,
            "all but the delayed one",
        )

    assert booked.status == "completed"
    assert workshop.execute("SELECT order_id FROM bookings") == [(7,)]
    ((keyed, result),) = workshop.execute("SELECT id, result FROM jobs WHERE idempotency_key = '2026-10'")
    assert isinstance(keyed, UUID)
    assert result == {"sent": 1}
    assert workshop.execute("SELECT status::text FROM jobs WHERE scheduled_at > now()") == [("pending",)]
