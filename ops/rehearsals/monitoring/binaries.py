"""Prometheus and Alertmanager: those on the path, or else Debian's packages, unpacked into a directory and not installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from aeon_jobs.persistence.core.errors import JobsError

PACKAGES = {"prometheus": "prometheus", "promtool": "prometheus", "alertmanager": "prometheus-alertmanager"}
DEBIAN_NAMES = {"alertmanager": "prometheus-alertmanager"}
"""Programs that Debian calls otherwise."""
TIMEOUT_S = 300


class BinaryMissing(JobsError):
    """The message names the program, and why it could not be had."""


@dataclass(frozen=True, slots=True)
class Binaries:
    prometheus: str
    promtool: str
    alertmanager: str


def find(directory: Path) -> Binaries:
    """`directory` takes what has to be unpacked.

    Raises:
        BinaryMissing
    """
    found = {name: _on_path(name, os.environ.get("PATH", "")) for name in PACKAGES}
    missing = sorted({PACKAGES[name] for name, path in found.items() if path is None})
    if missing:
        _unpack(missing, directory)
        found = {name: path or _on_path(name, str(directory / "usr/bin")) for name, path in found.items()}
    for name, path in found.items():
        if path is None:
            raise BinaryMissing(f"{name} was not found, and is not in Debian's package {PACKAGES[name]}")
    return Binaries(**{name: path for name, path in found.items() if path})


def _on_path(name: str, path: str) -> str | None:
    return shutil.which(name, path=path) or shutil.which(DEBIAN_NAMES.get(name, name), path=path)


def _unpack(packages: list[str], directory: Path) -> None:
    if not shutil.which("apt-get"):
        raise BinaryMissing(f"put {', '.join(PACKAGES)} on the path: this machine has no apt-get")
    directory.mkdir(parents=True, exist_ok=True)
    if not _ran(["apt-get", "download", *packages], directory):
        # The list of packages is old, or there is none.
        _ran(["apt-get", "update"], directory)
        if not _ran(["apt-get", "download", *packages], directory):
            raise BinaryMissing(f"apt-get could not download {', '.join(packages)}")
    for archive in directory.glob("*.deb"):
        if not _ran(["dpkg", "-x", str(archive), str(directory)], directory):
            raise BinaryMissing(f"{archive.name} could not be unpacked")


def _ran(command: list[str], directory: Path) -> bool:
    done = subprocess.run(command, cwd=directory, capture_output=True, timeout=TIMEOUT_S, check=False)  # noqa: S603
    return done.returncode == 0
