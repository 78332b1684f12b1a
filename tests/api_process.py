"""The real API in a process of its own (`python -m aeon_jobs api`), whose memory can be looked at."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx

from tests.waiting import wait_for


class ApiProcess:
    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self._process, self.port = process, port
        self.address = f"http://127.0.0.1:{port}"

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    @property
    def peak_mb(self) -> int:
        """The most memory that the process has held at once, ever or since `forget_peak`, in MB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        kilobytes = next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]
        return int(kilobytes) // 1_024

    def forget_peak(self) -> None:
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=15)

    def is_live(self, timeout_s: float = 5.0) -> bool:
        """Whether it answers. A machine that runs other tests meanwhile is slow: the deadline is generous."""
        try:
            return httpx.get(f"{self.address}/health/live", timeout=timeout_s).status_code == 200
        except httpx.HTTPError:
            return False


@contextmanager
def api_process(**environment: str) -> Iterator[ApiProcess]:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "aeon_jobs", "api"],
        env={**os.environ, "API_PORT": str(port), "LOG_LEVEL": "WARNING", **environment},
    )
    api = ApiProcess(process, port)
    try:
        wait_for(lambda: not api.is_running or api.is_live(1), "the API is up", 60)
        yield api
    finally:
        process.kill()
        process.wait()
