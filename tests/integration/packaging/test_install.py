"""`make .venv/.locked` itself, with the oldest and the newest pip, on an index that has moved on since the lock was made."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.integration.packaging.stub_index import StubIndex

# What the first release of each Python brought with it.
OLDEST = {(3, 11): "22.3", (3, 12): "23.2.1", (3, 13): "24.2", (3, 14): "25.2"}[sys.version_info[:2]]
NEWEST = "26.3"
PIPS = ROOT / ".venv" / "pips"
"""Downloaded once: these two are no packages of ours."""


@pytest.fixture(params=[OLDEST, NEWEST])
def environment(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A virtual environment with that pip and nothing else."""
    directory = tmp_path / "environment"
    venv.create(directory, symlinks=True, with_pip=False)
    (packages,) = directory.glob("lib/python*/site-packages")
    with zipfile.ZipFile(_download(request.param)) as wheel:
        wheel.extractall(packages)
    return directory


@pytest.fixture
def index(tmp_path: Path) -> StubIndex:
    return StubIndex(tmp_path)


def test_the_locked_versions_are_installed_though_there_are_newer_ones(
    environment: Path, index: StubIndex, tmp_path: Path
) -> None:
    done = _install(environment, _lock_like_ours(index, tmp_path), index)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {"pytest_cov-7.1", "coverage-7.6", "tomli-2.0"} <= _installed(environment)


def test_a_lock_that_lacks_a_package_is_refused_by_name(environment: Path, index: StubIndex, tmp_path: Path) -> None:
    lock = _lock_like_ours(index, tmp_path)
    lock.write_text("".join(line for line in lock.read_text().splitlines(True) if not line.startswith("coverage")))
    done = _install(environment, lock, index)
    assert done.returncode != 0
    assert "requires coverage, which is not installed" in done.stdout + done.stderr
    assert not (environment / ".locked").exists()


def _lock_like_ours(index: StubIndex, tmp_path: Path) -> Path:
    lines = [
        index.add("pytest-cov", "7.1", ["coverage[toml]>=7.6"]),
        index.add("coverage", "7.6", ['tomli>=2; extra == "toml"'], ["toml"]),
        index.add("tomli", "2.0"),
    ]
    index.add("pytest-cov", "8.0", ["coverage[toml]>=8"])
    index.add("coverage", "8.0", ['tomli>=2; extra == "toml"'], ["toml"])
    index.add("tomli", "3.0")
    lock = tmp_path / "stub.lock"
    lock.write_text("".join(lines))
    return lock


def _install(environment: Path, lock: Path, index: StubIndex) -> subprocess.CompletedProcess[str]:
    """The Makefile's command. No setting of this machine's pip has a part in it."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "MAKE"))}
    return subprocess.run(
        ["make", "--no-print-directory", f"VENV={environment}", f"LOCK={lock}", f"{environment}/.locked"],
        cwd=ROOT,
        env=environ | {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": index.url},
        capture_output=True,
        text=True,
    )


def _download(version: str) -> Path:
    wheel = PIPS / f"pip-{version}-py3-none-any.whl"
    if not wheel.exists():
        options = ["--quiet", "--no-deps", "--only-binary=:all:", f"--dest={PIPS}"]
        command = [sys.executable, "-m", "pip", "download", *options, f"pip=={version}"]
        if subprocess.run(command, capture_output=True).returncode != 0:
            pytest.skip(f"no index to download pip {version} from")
    return wheel


def _installed(environment: Path) -> set[str]:
    return {
        found.name.removesuffix(".dist-info") for found in environment.glob("lib/python*/site-packages/*.dist-info")
    }
