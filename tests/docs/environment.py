"""A virtual environment with what pip would install for some extras, made of links to the packages of this one.

A package that is here for development only is not in it. So an example that needs an extra which its page does not name
fails with ImportError, as it would for a reader.
"""

from __future__ import annotations

import venv
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

from tests.docs.pages import ROOT

NAME = "aeon-jobs"
NOT_FOR_READERS = {"dev", "docs"}

_SCRIPT = """#!{python}
import sys
from {module} import {function}
sys.exit({function}())
"""


def all_extras() -> set[str]:
    return set(distribution(NAME).metadata.get_all("Provides-Extra") or []) - NOT_FOR_READERS


def distributions(extras: set[str]) -> dict[str, Distribution]:
    """This package and everything that it requires with these extras, by name."""
    found: dict[str, Distribution] = {}
    wanted = [(NAME, frozenset(extras))]
    seen = set(wanted)
    while wanted:
        name, with_extras = wanted.pop()
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:  # not for this platform, or an extra that the development lock leaves out
            continue
        for line in found[name].requires or []:
            requirement = Requirement(line)
            if _applies(requirement, with_extras):
                entry = (requirement.name.lower(), frozenset(requirement.extras))
                if entry not in seen:
                    seen.add(entry)
                    wanted.append(entry)
    return found


def create(directory: Path, extras: set[str], *, linked: bool = True) -> Path:
    """Make the environment; its directory of programs. `linked=False` leaves this package itself out."""
    venv.create(directory, symlinks=True, with_pip=False)
    (site,) = directory.glob("lib/python*/site-packages")
    programs = directory / "bin"
    for name, found in distributions(extras).items():
        if linked or name != NAME:
            _link_files(found, site, name)
            _write_scripts(found, programs)
    if linked:
        (site / "aeon_jobs").symlink_to(ROOT / "aeon_jobs")
    return programs


def _applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    if requirement.marker is None:
        return True
    return any(requirement.marker.evaluate({"extra": extra}) for extra in extras or {""})


def _link_files(found: Distribution, site: Path, name: str) -> None:
    for top in {file.parts[0] for file in found.files or []} - {"..", "__pycache__"}:
        is_editable_hook = name == NAME and not top.endswith(".dist-info")
        if not is_editable_hook and not (site / top).exists():
            (site / top).symlink_to(Path(str(found.locate_file(top))))


def _write_scripts(found: Distribution, programs: Path) -> None:
    for entry in found.entry_points.select(group="console_scripts"):
        script = programs / entry.name
        script.write_text(
            _SCRIPT.format(python=programs / "python", module=entry.module, function=entry.attr.split(".")[0])
        )
        script.chmod(0o755)
