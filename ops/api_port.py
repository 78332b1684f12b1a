"""Where the API listens: the port that was asked for, or the next free one when none was."""

from __future__ import annotations

import socket
from contextlib import closing
from typing import Self

from aeon_jobs.ops.lines import Lines
from aeon_jobs.persistence.core.errors import JobsError
from aeon_jobs.persistence.core.settings import Settings

PORTS_TRIED = 50
PROBE_TIMEOUT_S = 0.2


class PortTaken(JobsError):
    """Something else listens there."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"port {port} on {host} is taken by another program: set API_PORT to a free one or to none")


class ApiPort:
    """`note` says that, and why, it is not the usual port."""

    def __init__(self, host: str, number: int, note: str = "") -> None:
        self.host, self.number, self.note = host, number, note
        self._announced = False

    @classmethod
    def choose(cls, settings: Settings, *, asked_for: bool) -> Self:
        """Raises: PortTaken."""
        host, wanted = settings.api_host, settings.api_port
        if _is_free(host, wanted):
            return cls(host, wanted)
        last = min(wanted + PORTS_TRIED, 65_535)
        found = next((port for port in range(wanted + 1, last + 1) if _is_free(host, port)), None)
        if asked_for or found is None:
            raise PortTaken(host, wanted)
        return cls(host, found, f"port {wanted} is taken by another program: using {found}")

    @property
    def url(self) -> str:
        return f"http://{self._address}:{self.number}"

    def announce_once(self, lines: Lines) -> None:
        """Say where the API is, as soon as it answers."""
        if not self._announced and self._answers():
            self._announced = True
            lines.say(f"ready: {self.url} · Ctrl-C stops everything", "bold green")

    @property
    def _address(self) -> str:
        """Where a client on this machine goes."""
        return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104 - not bound here

    def _answers(self) -> bool:
        try:
            socket.create_connection((self._address.strip("[]"), self.number), PROBE_TIMEOUT_S).close()
        except OSError:
            return False
        return True


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        # As the server itself will do: connections of a former run that linger are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
