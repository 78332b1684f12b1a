"""The wheel, built as a release is: out of the sdist."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.docs import environment
from tests.docs.pages import ROOT

NOT_SOURCE = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__", "tests", "docs")

Install = Callable[..., Path]


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the sdist, and the wheel that was made from it. The checkout gets no build files."""
    source = tmp_path_factory.mktemp("build") / "source"
    shutil.copytree(ROOT, source, symlinks=True, ignore=NOT_SOURCE)
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", str(source)], check=True, capture_output=True, timeout=180
    )
    return source / "dist"


@pytest.fixture(scope="session")
def wheel(dist: Path) -> Path:
    (found,) = dist.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def install(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Install:
    """`install("worker", "cli")`: the programs of an environment with the wheel, those extras, and nothing else."""

    @cache
    def make(*extras: str) -> Path:
        directory = tmp_path_factory.mktemp("environment") / "with_wheel"
        programs = environment.create(directory, set(extras), linked=False)
        command = [sys.executable, "-m", "pip", "--quiet", "--python", str(programs / "python"), "install"]
        subprocess.run([*command, "--no-deps", "--no-index", str(wheel)], check=True, capture_output=True, timeout=180)
        return programs

    return make
