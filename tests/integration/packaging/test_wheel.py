"""The wheel holds every file, brings one name, and works beside a service's own `api`, `middleware`, `ops` …"""

from __future__ import annotations

import os
import signal
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aeon_jobs.persistence.core.settings import Settings
from tests.docs.environment import distributions
from tests.docs.pages import ROOT
from tests.integration.packaging.conftest import Install

FOLDERS = ("actors", "api", "middleware", "ops", "persistence")
NOT_INSTALLED = tuple(
    f"aeon_jobs/ops/{name}/"
    for name in ("redis", "docs", "kubernetes", "prometheus/tests", "rehearsals/containers/stand_ins")
)
"""Files that compose.yaml mounts, and what builds the documentation; a wheel has no use for them."""

SERVICE = """
from aeon_jobs import job
from middleware import OWNER

@job
def greet(name: str) -> str:
    return f"hello {name}, from the {OWNER}"
"""
CALL = """
import actors, aeon_jobs, api, middleware, ops, persistence, service, sys
assert {p.OWNER for p in (actors, api, middleware, ops, persistence)} == {"service"}
assert aeon_jobs.__file__.startswith(sys.prefix), aeon_jobs.__file__
print(service.greet.send(name="you").get_result(block=True, timeout=60_000))
"""


def test_the_wheel_has_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    ours = {name for name in names if ".dist-info/" not in name}
    assert ours == _files_here()
    assert {name.partition("/")[0] for name in names - ours} == {f"aeon_jobs-{_version(wheel)}.dist-info"}


def test_the_sdist_holds_real_files(dist: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        assert not [member.name for member in archive if member.issym() or member.islnk()]


def test_a_job_runs_in_a_service_that_has_packages_of_the_same_names(
    install: Install, environment: Settings, tmp_path: Path
) -> None:
    programs = install("worker", "cli")
    service = tmp_path / "service"
    for folder in FOLDERS:
        (service / folder).mkdir(parents=True)
        (service / folder / "__init__.py").write_text('OWNER = "service"\n')
    (service / "service.py").write_text(SERVICE)
    with _worker(programs, service):
        done = _run(programs / "python", "-c", CALL, cwd=service)
    assert (done.stdout.strip(), done.returncode) == ("hello you, from the service", 0), done.stderr


@pytest.mark.parametrize(
    ("extras", "command", "needed"),
    [
        ([], ["--help"], "cli"),
        ([], ["list"], "cli"),
        ([], ["up"], "demo"),
        (["cli"], ["worker"], "worker"),
        (["cli"], ["dispatcher"], "worker"),
        (["cli"], ["api"], "api"),
        (["worker", "cli"], ["demo"], "demo"),
    ],
)
def test_a_command_whose_extra_is_missing_names_it(
    install: Install, extras: list[str], command: list[str], needed: str
) -> None:
    done = _run(install(*extras) / "aeon-jobs", *command)
    assert done.stderr.endswith(f'needs more than the base install: pip install "aeon-jobs[{needed}]"\n')
    assert (done.stdout, done.returncode, len(done.stderr.splitlines())) == ("", 2, 1)


def test_the_base_install_has_every_public_name(install: Install) -> None:
    code = "import aeon_jobs; [getattr(aeon_jobs, name) for name in aeon_jobs.__all__]"
    done = _run(install() / "python", "-c", code)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_base_install_stays_small() -> None:
    """50 MB: what a service carries for sending jobs. Compiled bytecode comes on top."""
    sizes = {
        name: sum(file.size or 0 for file in found.files or [] if file.suffix != ".pyc")
        for name, found in distributions(set()).items()
    }
    sizes["aeon-jobs"] = sum((ROOT / name).stat().st_size for name in _files_here())
    assert sum(sizes.values()) < 50_000_000, sorted(sizes.items(), key=lambda size: -size[1])


@contextmanager
def _worker(programs: Path, service: Path) -> Iterator[None]:
    with (service / "worker.log").open("w") as log:
        process = subprocess.Popen([programs / "aeon-jobs", "worker", "service"], cwd=service, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _run(program: Path, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *arguments], cwd=cwd, capture_output=True, text=True, timeout=90)


def _version(wheel: Path) -> str:
    return wheel.name.split("-")[1]


def _files_here() -> set[str]:
    """What git would keep of the package, by the names that it has when installed."""
    found = set()
    for directory, folders, files in os.walk(ROOT / "aeon_jobs", followlinks=True):
        folders[:] = [folder for folder in folders if folder != "__pycache__"]
        found |= {str(Path(directory, file).relative_to(ROOT)) for file in files}
    return {name for name in found if not name.startswith(NOT_INSTALLED)}
