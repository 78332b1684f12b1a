"""A virtual environment for each rival, beside the packages of this one; made at first use and when its pins change."""

from __future__ import annotations

import subprocess
import sys
import venv
from importlib import resources
from pathlib import Path

from aeon_jobs.ops.benchmarks.rivals.systems import PACKAGE, Measured

HOME = Path(sys.prefix) / "rivals"


def python(system: Measured) -> str:
    """The interpreter that has the system's packages.

    Raises:
        CalledProcessError: they could not be installed.
    """
    if system.requirements is None:
        return sys.executable
    pins = resources.files(PACKAGE).joinpath("requirements", system.requirements).read_text()
    home = HOME / system.name
    installed = home / "installed.txt"
    if not installed.exists() or installed.read_text() != pins:
        _install(home, pins)
        installed.write_text(pins)
    return str(home / "bin" / "python")


def import_path() -> str:
    """A directory with a link to our package and nothing else: a rival finds its adapter, and none of our packages."""
    link = HOME / "path" / "aeon_jobs"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(Path(str(resources.files("aeon_jobs"))))
    return str(link.parent)


def _install(home: Path, pins: str) -> None:
    venv.create(home, with_pip=True, clear=True)
    wanted = home / "requirements.txt"
    wanted.write_text(pins)
    pip = [str(home / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    # Our own arguments.
    subprocess.run([*pip, "install", "--no-deps", "-r", str(wanted)], check=True, stdout=sys.stderr)  # noqa: S603
