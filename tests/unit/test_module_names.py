"""One module, one name: `aeon_jobs.actors` is never imported as `actors` as well, which would make every class twice."""

from __future__ import annotations

import subprocess
import sys

from tests.docs.pages import ROOT

EVERYTHING = """
import importlib, pathlib, pkgutil, sys
import aeon_jobs
for module in pkgutil.walk_packages(aeon_jobs.__path__, "aeon_jobs."):
    # The rivals of the benchmarks run in environments of their own.
    if not module.name.endswith(".__main__") and ".rivals." not in module.name:
        importlib.import_module(module.name)
names = {}
for name, module in list(sys.modules.items()):
    if file := getattr(module, "__file__", None):
        names.setdefault(pathlib.Path(file).resolve(), []).append(name)
here = pathlib.Path.cwd()
for file, found in names.items():
    if here in file.parents and ".venv" not in file.parts and len(found) > 1:
        print(file.relative_to(here), *found)
assert callable(aeon_jobs.actors.job)
print(sum(name.startswith("aeon_jobs.") for name in sys.modules))
"""


def test_no_module_is_imported_by_two_names() -> None:
    """Tried in the repository's own directory, where `import actors` would find something."""
    done = subprocess.run([sys.executable, "-c", EVERYTHING], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *twice, count = done.stdout.splitlines()
    assert twice == []
    assert int(count) > 200
