"""The embedded servers, really started, really killed."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest
import redis

from aeon_jobs.ops.embedded import EmbeddedPostgres, EmbeddedRedis, EmbeddedServer, EmbeddedServerError
from aeon_jobs.ops.embedded.directory_lock import DirectoryInUse
from aeon_jobs.ops.embedded.postgres import _binaries, _in_closed_directory
from aeon_jobs.ops.embedded.tether import RunAs, run_to_end, signals_deferred, tethered
from tests.leaks import wait_until_empty
from tests.waiting import wait_for

Make = Callable[..., EmbeddedServer]
both = pytest.mark.parametrize("make", [EmbeddedPostgres, EmbeddedRedis], ids=["postgres", "redis"])


def query(url: str, statement: str) -> Any:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone()[0] if cursor.description else None  # type: ignore[index]
    finally:
        connection.close()


def client(server: EmbeddedServer) -> redis.Redis:
    return redis.Redis.from_url(server.url)


def running_under(directory: Path) -> list[str]:
    """Command lines of living processes that mention the directory."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        command = " ".join(process.info["cmdline"] or ())
        if str(directory) in command and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(f"{process.pid} {command}")
    return found


def test_postgres_keeps_its_data_over_stop_and_start(private_dir: Path) -> None:
    with EmbeddedPostgres(private_dir / "pg", durable=False) as server:
        query(server.url, "CREATE TABLE kept AS SELECT 42 AS answer")
    with EmbeddedPostgres(private_dir / "pg", durable=False) as server:
        assert query(server.url, "SELECT answer FROM kept") == 42
        assert query(server.url, "SELECT current_database()") == "aeon_jobs"


def test_postgres_has_its_shared_memory_with_its_data(private_dir: Path) -> None:
    """A server that is killed leaves nothing in /dev/shm, also while `initdb` runs it."""
    with EmbeddedPostgres(private_dir / "pg", durable=False) as server:
        assert query(server.url, "SHOW dynamic_shared_memory_type") == "mmap"
    assert "dynamic_shared_memory_type = mmap" in (private_dir / "pg" / "data" / "postgresql.conf").read_text()


def test_redis_keeps_its_data_when_durable_and_only_then(private_dir: Path) -> None:
    for durable, expected in ((True, b"kept"), (False, None)):
        directory = private_dir / f"redis-{durable}"
        with EmbeddedRedis(directory, durable=durable) as server, client(server) as connection:
            connection.set("key", "kept")
        with EmbeddedRedis(directory, durable=durable) as server, client(server) as connection:
            assert connection.get("key") == expected


