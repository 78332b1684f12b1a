"""Prometheus and Alertmanager: those on the path, or else Debian's packages, which are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass

from aeon_jobs.persistence.core.errors import JobsError

PACKAGES = ("prometheus", "prometheus-alertmanager")
NAMES = {
    "prometheus": ("prometheus",),
    "promtool": ("promtool",),
    "alertmanager": ("alertmanager", "prometheus-alertmanager"),
}
"""Programs, and what they are called: Debian has a name of its own."""
TIMEOUT_S = 300


class BinaryMissing(JobsError):
    """The message names the program, and what to do."""


@dataclass(frozen=True, slots=True)
class Binaries:
    prometheus: str
    promtool: str
    alertmanager: str


def find() -> Binaries:
    """
    Raises:
        BinaryMissing
    """
    if not all(map(_on_path, NAMES)):
        _install()
    found = {name: _on_path(name) for name in NAMES}
    for name, path in found.items():
        if path is None:
            raise BinaryMissing(
                f"{name} is not on the path, and could not be installed: apt install {' '.join(PACKAGES)}"
            )
    return Binaries(**{name: path for name, path in found.items() if path})


def _on_path(name: str) -> str | None:
    return next(filter(None, map(shutil.which, NAMES[name])), None)


def _install() -> None:
    """A failure shows in what is missing afterwards. The unpacked packages would not do: Debian's Alertmanager needs its
    templates in /usr/share.
    """
    if shutil.which("apt-get") is None:
        return
    # Level 1: the packages start no service.
    environment = {**os.environ, "RUNLEVEL": "1", "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *PACKAGES]):
        subprocess.run(["apt-get", *command], env=environment, capture_output=True, timeout=TIMEOUT_S, check=False)  # noqa: S603, S607
