"""Free TCP ports on this machine."""

from __future__ import annotations

import socket
from contextlib import closing

PORTS_TRIED = 50


def first_free(host: str, wanted: int) -> int | None:
    """`wanted` or the next free port above it; None if PORTS_TRIED are all taken."""
    last = min(wanted + PORTS_TRIED, 65_535)
    return next((port for port in range(wanted, last + 1) if is_free(host, port)), None)


def any_free(host: str) -> int:
    """A port that the system chooses."""
    with closing(socket.socket()) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        # As the server does it: closed connections of an earlier run are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
