"""Runs the checks in order.

1. Are the servers there? If not, the test ends here.
2. A job is submitted, and runs.
3. Workers, dispatcher, scheduler.
4. Statistics and metrics can be read.

A check that does not answer in its time has failed, and is left behind: the whole test ends within a minute.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from aeon_jobs.api.service.checks.finding import Finding, Status, error, skipped
from aeon_jobs.ops.smoke import checks
from aeon_jobs.ops.smoke.target import Target

Check = Callable[[Target], Finding | Iterable[Finding] | None]

CHECKS: Sequence[tuple[Check, str, float]] = (
    (checks.servers, "servers", 10),
    (checks.job, "job", checks.JOB_TIMEOUT_S + 10),
    (checks.workers, "workers", 5),
    (checks.lost_processes, "lost processes", 5),
    (checks.dispatcher, "dispatcher", 5),
    (checks.scheduler, "scheduler", 5),
    (checks.statistics, "statistics", 5),
    (checks.prometheus, "metrics", 6),
)
"""Each with its name and the seconds that it may take."""
WITHIN_S = 55.0
"""All of them together."""


@dataclass(frozen=True, slots=True)
class Result:
    name: str
    status: Status
    detail: str
    remedy: str
    seconds: float


def run_checks(target: Target, within_s: float = WITHIN_S) -> Iterator[Result]:
    """Each result as soon as it is known."""
    ends_at = time.monotonic() + within_s
    for check, name, most_s in CHECKS:
        failed = False
        for result in _within(check, name, target, max(0.1, min(most_s, ends_at - time.monotonic()))):
            failed |= result.status == "error"
            yield result
        if failed and check is checks.servers:
            yield _result(skipped("everything else", "the servers are not ready"), 0)
            return


def _within(check: Check, name: str, target: Target, most_s: float) -> Iterator[Result]:
    """The results of one check. It runs in a thread of its own: a server that is silent cannot hold up the test."""
    found: queue.SimpleQueue[Finding | None] = queue.SimpleQueue()
    threading.Thread(target=_put, args=(check, name, target, found), name=f"smoke {name}", daemon=True).start()
    ends_at = at = time.monotonic() + most_s
    at -= most_s
    while True:
        try:
            finding = found.get(timeout=max(0, ends_at - time.monotonic()))
        except queue.Empty:
            yield _result(error(name, f"no answer within {most_s:.0f} s", "aeon-jobs doctor"), time.monotonic() - at)
            return
        if finding is None:
            return
        yield _result(finding, time.monotonic() - at)
        at = time.monotonic()


def _put(check: Check, name: str, target: Target, found: queue.SimpleQueue[Finding | None]) -> None:
    try:
        findings = check(target)
        if isinstance(findings, Finding):
            findings = [findings]
        for finding in findings or ():
            found.put(finding)
    except Exception as fault:  # noqa: BLE001 - whatever it is, it is what the check found
        found.put(error(name, _first_line(fault), "aeon-jobs doctor says more"))
    found.put(None)


def _result(finding: Finding, seconds: float) -> Result:
    return Result(finding.name, finding.status, finding.detail, finding.remedy, round(seconds, 3))


def _first_line(fault: Exception) -> str:
    return (str(getattr(fault, "orig", fault)).strip() or type(fault).__name__).splitlines()[0]
