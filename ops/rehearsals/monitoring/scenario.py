"""The steps of the rehearsal.

1. Every target of Prometheus is up.
2. The demo's jobs run. Every query of every panel has values.
3. The worker group is killed: WorkerDown reaches the receiver. A new one is started: it is resolved.
4. Jobs fail: HighFailureRate reaches the receiver. Jobs succeed again: it is resolved.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from aeon_jobs.ops.demo import scenario as demo_scenario
from aeon_jobs.ops.demo import weather, workload
from aeon_jobs.ops.demo.progress import Progress
from aeon_jobs.ops.demo.system import DemoSystem
from aeon_jobs.ops.rehearsals.monitoring import load, pictures
from aeon_jobs.ops.rehearsals.monitoring.dashboard import panels
from aeon_jobs.ops.rehearsals.monitoring.prometheus import Prometheus
from aeon_jobs.ops.rehearsals.monitoring.receiver import Notice, Receiver
from aeon_jobs.ops.rehearsals.monitoring.workers import WorkerGroup

TARGETS = {"aeon-jobs-exporter", "aeon-jobs-api", "alertmanager"}
STEP_S = 120.0
"""Seconds for one step. The longest waits for an alert with durations divided by 15: some 30 s."""
POLL_S = 0.5


class StepFailed(Exception):
    """The message says what was waited for."""


@dataclass
class Scenario:
    system: DemoSystem
    prometheus: Prometheus
    receiver: Receiver
    console: Console
    directory: Path | None
    """Where the pictures go."""
    began: float = field(default_factory=time.monotonic)

    def run(self) -> bool:
        """Whether every step showed what it must. Stops what it started."""
        worker = WorkerGroup(self.system.log)
        try:
            self._targets_are_up()
            self._demo_runs()
            self._panels_have_values()
            worker = self._worker_down(worker)
            self._high_failure_rate()
            if self.directory:
                self._draw(self.directory)
        except StepFailed as failure:
            self._say("✗", f"{failure}")
            self._say(
                " ",
                f"alerts that came: {', '.join(self.receiver.names()) or 'none'}; targets: {self.prometheus.targets()}",
            )
            return False
        finally:
            worker.stop()
        self._say("✓", f"the receiver got: {', '.join(self.receiver.names())}")
        return True

    def _targets_are_up(self) -> None:
        self._until(lambda: self.prometheus.targets() == dict.fromkeys(TARGETS, "up"), "every target to be up")
        self._say("✓", f"every target is up: {', '.join(sorted(TARGETS))}")

    def _demo_runs(self) -> None:
        orders = workload.workload(weather.days(), self.system.receiver.address)
        quiet = Console(file=self.system.log)
        with Progress(quiet, self.system.database, self.system.deadline) as progress:
            demo_scenario.run(self.system, progress, orders)
        self._say("✓", f"the demo's load ran: {len(orders)} jobs")

    def _panels_have_values(self) -> None:
        missing: list[str] = []

        def every_query_has_values() -> bool:
            # A rate needs jobs that run now.
            load.good(self.system, 5)
            missing[:] = list(self._queries_without_values())
            return not missing

        self._until(every_query_has_values, lambda: f"values of {'; '.join(missing)}")
        found = panels()
        number = sum(len(panel.targets) for panel in found)
        self._say("✓", f"every panel has values: {len(found)} panels, {number} queries")

    def _queries_without_values(self) -> Iterator[str]:
        seconds = time.monotonic() - self.began
        for panel in panels():
            for target in panel.targets:
                if not self.prometheus.history(target.expression, seconds):
                    yield f"{panel.title}: {target.expression}"

    def _worker_down(self, worker: WorkerGroup) -> WorkerGroup:
        killed, began = worker.kill(), time.monotonic()
        notices = self._alert("WorkerDown", "firing", began)
        names = ", ".join(sorted(notice.labels["worker_id"] for notice in notices))
        self._say("✓", f"killed {killed} processes: WorkerDown came after {notices[0].at - began:.0f} s, for {names}")
        began = time.monotonic()
        fresh = WorkerGroup(self.system.log)
        try:
            notices = self._alert("WorkerDown", "resolved", began)
        except BaseException:
            fresh.stop()
            raise
        self._say("✓", f"started a new worker group: WorkerDown was resolved after {notices[0].at - began:.0f} s")
        return fresh

    def _high_failure_rate(self) -> None:
        began = time.monotonic()
        notices = self._alert("HighFailureRate", "firing", began, lambda: load.bad(self.system, 2))
        self._say(
            "✓",
            f"jobs fail: HighFailureRate came after {notices[0].at - began:.0f} s: {notices[0].annotations['summary']}",
        )
        began = time.monotonic()
        notices = self._alert("HighFailureRate", "resolved", began, lambda: load.good(self.system, 5))
        self._say("✓", f"jobs succeed: HighFailureRate was resolved after {notices[0].at - began:.0f} s")

    def _alert(
        self, name: str, status: str, since: float, meanwhile: Callable[[], None] = lambda: None
    ) -> list[Notice]:
        """Wait until the receiver has this alert, with this status for each of its labels."""

        def came() -> list[Notice]:
            meanwhile()
            found = self.receiver.latest(name, since)
            return found if found and all(notice.status == status for notice in found) else []

        self._until(came, f"{name} {status}")
        return came()

    def _draw(self, directory: Path) -> None:
        files = pictures.draw(self.prometheus, panels(), time.monotonic() - self.began, directory)
        self._say("✓", f"drew {len(files)} pictures, {sum(file.stat().st_size for file in files) // 1024} kB")

    def _until(self, look: Callable[[], object], waiting_for: str | Callable[[], str]) -> None:
        """
        Raises:
            StepFailed, Interrupted
        """
        began = time.monotonic()
        while not look():
            text = waiting_for if isinstance(waiting_for, str) else waiting_for()
            if time.monotonic() - began > STEP_S:
                raise StepFailed(f"after {STEP_S:.0f} s there is still no sign of {text}")
            self.system.deadline.check(lambda: text)  # noqa: B023 - asked at once
            time.sleep(POLL_S)

    def _say(self, mark: str, text: str) -> None:
        self.console.print(f"{time.monotonic() - self.began:5.0f} s  {mark} {escape(text)}", soft_wrap=True)
