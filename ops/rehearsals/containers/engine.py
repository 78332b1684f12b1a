"""A dockerd with its data, its socket and its networks apart from any other one on this machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType

from aeon_jobs.ops.rehearsals.containers import tools

START_TIMEOUT_S = 60
NETWORK = "openspg-network"


class Engine:
    def __init__(self, directory: Path, config: Path) -> None:
        self.directory = directory / "docker"
        self.environment = {
            **os.environ,
            "DOCKER_HOST": f"unix://{self.directory}/socket",
            "DOCKER_CONFIG": str(config),
            "DOCKER_BUILDKIT": "1",
        }
        for name in ("COMPOSE_FILE", "COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME"):
            self.environment.pop(name, None)

    def docker(self, *arguments: str | Path, **options: object) -> str:
        return tools.run("docker", *arguments, env=self.environment, **options)

    def __enter__(self) -> Engine:
        self.directory.mkdir()
        command = ["dockerd", "--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=overlay2"]
        places = {"data-root": "data", "exec-root": "exec", "pidfile": "pid"}
        command += [f"--{option}={self.directory / name}" for option, name in places.items()]
        with (self.directory / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*command, f"--host={self.environment['DOCKER_HOST']}"],
                stdout=log,
                stderr=log,
                env=self.environment,
                start_new_session=True,
            )
        try:
            self._wait()
        except BaseException:
            self._end()
            raise
        return self

    def _wait(self) -> None:
        ends_at = time.monotonic() + START_TIMEOUT_S
        while subprocess.run(["docker", "version"], env=self.environment, capture_output=True, check=False).returncode:
            if self._process.poll() is not None or time.monotonic() > ends_at:
                print((self.directory / "log").read_text()[-3_000:])
                raise RuntimeError("dockerd does not start")
            time.sleep(0.5)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if containers := self.docker("ps", "-aq").split():
                self.docker("rm", "--force", "--volumes", *containers)
            if networks := self.docker("network", "ls", "-q", "--filter", "type=custom").split():
                # Also takes the bridge away, which is a device of this machine.
                self.docker("network", "rm", *networks)
        finally:
            self._end()

    def _end(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        # The deepest first: a mount below would keep the one above.
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in sorted((m for m in mounts if m.startswith(str(self.directory))), reverse=True):
            subprocess.run(["umount", "--lazy", mount], capture_output=True, check=False)
        shutil.rmtree(self.directory)
