"""Who this process is, and which of its neighbours are dead."""

from __future__ import annotations

import os
import secrets
import socket
from functools import cache
from importlib.metadata import version
from pathlib import Path

import psutil

from persistence.workers import Host, Kind, Peer, Registration

VERSION = version("aeon-jobs")


@cache
def this_host() -> Host:
    """Host name, id of the kernel's boot and of the pid namespace: where a pid means something."""
    return Host(socket.gethostname(), _boot_id(), _pid_namespace())


def registration(kind: Kind, name: str, **details: object) -> Registration:
    """This process as it announces itself; `name` begins its id."""
    pid = os.getpid()
    return Registration(
        id=f"{name[:150]}:{pid}:{secrets.token_hex(3)}",
        kind=kind,
        host=this_host(),
        pid=pid,
        process_started_at=psutil.Process(pid).create_time(),
        version=VERSION,
        **details,  # type: ignore[arg-type]
    )


def is_dead(peer: Peer) -> bool:
    """Certain death of a process on this host: its pid is gone, a zombie, or another process's by now."""
    try:
        process = psutil.Process(peer.pid)
        # Clocks are read with a grain of 10 ms.
        is_another = abs(process.create_time() - peer.process_started_at) > 1
        return is_another or process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return str(int(psutil.boot_time()))


def _pid_namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return "host"
