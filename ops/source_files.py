"""Have the Python files of some modules changed? For `aeon-jobs up --reload`.

It compares times and sizes of files. A watcher of the operating system's would report the data directory too, which lies in
the same folder and changes all the time.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from aeon_jobs.persistence.core.errors import JobsError

LOOK_EVERY_S = 0.5


class ModuleMissing(JobsError, LookupError):
    def __init__(self, module: str, directory: Path) -> None:
        hint = f"; the name of a module has no .py: {module[:-3]}" if module.endswith(".py") else ""
        super().__init__(f"no module named {module} in {directory} or among the installed packages{hint}")


def verify(modules: Sequence[str], directory: Path) -> None:
    """Every module can be found. It is not imported: it may still fail then.

    Raises:
        ModuleMissing
    """
    for module in modules:
        if module.endswith(".py") or _spec(module, directory) is None:
            raise ModuleMissing(module, directory)


class SourceFiles:
    """The files of `modules`, which are looked for in `directory` first: all files of a package; of a module
    the files of its folder, and of the packages in it.
    """

    def __init__(self, modules: Sequence[str], directory: Path) -> None:
        self._roots = {root for module in modules for root in _roots(_spec(module, directory))}
        self._known = self._snapshot()
        self._looked_at = time.monotonic()

    def changed(self) -> str | None:
        """The name of a file that changed since the last call, looked for at most every LOOK_EVERY_S."""
        if time.monotonic() - self._looked_at < LOOK_EVERY_S:
            return None
        self._looked_at = time.monotonic()
        before, self._known = self._known, self._snapshot()
        different = dict(before.items() ^ self._known.items())
        return min(different, default=None)

    def _snapshot(self) -> dict[str, tuple[int, int]]:
        return {path: stamp for root in self._roots for path, stamp in _stamps(root)}


def _spec(module: str, directory: Path) -> ModuleSpec | None:
    # Of `shop.jobs` the package `shop`: to find more, Python would have to import it.
    return PathFinder.find_spec(module.partition(".")[0], [str(directory), *sys.path])


def _roots(spec: ModuleSpec | None) -> Iterator[Path]:
    if spec is None:
        return
    if spec.submodule_search_locations:
        yield from map(Path, spec.submodule_search_locations)
    elif spec.origin:
        yield Path(spec.origin).parent


def _stamps(root: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    for folder, folders, files in os.walk(root):
        # Only packages: a folder may hold anything, an environment or a whole home directory too.
        folders[:] = [name for name in folders if os.path.exists(os.path.join(folder, name, "__init__.py"))]
        for name in files:
            if name.endswith(".py"):
                try:
                    found = os.stat(path := os.path.join(folder, name))
                except OSError:
                    continue  # deleted meanwhile
                yield path, (found.st_mtime_ns, found.st_size)
