"""The supervisor with small programs, in a process of its own that is watched through its output."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from tests.leaks import wait_until_empty

MAIN = """
import os, pathlib, sys
from rich.console import Console
from aeon_jobs.ops.lines import Lines
from aeon_jobs.ops.programs import Program, StopRank
from aeon_jobs.ops.restart import RestartPolicy
from aeon_jobs.ops.supervisor import Supervisor

def program(name, code, rank=StopRank.WORK, stop_limit=10, restart=True, waits_for_change=False):
    return Program(name, (sys.executable, "-u", "-c", code), rank, stop_limit, restart, waits_for_change)

def restart_if_asked():
    if asked.exists():
        asked.unlink()
        supervisor.restart("a", "a file changed")

SLEEPER = "import os, signal; print('pid', os.getpid()); signal.pause()"
GENTLE = '''
import os, signal, sys
def leave(*_): print("bye"); sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print("pid", os.getpid())
while True: signal.pause()
'''
DEAF = '''
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("pid", os.getpid())
while True: signal.pause()
'''
PARENT = '''
import os, signal
fork = os.fork()
if fork: print("pid", os.getpid(), "fork", fork)
while True: signal.pause()
'''
programs = eval(sys.argv[1])
asked = pathlib.Path(sys.argv[2])
policy = RestartPolicy(base=0.05, limit=0.2)
with Lines(Console(width=200), [p.name for p in programs]) as lines:
    supervisor = Supervisor(programs, environ=os.environ, lines=lines, policy=policy, on_tick=restart_if_asked)
    supervisor.run()
try:
    print("hurried" if supervisor.hurried else "in order", flush=True)
except BrokenPipeError:
    os._exit(0)
