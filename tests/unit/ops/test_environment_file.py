"""The file by which other programs find a running `up`."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from aeon_jobs.ops import environment_file
from aeon_jobs.ops.embedded.directory_lock import DirectoryLock
from aeon_jobs.ops.environment_file import LOCK, NotUp

DIFFICULT = 'postgresql://ann:it\'s $HOME `id` "x"@/db?host=/a b'


def test_a_shell_reads_what_was_written() -> None:
    commands = environment_file.as_commands({"DATABASE_URL": DIFFICULT, "SMTP_HOST": ""})
    script = f'{commands}\nprintf %s "$DATABASE_URL|$SMTP_HOST|"'
    shell = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=True)
    assert shell.stdout == f"{DIFFICULT}||"


def test_only_a_running_up_has_an_environment(tmp_path: Path) -> None:
    environment_file.write(tmp_path, {"DATABASE_URL": DIFFICULT})
    with pytest.raises(NotUp, match=f"no `aeon-jobs up` runs with the data directory {tmp_path}"):
        environment_file.of_running(tmp_path, begins_within_s=0)
    with locked(tmp_path):
        assert environment_file.of_running(tmp_path) == {"DATABASE_URL": DIFFICULT}


def test_one_that_is_starting_is_waited_for(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(environment_file.of_running, tmp_path, begins_within_s=20)
        with locked(tmp_path):
            environment_file.write(tmp_path, {"DATABASE_URL": DIFFICULT})
            assert waiting.result(30) == {"DATABASE_URL": DIFFICULT}


def test_one_that_ends_while_it_starts_is_not_waited_for(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        with locked(tmp_path):
            waiting = pool.submit(environment_file.of_running, tmp_path)
        with pytest.raises(NotUp):
            waiting.result(30)


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    lock = DirectoryLock(directory, LOCK)
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    environment_file.write(tmp_path, {})
    environment_file.write(tmp_path, {"DATABASE_URL": DIFFICULT})
    assert [(file.name, file.stat().st_mode & 0o777) for file in tmp_path.iterdir()] == [("env", 0o600)]


def test_what_an_earlier_up_provided_is_forgotten_and_what_the_user_set_is_kept(tmp_path: Path) -> None:
    environment_file.write(tmp_path, {"DATABASE_URL": "postgresql:///old", "REDIS_URL": "redis://old"})
    environ = {"DATABASE_URL": "postgresql:///old", "REDIS_URL": "redis://mine", "HOME": "/root"}
    environment_file.forget(tmp_path, environ)
    assert environ == {"REDIS_URL": "redis://mine", "HOME": "/root"}
    assert not (tmp_path / "env").exists()


def test_a_process_elsewhere_gets_absolute_paths_and_nothing_that_is_not_for_it() -> None:
    environ = {"DATA_ROOT": "files", "POSTGRES_PASSWORD_FILE": "secret", "API_PORT": "8001", "SMTP_HOST": "mail"}
    here = Path.cwd()
    expected = {"DATA_ROOT": f"{here}/files", "POSTGRES_PASSWORD_FILE": f"{here}/secret", "SMTP_HOST": "mail"}
    assert environment_file.shared(environ) == expected
