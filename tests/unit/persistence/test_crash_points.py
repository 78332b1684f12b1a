"""Crash points: each named one is in the code once, and nothing happens at any without AEON_CRASH."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from aeon_jobs.persistence.core import crash_points
from aeon_jobs.persistence.core.errors import SettingsError
from tests.group import ROOT

PACKAGES = ("persistence", "middleware", "actors")


def test_each_named_point_is_in_the_code_exactly_once() -> None:
    source = "\n".join(path.read_text() for name in PACKAGES for path in Path(ROOT, name).rglob("*.py"))

    assert Counter(re.findall(r'\bcrash\("([^"]+)"\)', source)) == Counter(crash_points.POINTS.keys())


def test_without_a_plan_the_crash_does_nothing() -> None:
    assert crash_points.crash("claim.committed") is None
    assert crash_points.crash.__code__.co_code == (lambda point: None).__code__.co_code


def test_only_the_planned_passage_kills(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    monkeypatch.setattr(crash_points.os, "kill", lambda _pid, number: killed.append(number))
    crash = crash_points.armed("claim.committed:2")

    crash("handler.ended")
    crash("claim.committed")
    assert killed == []
    crash("claim.committed")
    assert killed == [9]


@pytest.mark.parametrize("plan", ["claim.comitted", "claim.committed:x", ":1"])
def test_a_plan_for_no_such_point_is_refused(plan: str) -> None:
    with pytest.raises(SettingsError, match="AEON_CRASH"):
        crash_points.armed(plan)
