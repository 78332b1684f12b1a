"""`aeon-jobs up` as a person runs it: a real start, real kills, a real end."""

from __future__ import annotations

import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import psutil
import psycopg2
import pytest

from aeon_jobs.ops import local_services
from aeon_jobs.ops.embedded import EmbeddedPostgres
from tests.e2e.system import TIMEOUT, System, is_ready, until, words_of
from tests.leaks import ignore, short_directory, wait_until_empty

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def running() -> Iterator[System]:
    """One that the tests which only look share."""
    with short_directory() as directory:
        system = System(directory, command(directory))
        ignore(system.process.pid)
        try:
            system.ready()
            yield system
        finally:
            system.end()


@pytest.fixture
def start(private_dir: Path) -> Iterator[Callable[..., System]]:
    started: list[System] = []

    def start(*options: str, **environ: str) -> System:
        started.append(System(private_dir, [*command(private_dir), *options], **environ))
        return started[-1]

    yield start
    for system in started:
        if system.process.poll() is None:
            system.end()


def command(directory: Path) -> list[str]:
    return [sys.executable, "-P", "-m", "aeon_jobs", "up", "--data-dir", str(directory / "data")]


def query(url: str, statement: str) -> object:
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None


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


def test_it_comes_up_ready_opens_a_browser_replaces_what_dies_and_leaves_nothing_behind(
    start: Callable[..., System], private_dir: Path
) -> None:
    browser = private_dir / "browser"
    browser.write_text(f"#!/bin/sh\necho $1 > {private_dir}/opened\n")
    browser.chmod(0o755)
    system = start("--open", BROWSER=str(browser))
    url = system.ready()
    opened = private_dir / "opened"
    until(lambda: opened.exists() and opened.read_text().strip(), lambda: "no browser was opened")
    assert opened.read_text().strip() == f"{url}/dashboard"
    holder = {"Authorization": f"Bearer {(system.directory / 'data' / 'api-key').read_text().strip()}"}
    assert httpx.get(f"{url}/api/keys", headers=holder).status_code == 200
    for name in ("scheduler", "dispatcher", "api"):
        replaced(system, lambda name=name: system.child(name))  # type: ignore[misc]
    replaced(system, system.worker_group)
    until(lambda: is_ready(url), lambda: "the API did not come back")

    everything = system.tree()
    assert system.end() == 0
    assert wait_until_empty(lambda: alive(everything)) == []


def test_a_killed_server_comes_back_under_the_same_address(start: Callable[..., System]) -> None:
    system = start()
    url = system.ready()
    for server in ("postgres", "valkey-server"):
        replaced(system, lambda server=server: system.child(server))  # type: ignore[misc]
        until(lambda: is_ready(url), lambda: f"not ready again; log:\n{system.log.read_text()}")
    assert system.end(signal.SIGINT) == 0


def test_jobs_survive_down_and_up_in_a_terminal_that_used_the_last_one(
    start: Callable[..., System], private_dir: Path
) -> None:
    first = start()
    first.ready()
    lines = (private_dir / "data" / "env").read_text()
    given = dict(word.partition("=")[::2] for word in shlex.split(lines) if "=" in word)
    assert first.end() == 0
    with EmbeddedPostgres(private_dir / "data" / "postgres") as server:
        query(server.url, "INSERT INTO jobs (job_type, scheduled_at) VALUES ('later', now() + interval '1 day')")
    second = start(**given)
    second.ready()
    assert second.child("postgres") is not None
    assert second.environ("REDIS_URL") == given["REDIS_URL"]
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
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        system = start(API_PORT=str(port))
        assert system.process.wait(TIMEOUT) == 1
        assert f"port {port} on 127.0.0.1 is taken" in system.log.read_text()


def test_ctrl_c_while_starting_leaves_nothing_behind(start: Callable[..., System], private_dir: Path) -> None:
    system = start()
    until(lambda: (private_dir / "data" / "up.lock").exists(), lambda: "never started")
    system.process.send_signal(signal.SIGINT)
    assert system.process.wait(TIMEOUT) in (0, 130)


SHOP = """
from aeon_jobs import job

@job
def invoice(order: int) -> str:
    return "VERSION"
"""


def test_modules_run_beside_the_built_in_types_and_are_reloaded(
    start: Callable[..., System], private_dir: Path
) -> None:
    shop = private_dir / "shop.py"
    shop.write_text(SHOP.replace("VERSION", "first"))
    system = start("shop", "--reload", WORKER_PROCESSES="1")
    system.ready()
    insert = "INSERT INTO jobs (job_type, payload) VALUES ('invoice', '{\"order\": 1}')"
    result = "SELECT result FROM jobs WHERE status = 'completed' ORDER BY created_at DESC LIMIT 1"

    def ran(version: str) -> bool:
        return query(system.database_url, result) == version

    query(system.database_url, insert)
    until(lambda: ran("first"), lambda: system.log.read_text())

    shop.write_text("raise ValueError('shop is broken')")
    system.says("shop.py changed: restarting worker")
    system.says("ValueError: shop is broken")
    system.says(r"worker cannot import its modules \(see above\); it starts again when a file changes")
    assert system.log.read_text().count("Traceback") == 1, system.log.read_text()
    shop.write_text(SHOP.replace("VERSION", "second"))
    query(system.database_url, insert)
    until(lambda: ran("second"), lambda: system.log.read_text())
    assert system.end() == 0


def test_a_module_that_does_not_exist_ends_it_at_once(start: Callable[..., System], private_dir: Path) -> None:
    system = start("shpo")
    assert system.process.wait(TIMEOUT) == 3
    assert f"error: no module named shpo in {private_dir}" in system.log.read_text()
    assert not (private_dir / "data").exists()


def test_reload_without_modules_is_refused(start: Callable[..., System]) -> None:
    system = start("--reload")
    assert system.process.wait(TIMEOUT) == 2
    assert "--reload: name the modules whose files are watched" in system.log.read_text()


def test_a_database_of_the_users_is_used_and_left_running_and_no_mail_is_caught_beside_it(
    start: Callable[..., System], private_postgres: EmbeddedPostgres
) -> None:
    system = start(DATABASE_URL=private_postgres.url)
    system.ready()
    assert system.child("postgres") is None
    assert system.child("valkey-server") is not None
    api = until(lambda: system.child("api"), lambda: "no api")
    assert not {"SMTP_HOST", "WEBHOOK_SECRET_FILE", "WEBHOOK_ALLOW_HOSTS", "DATA_ROOT"} & set(api.environ())
    assert system.end() == 0
    assert private_postgres.running


@pytest.mark.parametrize(("host", "allowed"), [("127.0.0.1", True), ("0.0.0.0", False)])
def test_webhooks_to_this_machine_are_allowed_while_only_this_machine_can_submit(
    tmp_path: Path, host: str, allowed: bool
) -> None:
    environ = {"API_HOST": host}
    local_services.provide(tmp_path, environ)
    assert ("WEBHOOK_ALLOW_HOSTS" in environ) is allowed


def test_what_the_environment_names_is_not_replaced(tmp_path: Path) -> None:
    given = {"SMTP_HOST": "mail", "WEBHOOK_SECRET_FILE": "/s", "WEBHOOK_ALLOW_HOSTS": "", "DATA_ROOT": "/data"}
    environ = dict(given)
    assert local_services.provide(tmp_path, environ).programs == ()
    assert environ == given
    assert list(tmp_path.iterdir()) == []
