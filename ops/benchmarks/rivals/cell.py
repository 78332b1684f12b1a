"""One system measured once: a new database, an empty Redis, a producer, and the processes that run jobs.

1. Jobs are sent one by one while no worker runs: `enqueue`.
2. Workers start and run them: `drain`, from the first completion to the last, and its CPU seconds by process.
3. Workers are idle, and a producer sends one by one: `end to end`, from the first send to the last completion.
4. 50 jobs a second: seconds from the send to the first line of the handler.
5. Workers are stopped, and jobs are sent by the interface for many: `bulk`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from aeon_jobs.ops.benchmarks.figure import percentile
from aeon_jobs.ops.benchmarks.program import cpu_s, shared_mb, tree
from aeon_jobs.ops.benchmarks.rivals import environments
from aeon_jobs.ops.benchmarks.rivals.systems import PACKAGE, Measured
from aeon_jobs.ops.benchmarks.rivals.work import DONE, TAKEN
from aeon_jobs.ops.benchmarks.scale import Scale
from aeon_jobs.ops.benchmarks.system import System
from aeon_jobs.ops.embedded.tether import tethered

RATE = 50
TIMEOUT_S = 120
POLL_S = 0.01
CALM_CORES = 1 / 3
DATABASE = "rivals"


def measure_once(system: System, measured: Measured, scale: Scale) -> dict[str, float]:
    """Values by name, as they are printed: jobs/s, ms, CPU seconds per 1,000 jobs, MB."""
    _calm(scale.calm_s)
    own, all_of_it, began = _own_cpu_s(), _machine_cpu_s(), time.monotonic()
    with _Cell(system, measured) as cell:
        values = cell.measure(scale)
    # A negative one is the rounding of the counters.
    others = max(0.0, _machine_cpu_s() - all_of_it - (_own_cpu_s() - own)) / (time.monotonic() - began)
    return values | {"load by others": others}


def drained_per_s(system: System, measured: Measured, count: int, limit_s: float) -> float:
    """Jobs a second with `count` in the queue; of the first `limit_s` if they take longer."""
    with _Cell(system, measured) as cell:
        return cell.drained_per_s(count, limit_s)


class _Cell:
    """One system, with an empty database and an empty Redis."""

    def __init__(self, system: System, measured: Measured) -> None:
        self._system, self._measured = system, measured
        self._python = environments.python(measured)
        self._environment = os.environ | {
            "DATABASE_URL": system.postgres.url_of(DATABASE),
            "PYTHONPATH": environments.import_path(),
            "PYTHONUNBUFFERED": "1",
        }
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._system.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        self._system.execute(f"CREATE DATABASE {DATABASE}")
        self._system.redis.flushall()
        self._system.execute("CHECKPOINT")
        self._producer = self._stack.enter_context(self._running_producer())
        self._ask(do="prepare")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            for log in sorted(self._system.directory.glob(f"{self._measured.name}-*.log")):
                sys.stderr.write(f"{log.name}: {log.read_text(errors='replace')[-2_000:]}\n")
        self._stack.close()

    def measure(self, scale: Scale) -> dict[str, float]:
        count = scale.compared
        values = {"enqueue": count / self._ask(do="send", count=count)}
        with self._running_processes() as processes:
            values |= self._drain(processes, count)
            values["memory"] = sum(map(shared_mb, _all(processes)))
            values["end to end"] = self._end_to_end(count)
            values |= self._latency(int(RATE * scale.compared_s))
        return values | {"bulk": count / self._ask(do="send_many", count=count)}

    def drained_per_s(self, count: int, limit_s: float) -> float:
        self._ask(do="send_many", count=count)
        with self._running_processes():
            self._until_done(1)
            first, began = self._done(), time.perf_counter()
            while self._done() < count and time.perf_counter() - began < limit_s:
                time.sleep(POLL_S)
            return (self._done() - first) / (time.perf_counter() - began)

    def _drain(self, processes: dict[str, int], count: int) -> dict[str, float]:
        self._until_done(1)
        first, before, began = self._done(), self._cpu_s(processes), time.perf_counter()
        self._until_done(count)
        done, took, after = self._done() - first, time.perf_counter() - began, self._cpu_s(processes)
        if done <= 0:
            raise RuntimeError(f"{self._measured.name} ran all {count} jobs within {POLL_S} s: measure more of them")
        cpu = {part: (after[part] - before[part]) / done * 1_000 for part in after}
        named = {f"CPU per 1,000, {part}": used for part, used in _without_numbers(cpu).items()}
        return {"drain": done / took, "CPU per 1,000": sum(cpu.values()), **named}

    def _end_to_end(self, count: int) -> float:
        self._system.redis.delete(DONE)
        time.sleep(1)  # workers are at rest
        began = time.perf_counter()
        self._request(do="send", count=count)
        self._until_done(count)
        took = time.perf_counter() - began
        self._response()
        return count / took

    def _latency(self, count: int) -> dict[str, float]:
        # The first jobs pay for connections and caches.
        self._ask(do="paced", count=20, rate=RATE)
        self._wait(lambda: self._system.redis.llen(TAKEN) >= 20, "20 stamps")
        self._system.redis.delete(TAKEN)
        self._ask(do="paced", count=count, rate=RATE)
        self._wait(lambda: self._system.redis.llen(TAKEN) >= count, f"{count} stamps")
        taken = [float(seconds) * 1_000 for seconds in self._system.redis.lrange(TAKEN, 0, -1)]
        return {f"submit to start {name}": percentile(taken, float(name[1:])) for name in ("p50", "p95", "p99")}

    def _done(self) -> int:
        return int(self._system.redis.get(DONE) or 0)

    def _until_done(self, count: int) -> None:
        self._wait(lambda: self._done() >= count, f"{count} jobs")

    def _wait(self, look: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + TIMEOUT_S
        while not look():
            if time.monotonic() > end:
                raise TimeoutError(f"{self._measured.name}: {what} not done after {TIMEOUT_S} s")
            time.sleep(POLL_S)

    def _cpu_s(self, processes: dict[str, int]) -> dict[str, float]:
        running = {name: sum(map(cpu_s, tree(pid))) for name, pid in processes.items()}
        return running | self._system.server_cpu_s()

    def _ask(self, **request: object) -> float:
        self._request(**request)
        return self._response()

    def _request(self, **request: object) -> None:
        assert self._producer.stdin
        self._producer.stdin.write(json.dumps(request) + "\n")
        self._producer.stdin.flush()

    def _response(self) -> float:
        assert self._producer.stdout
        if not (line := self._producer.stdout.readline()):
            raise RuntimeError(f"the producer of {self._measured.name} ended")
        return float(json.loads(line)["seconds"])

    @contextmanager
    def _running_producer(self) -> Iterator[subprocess.Popen[str]]:
        argv = [self._python, "-P", "-m", f"{PACKAGE}.producer", self._measured.adapter]
        with (
            self._log("producer").open("ab") as log,
            subprocess.Popen(  # noqa: S603 - our own arguments
                argv, env=self._environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            ) as process,
        ):
            try:
                yield process
            finally:
                process.kill()

    @contextmanager
    def _running_processes(self) -> Iterator[dict[str, int]]:
        """Process ids by name."""
        started: dict[str, subprocess.Popen[bytes]] = {}
        try:
            for name, arguments in self._measured.processes.items():
                with self._log(name).open("ab") as log:
                    argv = [self._python, "-P", "-m", *arguments]
                    started[name] = tethered(argv, death_signal=signal.SIGTERM, output=log, environ=self._environment)
            yield {name: process.pid for name, process in started.items()}
        finally:
            _stop(list(started.values()))

    def _log(self, name: str) -> Path:
        return self._system.directory / f"{self._measured.name}-{name}.log"


def _stop(processes: list[subprocess.Popen[bytes]]) -> None:
    """TERM, and after 10 seconds kill -9, for all at once."""
    everything = [each for process in processes for each in tree(process.pid)]
    for process in processes:
        process.terminate()
    _, alive = psutil.wait_procs(everything, 10)
    for each in alive:
        each.kill()
    for process in processes:
        process.wait()


def _without_numbers(cpu: dict[str, float]) -> dict[str, float]:
    """`worker 1` and `worker 2` are `workers` together."""
    together: dict[str, float] = {}
    for part, used in cpu.items():
        name = "workers" if part.startswith("worker ") else part
        together[name] = together.get(name, 0.0) + used
    return together


def _all(processes: dict[str, int]) -> list[psutil.Process]:
    return [each for pid in processes.values() for each in tree(pid)]


def _own_cpu_s() -> float:
    """Of this process and everything it started, the servers too."""
    return sum(map(cpu_s, tree(os.getpid())))


def _machine_cpu_s() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))


def _calm(limit_s: float) -> None:
    """Wait until others use little of the machine, at most `limit_s`."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        before = _machine_cpu_s()
        time.sleep(1)
        if _machine_cpu_s() - before < CALM_CORES:
            return