"""


class Run:
    """A supervisor process; `until` reads its output up to a line that matches."""

    def __init__(self, programs: str, restart_file: Path) -> None:
        self._restart_file = restart_file
        self.process = subprocess.Popen(
            [sys.executable, "-c", MAIN, programs, str(restart_file)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=Path(__file__).parents[3],
            start_new_session=True,
        )
        self.seen: list[str] = []

    def until(self, pattern: str) -> re.Match[str]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.seen.append(line.rstrip())
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"{pattern!r} did not appear:\n" + "\n".join(self.seen))

    def pid_of(self, name: str) -> int:
        return int(self.until(rf"^{name} +│ pid (\d+)").group(1))

    def pids(self, count: int) -> list[int]:
        """Of the first programs to say so, whichever they are."""
        return [int(self.until(r"│ pid (\d+)").group(1)) for _ in range(count)]

    def ask_to_restart(self) -> None:
        self._restart_file.touch()

    def stop_reading(self) -> None:
        assert self.process.stdout is not None
        self.process.stdout.close()

    def end(self) -> int:
        """Reads what is left; the exit status."""
        assert self.process.stdout is not None
        self.seen += self.process.stdout.read().splitlines()
        return self.process.wait(10)


@pytest.fixture
def runs() -> Iterator[list[Run]]:
    started: list[Run] = []
    yield started
    for run in started:
        run.process.kill()
        run.process.wait()
        run.stop_reading()


def start(runs: list[Run], programs: str) -> Run:
    runs.append(Run(programs, Path(tempfile.gettempdir(), f"restart-{uuid4()}")))
    return runs[-1]


def gone(*pids: int) -> bool:
    return not wait_until_empty(lambda: [pid for pid in pids if _alive(pid)], timeout_s=10)


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_output_comes_behind_the_name_of_its_program(runs: list[Run]) -> None:
    run = start(runs, "[program('short', SLEEPER), program('much-longer', GENTLE)]")
    run.pids(2)
    run.process.terminate()
    run.end()
    assert any(re.match(r"short       │ pid \d+$", line) for line in run.seen)
    assert "much-longer │ bye" in run.seen


def test_a_last_line_without_newline_is_not_lost(runs: list[Run]) -> None:
    run = start(runs, "[program('a', 'import sys; sys.stdout.write(\"the end\")', restart=False)]")
    run.until("a  │ the end")
    run.until("a ended with status 0; it is not restarted")
    run.process.terminate()
    assert run.end() == 0


def test_what_dies_is_replaced(runs: list[Run]) -> None:
    run = start(runs, "[program('a', SLEEPER)]")
    first = run.pid_of("a")
    os.kill(first, signal.SIGKILL)
    run.until("a was killed by SIGKILL; restarting in 0.[01] s")
    assert run.pid_of("a") != first
    run.process.terminate()
    assert run.end() == 0


def test_what_a_dead_program_forked_dies_before_its_replacement_starts(runs: list[Run]) -> None:
    run = start(runs, "[program('a', PARENT)]")
    parent, fork = map(int, run.until(r"pid (\d+) fork (\d+)").groups())
    os.kill(parent, signal.SIGKILL)
    run.pid_of("a")
    assert gone(fork)
    run.process.terminate()
    run.end()


def test_ranks_stop_one_after_the_other(runs: list[Run]) -> None:
    run = start(runs, "[program('work', GENTLE), program('intake', GENTLE, StopRank.INTAKE)]")
    run.pids(2)
    run.process.terminate()
    assert run.end() == 0
    assert [line.split()[0] for line in run.seen if line.endswith("bye")] == ["intake", "work"]


def test_what_does_not_stop_in_time_is_killed_with_its_forks(runs: list[Run]) -> None:
    run = start(runs, "[program('deaf', DEAF, stop_limit=0.3)]")
    pid = run.pid_of("deaf")
    began = time.monotonic()
    run.process.terminate()
    assert run.end() == 0
    assert time.monotonic() - began >= 0.3
    assert gone(pid)
    assert run.seen[-1] == "in order"


def test_a_second_ctrl_c_kills_at_once(runs: list[Run]) -> None:
    run = start(runs, "[program('deaf', DEAF, stop_limit=60), program('polite', GENTLE, StopRank.INTAKE)]")
    pids = run.pids(2)
    run.process.send_signal(signal.SIGINT)
    run.until("polite +│ bye")
    run.process.send_signal(signal.SIGINT)
    assert run.end() == 0
    assert gone(*pids)
    assert run.seen[-1] == "hurried"


def test_a_restart_waits_for_the_end_of_the_old_process(runs: list[Run]) -> None:
    run = start(runs, "[program('a', GENTLE)]")
    first = run.pid_of("a")
    run.ask_to_restart()
    run.until("up │ a file changed: restarting a")
    run.until("a  │ bye")
    assert run.pid_of("a") != first
    run.process.terminate()
    assert run.end() == 0
    assert not [line for line in run.seen if "ended with status" in line]


def test_a_restart_kills_what_does_not_stop_in_time(runs: list[Run]) -> None:
    run = start(runs, "[program('a', DEAF, stop_limit=0.3)]")
    first = run.pid_of("a")
    run.ask_to_restart()
    run.until("a did not stop within 0 s: killed")
    assert run.pid_of("a") != first
    assert gone(first)
    run.process.terminate()
    assert run.end() == 0


def test_a_failed_import_waits_for_a_change(runs: list[Run]) -> None:
    run = start(runs, "[program('a', 'print(\"pid 1\"); raise SystemExit(2)', waits_for_change=True)]")
    for _ in range(2):
        run.pid_of("a")
        run.until("a cannot import its modules \\(see above\\); it starts again when a file changes")
        run.ask_to_restart()
    run.pid_of("a")
    run.process.terminate()
    assert run.end() == 0
    assert not [line for line in run.seen if "restarting in" in line]


@pytest.mark.skipif(sys.platform != "linux", reason="needs PR_SET_PDEATHSIG")
def test_programs_die_with_a_supervisor_that_is_killed(runs: list[Run]) -> None:
    run = start(runs, "[program('a', SLEEPER), program('b', GENTLE)]")
    pids = run.pids(2)
    run.process.kill()
    assert gone(*pids)


def test_a_program_that_closes_its_output_runs_on_and_costs_nothing(runs: list[Run]) -> None:
    silent = "import os, signal; print('pid', os.getpid()); os.close(1); os.close(2); signal.pause()"
    clock = "import time; time.sleep(1); print('tock'); time.sleep(60)"
    run = start(runs, f"[program('silent', {silent!r}), program('clock', {clock!r})]")
    pid = run.pids(1)[0]
    before = cpu_seconds(run)
    run.until("tock")
    assert cpu_seconds(run) - before < 0.5
    assert _alive(pid)
    run.process.terminate()
    assert run.end() == 0


def cpu_seconds(run: Run) -> float:
    times = psutil.Process(run.process.pid).cpu_times()
    return float(times.user + times.system)


def test_nobody_reading_any_more_does_not_stop_the_shutdown(runs: list[Run]) -> None:
    run = start(runs, "[program('a', GENTLE)]")
    pid = run.pid_of("a")
    run.stop_reading()
    run.process.terminate()
    assert run.process.wait(10) == 0
    assert gone(pid)


def test_a_paused_terminal_does_not_stop_the_shutdown(runs: list[Run]) -> None:
    chatter = "while True: print('x' * 1000, flush=True)"
    run = start(runs, f"[program('chatter', {chatter!r}), program('gentle', GENTLE)]")
    pids = [child.pid for child in until_children(run, 2)]
    # Nothing reads the pipe: it is full at once.
    run.process.terminate()
    assert gone(*pids)
    run.stop_reading()
    run.process.wait(10)


def until_children(run: Run, count: int) -> list[psutil.Process]:
    supervisor = psutil.Process(run.process.pid)
    assert not wait_until_empty(lambda: [] if len(supervisor.children()) == count else [1], timeout_s=10)
    return supervisor.children()
