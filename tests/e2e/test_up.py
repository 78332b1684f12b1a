"""`aeon-jobs up` as a person runs it: a real start, real kills, a real end."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import httpx
import psutil
import psycopg2
import pytest

from aeon_jobs.ops.embedded import EmbeddedPostgres
from tests.leaks import ignore, short_directory, wait_until_empty

TIMEOUT = 60.0
"""Seconds: two cores may be busy with other things."""

T = TypeVar("T")

pytestmark = pytest.mark.timeout(240)


class System:
    """A running `aeon-jobs up`, seen through its log and its process tree."""

    def __init__(self, directory: Path, **environ: str) -> None:
        self.directory, self.log = directory, directory / "up.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command(directory),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | environ,
                cwd=directory,
                start_new_session=True,
            )

    def says(self, pattern: str) -> str:
        """Waits for a line; its first group."""
        found = until(lambda: re.search(pattern, self.log.read_text()), self._explain(f"{pattern!r} in the log"))
        return found.group(1) if found.groups() else found.group(0)

    def ready(self) -> str:
        """Waits until the API takes jobs; its url."""
        url = self.says(r"ready: (http://\S+)")
        until(lambda: is_ready(url), self._explain("/health/ready"))
        return url

    def child(self, name: str) -> psutil.Process | None:
        """A direct child by the last word of its command, or by its program."""
        for child in psutil.Process(self.process.pid).children():
            words = words_of(child)
            if words and name in (words[-1], Path(words[0]).name):
                return child
        return None

    def worker_group(self) -> psutil.Process | None:
        for child in psutil.Process(self.process.pid).children():
            if "dramatiq" in words_of(child):
                return child
        return None

    def environ(self, name: str) -> str:
        """A variable as the programs were given it."""
        api = until(lambda: self.child("api"), self._explain("the api process"))
        return api.environ()[name]

    @property
    def database_url(self) -> str:
        return self.environ("DATABASE_URL")

    def tree(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(TIMEOUT)

    def _explain(self, what: str) -> Callable[[], str]:
        def text() -> str:
            return f"waited in vain for {what}; exit status {self.process.poll()}; log:\n{self.log.read_text()}"

        return text


@pytest.fixture(scope="module")
def running() -> Iterator[System]:
    """One that the tests which only look share."""
    with short_directory() as directory:
        system = System(directory)
        ignore(system.process.pid)
        try:
            system.ready()
            yield system
        finally:
            system.end()


@pytest.fixture
def start(private_dir: Path) -> Iterator[Callable[..., System]]:
    started: list[System] = []

    def start(**environ: str) -> System:
        started.append(System(private_dir, **environ))
        return started[-1]

    yield start
    for system in started:
        if system.process.poll() is None:
            system.end()


def command(directory: Path) -> list[str]:
    return [sys.executable, "-P", "-m", "aeon_jobs", "up", "--data-dir", str(directory / "data")]


def until(look: Callable[[], T | None], explain: Callable[[], str]) -> T:
    deadline = time.monotonic() + TIMEOUT
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(explain())
        time.sleep(0.05)
    return found


def query(url: str, statement: str) -> object:
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def words_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def alive(processes: list[psutil.Process]) -> list[str]:
    return [f"{process.pid} {' '.join(words_of(process))}" for process in processes if is_alive(process)]


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def replaced(system: System, find: Callable[[], psutil.Process | None]) -> psutil.Process:
    """Kills what `find` finds and waits until it finds another."""
    victim = until(find, lambda: f"not running; log:\n{system.log.read_text()}")
    victim.kill()

    def another() -> psutil.Process | None:
        found = find()
        return found if found is not None and found.pid != victim.pid else None

    return until(another, lambda: f"not replaced; log:\n{system.log.read_text()}")


def test_it_comes_up_ready_replaces_what_dies_and_leaves_nothing_behind(start: Callable[..., System]) -> None:
    system = start()
    url = system.ready()
    key = re.search(r"AEON_JOBS_API_KEY_FILE=(\S+)", system.log.read_text())
    assert key
    holder = {"Authorization": f"Bearer {Path(key[1]).read_text().strip()}"}
    assert httpx.get(f"{url}/api/keys", headers=holder).status_code == 200
    for name in ("scheduler", "dispatcher", "api"):
        replaced(system, lambda name=name: system.child(name))  # type: ignore[misc]
    replaced(system, system.worker_group)
    until(lambda: is_ready(url), lambda: "the API did not come back")

    everything = system.tree()
    assert system.end() == 0
    assert wait_until_empty(lambda: alive(everything)) == []
    port = int(url.rpartition(":")[2])
    with closing(socket.socket()) as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize("server", ["postgres", "valkey-server"])
def test_a_killed_server_comes_back_under_the_same_address(start: Callable[..., System], server: str) -> None:
    system = start()
    url = system.ready()
    replaced(system, lambda: system.child(server))
    until(lambda: is_ready(url), lambda: f"not ready again; log:\n{system.log.read_text()}")
    assert system.end(signal.SIGINT) == 0


def test_jobs_survive_down_and_up(start: Callable[..., System], private_dir: Path) -> None:
    first = start()
    first.ready()
    assert first.end() == 0
    with EmbeddedPostgres(private_dir / "data" / "postgres") as server:
        query(server.url, "INSERT INTO jobs (job_type, scheduled_at) VALUES ('later', now() + interval '1 day')")
    second = start()
    second.ready()
    assert query(second.database_url, "SELECT status::text FROM jobs WHERE job_type = 'later'") == "pending"
    assert second.end() == 0


def test_a_second_up_on_the_same_directory_says_so(running: System) -> None:
    second = subprocess.run(command(running.directory), capture_output=True, text=True, timeout=TIMEOUT)
    assert second.returncode == 1
    assert f"aeon-jobs up is already running (process {running.process.pid})" in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1
    assert is_ready(running.ready())


@pytest.mark.skipif(sys.platform != "linux", reason="needs PR_SET_PDEATHSIG")
def test_everything_goes_down_with_a_supervisor_that_is_killed(start: Callable[..., System]) -> None:
    system = start()
    system.ready()
    everything = system.tree()
    system.process.kill()
    system.process.wait()
    assert wait_until_empty(lambda: alive(everything), timeout_s=TIMEOUT) == []


def test_no_secret_is_in_the_process_list_or_the_log(running: System) -> None:
    password = re.search(r":([^:@]+)@", running.environ("REDIS_URL"))
    assert password is not None
    assert not [line for line in alive(running.tree()) if password.group(1) in line]
    assert password.group(1) not in running.log.read_text()


def test_a_taken_port_is_passed_over_unless_it_was_asked_for(start: Callable[..., System]) -> None:
    with closing(socket.socket()) as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        port = squatter.getsockname()[1]
        system = start(API_PORT=str(port))
        assert system.process.wait(TIMEOUT) == 1
        assert f"port {port} on 127.0.0.1 is taken" in system.log.read_text()


def test_servers_that_the_environment_names_are_used_and_left_running(
    start: Callable[..., System], private_postgres: EmbeddedPostgres
) -> None:
    system = start(DATABASE_URL=private_postgres.url)
    system.ready()
    assert system.child("postgres") is None
    assert system.child("valkey-server") is not None
    assert system.end() == 0
    assert private_postgres.running


def test_ctrl_c_while_starting_leaves_nothing_behind(start: Callable[..., System], private_dir: Path) -> None:
    system = start()
    until(lambda: (private_dir / "data" / "up.lock").exists(), lambda: "never started")
    system.process.send_signal(signal.SIGINT)
    assert system.process.wait(TIMEOUT) in (0, 130)
