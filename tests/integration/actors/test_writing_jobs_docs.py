"""docs/writing-jobs.md holds: its examples run as they stand, in their order."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.harness import Harness
from tests.waiting import wait_for

DOCS = Path(__file__).parents[3] / "docs"


def test_the_examples_run(harness: Harness) -> None:
    declared, sent, booking = re.findall(r"```python\n(.*?)```", (DOCS / "writing-jobs.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {"__name__": "reports"}
    exec(declared, names)
    exec(sent, names)
    exec(booking, names)
    harness.execute("CREATE TABLE bookings (order_id integer)")

    with harness.working():
        booked = harness.finished(names["book"].send(7))
        wait_for(
            lambda: harness.execute("SELECT count(*) FROM jobs WHERE status = 'completed'")[0].count == 4,
            "all but the delayed one",
        )

    assert booked.status == "completed"
    assert harness.execute("SELECT order_id FROM bookings") == [(7,)]
    ((keyed, result),) = harness.execute("SELECT id, result FROM jobs WHERE idempotency_key = '2026-10'")
    assert isinstance(keyed, UUID)
    assert result == {"sent": 1}
    assert harness.execute("SELECT status::text FROM jobs WHERE scheduled_at > now()") == [("pending",)]
