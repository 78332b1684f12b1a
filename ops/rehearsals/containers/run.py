"""The rehearsal.

1. Tools, an engine, the images.
2. The image: lint, size, user, a read-only file system.
3. On the platform's database: the previous version, then under load a rolling upgrade with a migration, smoke tests,
   workers 2 → 5 → 2, a rollback. Each job that PostgreSQL accepted completes.
4. Uninstalling leaves the platform's own tables as they were.
5. Without a platform: the profile `standalone`, and Prometheus of the profile `monitoring`.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from aeon_jobs.ops.rehearsals.containers import images, tools
from aeon_jobs.ops.rehearsals.containers.deployment import PLATFORM, Deployment
from aeon_jobs.ops.rehearsals.containers.engine import NETWORK, Engine
from aeon_jobs.ops.rehearsals.containers.load import Load
from aeon_jobs.ops.rehearsals.containers.report import Report, check

REPOSITORY = Path(__file__).resolve().parents[3]
MOST_BYTES = 200_000_000
NOT_RUN = (
    "python:3.11-slim-bookworm, postgres:16, redis:7-alpine, prom/prometheus: no registry is asked. Stand-ins of Debian 12"
    " (Python 3.11, PostgreSQL 15, Redis 7.0, Prometheus 2.42) bear these names",
    "Alertmanager: Debian's 0.25 does not know url_file; make rehearse-monitoring runs one",
    "Grafana and Redis Commander: Debian has no package of them",
    "a Kubernetes cluster: the manifests are checked against the schemas of Kubernetes (tests/unit/ops/test_kubernetes.py)",
    "ports published on other machines: dockerd runs without iptables",
)


def main() -> int:
    if os.geteuid() != 0 or not Path("/etc/debian_version").exists():
        print("error: this rehearsal needs Debian and root", file=sys.stderr)
        return 2
    report, began = Report(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="aj-containers-", dir="/tmp", ignore_cleanup_errors=True) as directory:
        rehearse(report, Path(directory))
    print(f"\nall checks passed in {time.monotonic() - began:.0f} s. Not run here:")
    for what in NOT_RUN:
        print(f"  - {what}")
    return 0


def rehearse(report: Report, directory: Path) -> None:
    with report.step("tools") as details:
        details.append(f"installed {', '.join(tools.install()) or 'nothing'}")
        config = tools.plugins(directory)
    commit, version = images.before_newest_migration(REPOSITORY)
    current = images.checkout(REPOSITORY, "HEAD", directory / "current")
    previous = images.checkout(REPOSITORY, commit, directory / "previous")
    with ExitStack() as stack:
        with report.step("an engine of its own"):
            engine = stack.enter_context(Engine(directory, config))
        _images(report, engine, directory, current, previous)
        _image(report, engine, current)
        deployment = Deployment(engine, directory / "deployment")
        _platform(report, deployment, current, previous, version)
        _standalone(report, Deployment(engine, directory / "standalone"), current)
    with report.step("everything is removed"):
        left = [line for line in Path("/proc/mounts").read_text().splitlines() if str(directory) in line]
        check(not left and not (directory / "docker").exists(), f"left: {left}")


def _images(report: Report, engine: Engine, directory: Path, current: Path, previous: Path) -> None:
    with report.step(f"base image {images.BASE}, by debootstrap"):
        images.base(engine, directory)
    with report.step("stand-ins postgres:16, redis:7-alpine, prom/prometheus"):
        for name in ("postgres:16", "redis:7-alpine", _prometheus(current)):
            images.stand_in(engine, name)
    with report.step(f"image {images.CURRENT}, of this commit"):
        images.build(engine, current, images.CURRENT)
    with report.step(f"image {images.PREVIOUS}, of the commit before the newest migration"):
        images.build(engine, previous, images.PREVIOUS)


def _prometheus(source: Path) -> str:
    lines = (source / "compose.yaml").read_text().splitlines()
    return next(line.split("image:")[1].strip() for line in lines if "image: prom/prometheus" in line)


def _image(report: Report, engine: Engine, source: Path) -> None:
    with report.step("hadolint"):
        tools.run(Path(sys.executable).with_name("hadolint"), source / "Dockerfile")
    with report.step("size, compressed") as details:
        whole, base = (images.compressed_size(engine, name) for name in (images.CURRENT, images.BASE))
        details.append(f"{whole / 1e6:.0f} MB, of which the stand-in base is {base / 1e6:.0f} MB")
        check(whole < MOST_BYTES, f"{whole} bytes are not below {MOST_BYTES}")
    with report.step("user, and a file system that is read only") as details:
        user = engine.docker("inspect", "--format", "{{.Config.User}}", images.CURRENT).strip()
        check(user == "10001:10001", f"user {user!r}")
        hardened = (
            "--read-only",
            "--tmpfs=/tmp",
            "--cap-drop=ALL",
            "--security-opt=no-new-privileges",
            "--network=none",
        )
        details.append(
            f"user {user}, version {engine.docker('run', '--rm', *hardened, images.CURRENT, 'version').strip()}"
        )


def _platform(report: Report, deployment: Deployment, current: Path, previous: Path, version: int) -> None:
    with report.step(f"network {NETWORK} and database {PLATFORM}, with a table of somebody else"):
        deployment.start_platform()
    with report.step("the previous version is up") as details:
        deployment.use(previous, images.PREVIOUS)
        details.append(deployment.up())
    load = Load(deployment)
    with load:
        _upgrade(report, deployment, current)
        _smoke(report, deployment)
        _scale(report, deployment)
    with report.step("nothing is lost by the upgrade and by scaling") as details:
        details.append(load.check_complete())
    with load:
        _roll_back(report, deployment, current, previous, version)
    with report.step("nothing is lost by the rollback") as details:
        details.append(load.check_complete())
    _uninstall(report, deployment, current)


def _upgrade(report: Report, deployment: Deployment, current: Path) -> None:
    """As docs/deployment.md says."""
    with report.step("upgrade: migration, under load") as details:
        deployment.use(current, images.CURRENT)
        deployment.compose("run", "--rm", "migrate")
        status = deployment.compose("run", "--rm", "migrate", "migrate", "status", "--json")
        details.append(f"{len(json.loads(status))} migrations")
    with report.step("upgrade: new workers beside the old ones, which then finish and stop") as details:
        old = deployment.workers()
        deployment.scale(4)
        deployment.engine.docker("stop", *old)
        deployment.engine.docker("rm", *old)
        deployment.scale(2)
        check(not set(old) & set(deployment.workers()), "an old worker is left")
    with report.step("upgrade: the other processes") as details:
        details.append(deployment.up())


def _smoke(report: Report, deployment: Deployment) -> None:
    with report.step("aeon-jobs smoke, in a container") as details:
        details.append(deployment.smoke())
    with report.step("aeon-jobs smoke --api, with a key, from another service's container") as details:
        key = deployment.compose(
            "exec", "-T", "api", "aeon-jobs", "keys", "create", "--name", "r", "--role", "submitter"
        ).strip()
        words = (
            "exec",
            "-T",
            "-e",
            "AEON_JOBS_API_KEY",
            "scheduler",
            "aeon-jobs",
            "smoke",
            "--api",
            "http://aeon-jobs-api:8000",
        )
        deployment.engine.environment["AEON_JOBS_API_KEY"] = key
        details.append(deployment.compose(*words).strip().splitlines()[-1])
        del deployment.engine.environment["AEON_JOBS_API_KEY"]


def _scale(report: Report, deployment: Deployment) -> None:
    for count in (5, 2):
        with report.step(f"workers: {count}, under load"):
            deployment.scale(count)


def _roll_back(report: Report, deployment: Deployment, current: Path, previous: Path, version: int) -> None:
    """As docs/deployment.md says."""
    with report.step(f"rollback: migrate down to version {version}") as details:
        deployment.compose(
            "stop",
            *[name for name in deployment.compose("config", "--services").split() if name not in ("redis", "migrate")],
        )
        deployment.compose("run", "--rm", "migrate", "migrate", "down", "--target", str(version), "--yes")
        details.append("jobs are submitted meanwhile")
    with report.step("rollback: the previous version is up") as details:
        deployment.use(previous, images.PREVIOUS)
        details.append(deployment.up())


def _uninstall(report: Report, deployment: Deployment, current: Path) -> None:
    with report.step("down, and migrate down to 0: the platform's own table stays") as details:
        deployment.compose("run", "--rm", "migrate", "migrate", "down", "--target", "0", "--yes")
        deployment.compose("down", "--volumes")
        tables = deployment.sql("SELECT string_agg(relname, ', ') FROM pg_stat_user_tables")
        check(tables == "customers", f"tables: {tables}")
        count = deployment.sql("SELECT count(*) FROM customers")
        details.append(f"{count} rows of {tables}")


def _standalone(report: Report, deployment: Deployment, current: Path) -> None:
    with report.step("profile standalone: a first installation") as details:
        deployment.use(current, images.CURRENT, COMPOSE_PROFILES="standalone", POSTGRES_HOST="postgres")
        details.append(deployment.up())
    with report.step("aeon-jobs smoke") as details:
        details.append(deployment.smoke())
    with report.step("profile monitoring: Prometheus scrapes the exporter") as details:
        deployment.compose("--profile", "monitoring", "up", "--detach", "--no-build", "--no-deps", "prometheus")
        details.append(_wait_for_target())
    with report.step("down"):
        deployment.compose("--profile", "monitoring", "down", "--volumes")


def _wait_for_target(address: str = "http://127.0.0.1:9090", timeout_s: float = 90) -> str:
    query = f"{address}/api/v1/query?query=" + "up%7Bjob%3D%22aeon-jobs-exporter%22%7D"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    ends_at = time.monotonic() + timeout_s
    while True:
        try:
            with opener.open(query, timeout=5) as answer:
                values = [found["value"][1] for found in json.load(answer)["data"]["result"]]
        except OSError as error:
            values = [str(error)]
        if values == ["1"]:
            return "up = 1"
        check(time.monotonic() < ends_at, f"up is {values}")
        time.sleep(1)
