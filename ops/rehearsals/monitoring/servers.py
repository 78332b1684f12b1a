"""Prometheus and Alertmanager as processes of this run."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from aeon_jobs.ops.embedded.tether import bare_environment, signals_deferred, tethered
from aeon_jobs.ops.rehearsals.monitoring.binaries import Binaries

STOP_LIMIT_S = 10.0


@contextmanager
def prometheus(binaries: Binaries, configuration: Path, address: str) -> Iterator[None]:
    """Runs while the block does. Its data lie beside its configuration."""
    directory = configuration.parent
    command = [
        binaries.prometheus,
        f"--config.file={configuration}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address={address}",
    ]
    with _running(command, directory / "prometheus.log"):
        yield


@contextmanager
def alertmanager(binaries: Binaries, configuration: Path, address: str) -> Iterator[None]:
    """Runs while the block does, alone: it looks for no others."""
    directory = configuration.parent
    command = [
        binaries.alertmanager,
        f"--config.file={configuration}",
        f"--storage.path={directory / 'alertmanager-data'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    with _running(command, directory / "alertmanager.log"):
        yield


@contextmanager
def _running(command: Sequence[str], log: Path) -> Iterator[None]:
    process: subprocess.Popen[bytes] | None = None
    with log.open("wb") as output:
        try:
            with signals_deferred():
                process = tethered(
                    command, death_signal=signal.SIGKILL, output=output, environ=bare_environment(), cwd="/"
                )
            yield
        finally:
            if process is not None:
                _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
