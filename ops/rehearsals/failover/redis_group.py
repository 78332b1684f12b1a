"""A master of Redis, a replica, three sentinels; and a user with the documented rights, on each."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import redis

from aeon_jobs.ops import private_file
from aeon_jobs.ops.benchmarks.system import wait_until
from aeon_jobs.ops.doctor.checks.redis_rights import CHANNELS, COMMANDS, KEYS
from aeon_jobs.ops.embedded import EmbeddedRedis
from aeon_jobs.ops.embedded.tether import bare_environment, tethered
from aeon_jobs.ops.rehearsals.failover.ports import free_ports

MASTER = "rehearsal"
DOWN_AFTER_MS = 2_000
QUORUM = 2


class Node(EmbeddedRedis):
    """A server on a TCP port of this machine."""

    def __init__(self, data_dir: Path, port: int, password: str) -> None:
        super().__init__(data_dir)
        self.port, self._secret = port, password

    @property
    def url(self) -> str:
        return f"redis://:{self._secret}@127.0.0.1:{self.port}/0"

    def _directives(self) -> dict[str, str]:
        ours = {"bind": "127.0.0.1", "port": str(self.port), "requirepass": self._secret, "masterauth": self._secret}
        return super()._directives() | ours

    def ask(self, *command: str) -> Any:
        with redis.Redis.from_url(self.url, socket_timeout=2, retry=None) as client:
            return client.execute_command(*command)


class Sentinel(Node):
    name = "sentinel"

    def __init__(self, data_dir: Path, port: int, password: str, master: Node) -> None:
        super().__init__(data_dir, port, password)
        self._master = master

    def _write_config(self) -> None:
        # A sentinel writes what it learns into the same file.
        private_file.write(
            self._config,
            f'port {self.port}\nbind 127.0.0.1\ndir "{self.data_dir}"\npidfile "{self._pid_file}"\n'
            f"requirepass {self._secret}\nsentinel sentinel-pass {self._secret}\n"
            f"user jobs on >{self._secret} -@all +sentinel|masters +client|setinfo\n"
            f"sentinel monitor {MASTER} 127.0.0.1 {self._master.port} {QUORUM}\n"
            f"sentinel auth-pass {MASTER} {self._secret}\n"
            f"sentinel down-after-milliseconds {MASTER} {DOWN_AFTER_MS}\n"
            f"sentinel failover-timeout {MASTER} 10000\n",
        )

    def _launch(self) -> subprocess.Popen[bytes]:
        with self._log() as log:
            return tethered(
                [self._executable, str(self._config), "--sentinel"],
                death_signal=self._stop_signal(immediate=False),
                output=log,
                environ=bare_environment(),
            )


class RedisGroup:
    def __init__(self, master: Node, replica: Node, sentinels: list[Sentinel], password: str) -> None:
        self._master, self._replica, self._sentinels, self._password = master, replica, sentinels, password

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self._sentinels)
        account = f"sentinel_username=jobs&sentinel_password={self._password}"
        return f"redis+sentinel://jobs:{self._password}@{hosts}/{MASTER}/0?{account}"

    def fail_over(self) -> None:
        """kill -9 of the master; returns when the replica has become the master."""
        self._master.kill()
        wait_until(lambda: _is_master(self._replica), "a new master")

    def until_ready(self) -> None:
        """The replica follows, and every sentinel knows it and the other two."""
        wait_until(lambda: self._replica.ask("ROLE")[3] == b"connected", "replication")
        wait_until(lambda: all(map(_knows_all, self._sentinels)), "the sentinels")


def _is_master(node: Node) -> bool:
    try:
        return bool(node.ask("ROLE")[0] == b"master")
    except redis.ConnectionError:
        # It closes every connection when its role changes.
        return False


def _knows_all(sentinel: Sentinel) -> bool:
    with redis.Redis.from_url(sentinel.url, socket_timeout=2, retry=None) as client:
        found = client.sentinel_masters()
    return any(of["num-slaves"] == 1 and of["num-other-sentinels"] == 2 for of in found.values())


@contextmanager
def redis_group(directory: Path) -> Iterator[RedisGroup]:
    password = secrets.token_urlsafe(24)
    ports = free_ports(5)
    with ExitStack() as stack:
        nodes = [stack.enter_context(Node(directory / f"redis-{port}", port, password)) for port in ports[:2]]
        for node in nodes:
            node.ask(
                "ACL", "SETUSER", "jobs", "on", f">{password}", *KEYS, *CHANNELS, *(f"+{name}" for name in COMMANDS)
            )
        master, replica = nodes
        replica.ask("REPLICAOF", "127.0.0.1", str(master.port))
        sentinels = [
            stack.enter_context(Sentinel(directory / f"sentinel-{port}", port, password, master)) for port in ports[2:]
        ]
        group = RedisGroup(master, replica, sentinels, password)
        group.until_ready()
        yield group
