"""Where the API listens: the port that was asked for, or the next free one when none was."""

from __future__ import annotations

import socket
from typing import Self

from aeon_jobs.ops.ports import first_free
from aeon_jobs.persistence.core.errors import JobsError
from aeon_jobs.persistence.core.settings import Settings

PROBE_TIMEOUT_S = 0.2


class PortTaken(JobsError):
    """Something else listens there."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"port {port} on {host} is taken by another program: set API_PORT to a free one or to none")


class ApiPort:
    """`note` says why it is not the usual port; empty if it is."""

    def __init__(self, host: str, number: int, note: str = "") -> None:
        self.host, self.number, self.note = host, number, note
        self._came_up = False

    @classmethod
    def choose(cls, settings: Settings, *, asked_for: bool) -> Self:
        """Raises: PortTaken."""
        host, wanted = settings.api_host, settings.api_port
        found = first_free(host, wanted)
        if found is None or (asked_for and found != wanted):
            raise PortTaken(host, wanted)
        return cls(host, found, "" if found == wanted else f"port {wanted} is taken by another program: using {found}")

    @property
    def url(self) -> str:
        return f"http://{self._address}:{self.number}"

    def has_come_up(self) -> bool:
        """Whether the API answers now and did not before: true once."""
        if self._came_up or not self._answers():
            return False
        self._came_up = True
        return True

    @property
    def _address(self) -> str:
        """The address for a client on this machine."""
        return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104 - not bound here

    def _answers(self) -> bool:
        try:
            socket.create_connection((self._address.strip("[]"), self.number), PROBE_TIMEOUT_S).close()
        except OSError:
            return False
        return True