def test_redis_refuses_writes_when_full_and_evicts_nothing(private_redis: EmbeddedRedis) -> None:
    with client(private_redis) as connection:
        assert connection.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_no_password_is_needed_for_postgres_but_one_is_for_redis(private_redis: EmbeddedRedis) -> None:
    url = private_redis.url
    without = f"unix://{url.partition('@')[2]}"
    with (
        redis.Redis.from_url(without) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()


def test_the_redis_password_stays_the_same_over_restarts(private_dir: Path) -> None:
    urls = []
    for _ in range(2):
        with EmbeddedRedis(private_dir / "redis") as server:
            urls.append(server.url)
    assert urls[0] == urls[1]


def test_the_redis_password_is_in_no_command_line_and_no_readable_file(private_redis: EmbeddedRedis) -> None:
    password = private_redis.url.split(":")[2].partition("@")[0]
    assert password not in " ".join(psutil.Process(private_redis.pid).cmdline())
    for file in private_redis.data_dir.iterdir():
        if file.is_file() and password.encode() in file.read_bytes():
            assert file.stat().st_mode & 0o077 == 0, file


def test_nobody_else_may_enter_the_sockets(private_postgres: EmbeddedPostgres, private_dir: Path) -> None:
    with EmbeddedRedis(private_dir / "redis", durable=False) as server:
        for directory in (private_postgres.data_dir / "socket", server.data_dir / "socket"):
            assert directory.stat().st_mode & 0o077 == 0


def test_the_servers_get_none_of_our_secrets_and_their_logs_are_private(
    private_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBHOOK_SECRET", "hunter2")
    given: list[Mapping[str, str] | None] = []

    def spy(*arguments: Any, **options: Any) -> Any:
        given.append(options.get("environ", os.environ))
        return tethered(*arguments, **options)

    for module in ("postgres", "redis"):
        monkeypatch.setattr(f"aeon_jobs.ops.embedded.{module}.tethered", spy)
    with (
        EmbeddedPostgres(private_dir / "pg", durable=False) as pg,
        EmbeddedRedis(private_dir / "redis") as redis_server,
    ):
        for server in (pg, redis_server):
            assert server.log_path.stat().st_mode & 0o077 == 0
    assert ["hunter2" in str(dict(environ or os.environ)) for environ in given] == [False, False]


def test_neither_opens_a_tcp_port(private_postgres: EmbeddedPostgres, private_redis: EmbeddedRedis) -> None:
    for server in (private_postgres, private_redis):
        assert psutil.Process(server.pid).net_connections("inet") == []


def test_an_immediate_restart_loses_nothing_committed(private_postgres: EmbeddedPostgres) -> None:
    query(private_postgres.url, "CREATE TABLE kept AS SELECT 42 AS answer")
    before = private_postgres.pid
    private_postgres.restart(immediate=True)
    assert private_postgres.pid != before
    assert query(private_postgres.url, "SELECT answer FROM kept") == 42


def test_a_killed_postgres_starts_again_though_clients_were_connected(
    private_postgres: EmbeddedPostgres,
) -> None:
    connection = psycopg2.connect(private_postgres.url)
    private_postgres.kill()
    assert not private_postgres.running
    with pytest.raises(psycopg2.OperationalError), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    connection.close()
    private_postgres.restart()
    assert query(private_postgres.url, "SELECT 1") == 1


def test_clients_find_a_killed_redis_again_under_the_same_url(private_redis: EmbeddedRedis) -> None:
    with client(private_redis) as connection:
        connection.ping()
        private_redis.kill()
        with pytest.raises(redis.ConnectionError):
            connection.ping()
        private_redis.restart()
        assert connection.ping()


@both
def test_a_second_server_on_the_same_directory_names_the_holder(make: Make, private_dir: Path) -> None:
    second = make(private_dir / "data", durable=False)
    holder = f"in use by process {os.getpid()}"
    with make(private_dir / "data", durable=False), pytest.raises(DirectoryInUse, match=holder):
        second.start()
    with make(private_dir / "data", durable=False) as server:
        assert server.running


@both
def test_stopping_twice_or_after_a_kill_is_fine(make: Make, private_dir: Path) -> None:
    server = make(private_dir / "data", durable=False).start()
    server.kill()
    server.stop()
    server.stop()
    assert not server.running
    assert running_under(private_dir) == []


@both
def test_a_server_that_cannot_start_says_why_and_frees_the_directory(make: Make, private_dir: Path) -> None:
    data = private_dir / "data"
    make(data, durable=False).start().stop()
    spoil = data / "data" / "global" / "pg_control" if make is EmbeddedPostgres else data / "appendonly.aof"
    good = spoil.read_bytes() if spoil.exists() else None
    spoil.write_bytes(b"nonsense")
    with pytest.raises(EmbeddedServerError, match=r"did not start: .*log: "):
        make(data, durable=True).start()
    assert running_under(private_dir) == []
    # Redis 7 has moved its file to a folder by now.
    spoil.write_bytes(good) if good is not None else spoil.unlink(missing_ok=True)
    make(data, durable=False).start().stop()


@both
def test_a_long_path_is_no_obstacle(make: Make, private_dir: Path) -> None:
    deep = private_dir / ("d" * 60) / ("e" * 60)
    with make(deep, durable=False) as server:
        socket_dir = server._short_dir
        assert socket_dir is not None
        assert socket_dir.exists()
    assert not socket_dir.exists()


@both
@pytest.mark.skipif(sys.platform != "linux", reason="needs PR_SET_PDEATHSIG")
def test_a_server_dies_with_an_owner_that_is_killed(make: Make, private_dir: Path) -> None:
    owner = _start_owner(make, private_dir)
    assert running_under(private_dir / "data")
    owner.kill()
    owner.communicate()
    assert wait_until_empty(lambda: running_under(private_dir / "data"), timeout_s=15) == []
    with make(private_dir / "data", durable=False) as server:
        assert server.running


@both
def test_a_leftover_of_a_dead_owner_is_stopped_and_replaced(make: Make, private_dir: Path) -> None:
    """What remains where the kernel knows no death signal: the lock is free, but the server runs on."""
    first = make(private_dir / "data", durable=False).start()
    first._lock.release()
    with make(private_dir / "data", durable=False) as second:
        assert second.running
        assert not first.running
        assert second.pid != first.pid


@both
def test_the_terminals_ctrl_c_does_not_reach_a_server(make: Make, private_dir: Path) -> None:
    with make(private_dir / "data", durable=False) as server:
        assert os.getsid(server.pid) != os.getsid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands PostgreSQL to another account")
class TestAsRoot:
    def test_postgres_runs_as_an_ordinary_account(self, private_postgres: EmbeddedPostgres) -> None:
        assert psutil.Process(private_postgres.pid).uids().effective != 0

    def test_a_closed_directory_such_as_roots_home_stays_closed(self, private_dir: Path) -> None:
        private_dir.chmod(0o700)
        with EmbeddedPostgres(private_dir / "pg", durable=False) as server:
            assert query(server.url, "SELECT 1") == 1
        assert private_dir.stat().st_mode & 0o777 == 0o700

    def test_an_installation_in_a_closed_directory_can_be_run(
        self, private_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        closed = private_dir / "home"
        closed.mkdir(mode=0o700)
        binaries = _binaries(None)
        package = binaries.parents[1]
        for folder in (package, package.with_name(f"{package.name}.libs")):
            shutil.copytree(folder, closed / folder.name, symlinks=True)
        there = closed / binaries.relative_to(package.parent)
        monkeypatch.setattr("aeon_jobs.ops.embedded.postgres._binaries", lambda _: there)
        with EmbeddedPostgres(closed / "pg", durable=False) as server:
            assert query(server.url, "SELECT 1") == 1
            copy = server._binaries
        assert (closed.stat().st_mode & 0o777, copy.is_relative_to(closed), copy.exists()) == (0o700, False, False)

    def test_it_is_handed_over_where_there_is_no_setpriv(
        self, private_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if any(map(_in_closed_directory, _binaries(None).iterdir())):
            pytest.skip("no other account can reach the binaries here, and without setpriv none can be let through")
        monkeypatch.setattr("aeon_jobs.ops.embedded.tether.shutil.which", lambda _: None)
        with EmbeddedPostgres(private_dir / "pg", durable=False) as server:
            assert psutil.Process(server.pid).uids().effective != 0
            assert query(server.url, "SELECT 1") == 1

    def test_data_that_an_ordinary_user_began_stay_theirs(self, private_dir: Path) -> None:
        account = pwd.getpwnam("daemon")
        data = private_dir / "pg" / "data"
        data.mkdir(parents=True, mode=0o700)
        os.chown(data, account.pw_uid, account.pw_gid)
        with EmbeddedPostgres(private_dir / "pg", durable=False) as server:
            assert psutil.Process(server.pid).uids().effective == account.pw_uid

    @both
    def test_an_ordinary_user_can_run_it_too(self, make: Make, private_dir: Path) -> None:
        account = pwd.getpwnam("nobody")
        os.chown(private_dir, account.pw_uid, account.pw_gid)
        # The Python that runs the tests may be in the home of root.
        owner = _start_owner(make, private_dir, RunAs(account, through_closed_directories=True))
        assert psutil.Process(owner.pid).uids().effective == account.pw_uid
        owner.send_signal(signal.SIGTERM)
        owner.communicate()
        assert wait_until_empty(lambda: running_under(private_dir / "data"), timeout_s=15) == []


OWNER = """
import signal, sys
from aeon_jobs.ops import embedded
server = getattr(embedded, sys.argv[1])(sys.argv[2], durable=False).start()
print("ready", flush=True)
signal.pause()
"""


def _start_owner(make: Make, directory: Path, run_as: RunAs | None = None) -> subprocess.Popen[bytes]:
    """Another process with a server of its own, ready when this returns."""
    owner = tethered(
        [sys.executable, "-c", OWNER, make.__name__, str(directory / "data")],
        death_signal=signal.SIGKILL,
        output=subprocess.PIPE,
        run_as=run_as,
        cwd=str(Path(__file__).parents[3]),
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"ready\n"
    return owner


def test_an_interrupted_command_leaves_no_child_that_goes_on_writing(tmp_path: Path) -> None:
    """As initdb does, which has a postgres of its own."""
    child = tmp_path / "child"

    def interrupt() -> None:
        wait_for(lambda: child.exists() and child.read_text().strip(), "the command has a child")
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run_to_end(["sh", "-c", f"sleep 600 & echo $! > {child}; wait"], environ=os.environ, run_as=None)
    thread.join()
    # Killed with the command; as an orphan it is ours to reap.
    assert os.waitpid(int(child.read_text()), 0)[1] == signal.SIGKILL


def test_a_signal_while_a_command_starts_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """The signal comes after the fork, and before anybody knows the child's process id."""
    started: list[int] = []

    class Interrupted(subprocess.Popen[str]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self.pid)
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("aeon_jobs.ops.embedded.tether.subprocess.Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_to_end(["sleep", "600"], environ=os.environ, run_as=None)
    assert not psutil.pid_exists(started[0])


def test_a_deferred_signal_is_handled_after_the_block() -> None:
    steps = []

    def run() -> None:
        with signals_deferred():
            os.kill(os.getpid(), signal.SIGINT)
            steps.append("the rest of the block")

    with pytest.raises(KeyboardInterrupt):
        run()
    assert steps == ["the rest of the block"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
