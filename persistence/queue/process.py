"""Which process this is, and which processes of its host are dead."""

from __future__ import annotations

import os
import secrets
import socket
from functools import cache
from importlib.metadata import version
from pathlib import Path

import psutil

from aeon_jobs.persistence.queue.workers import Host, Kind, Peer, Registration

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
        process_started_at=_started_at(psutil.Process(pid)),
        version=VERSION,
        **details,  # type: ignore[arg-type]
    )


def is_dead(peer: Peer) -> bool:
    """Whether a process on this host is certainly dead: its pid does not exist, is a zombie, or belongs to another process."""
    try:
        process = psutil.Process(peer.pid)
        is_another = abs(_started_at(process) - peer.process_started_at) > 1
        return is_another or process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False


def _started_at(process: psutil.Process) -> float:
    """Seconds from the boot of the kernel to the start of the process. Not the time of day: that one may be set anew, and
    every living process would then seem to be another one.

    Raises:
        psutil.NoSuchProcess
    """
    try:
        # Behind the last ")": a program's name may hold anything.
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):  # the latter: it ended between our opening and reading the file
        if Path("/proc/self/stat").exists():
            raise psutil.NoSuchProcess(process.pid) from None
        return process.create_time()
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")


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
