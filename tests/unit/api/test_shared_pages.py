"""A page that many look at is made once."""

from __future__ import annotations

import asyncio
import threading

import pytest

from aeon_jobs.api.dashboard import shared
from aeon_jobs.api.dashboard.rendering import Rendered
from aeon_jobs.api.dashboard.shared import SharedPages


def test_a_thousand_viewers_cost_one_look() -> None:
    made: list[int] = []
    go_on = threading.Event()

    def make() -> Rendered:
        made.append(1)
        assert go_on.wait(10)
        return Rendered("Jobs", f"look {len(made)}")

    async def look() -> list[Rendered]:
        pages = SharedPages()
        viewers = [asyncio.create_task(pages.get("/jobs", make)) for _ in range(1_000)]
        while not made:
            await asyncio.sleep(0)
        viewers[0].cancel()  # goes away, and takes nothing from the others
        go_on.set()
        found = await asyncio.gather(*viewers[1:])
        return [*found, await pages.get("/jobs", make)]

    assert {page.main for page in asyncio.run(look())} == {"look 1"}
    assert len(made) == 1


def test_after_a_change_and_after_a_failure_it_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "MOST", 3)

    def fail() -> Rendered:
        raise LookupError

    async def look() -> list[str]:
        pages = SharedPages()
        with pytest.raises(LookupError):
            await pages.get("/jobs", fail)
        found = [(await pages.get("/jobs", lambda: Rendered("", "first"))).main]
        found.append((await pages.get("/jobs", lambda: Rendered("", "second"))).main)
        pages.forget()
        found.append((await pages.get("/jobs", lambda: Rendered("", "third"))).main)
        for number in range(10):
            await pages.get(number, lambda: Rendered("", "other"))
        assert len(pages._entries) <= 3
        return found

    assert asyncio.run(look()) == ["first", "first", "third"]
