"""`python -m aeon_jobs.ops.benchmarks`: measure, show, compare with the floors. Exit code 1 when one is not met.

With --quick the floors are shown and do not decide: a few jobs on a busy machine prove nothing. --write-docs writes the page
about performance in the current directory's docs/.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console

from aeon_jobs.ops.benchmarks import database, drain, enqueue, http_api, idle, latency, memory, recovery, workflows
from aeon_jobs.ops.benchmarks.figure import Curve, Figure
from aeon_jobs.ops.benchmarks.load import archive, curves, limits, pending, readers, service_levels, utilisation, wal
from aeon_jobs.ops.benchmarks.machine import machine
from aeon_jobs.ops.benchmarks.page.render import page
from aeon_jobs.ops.benchmarks.report import show
from aeon_jobs.ops.benchmarks.results import Results
from aeon_jobs.ops.benchmarks.rivals import comparison
from aeon_jobs.ops.benchmarks.scale import Scale, full, quick
from aeon_jobs.ops.benchmarks.system import System, built
from aeon_jobs.ops.up import every_stop_signal_is_ctrl_c

MEASUREMENTS: dict[str, Callable[[System, Scale], Iterator[Figure | Curve]]] = {
    "database": database.measure,
    "pending": pending.measure,
    "enqueue": enqueue.measure,
    "drain": drain.measure,
    "limits": limits.measure,
    "latency": latency.measure,
    "wal": wal.measure,
    "utilisation": utilisation.measure,
    "readers": readers.measure,
    "curves": curves.measure,
    "api": http_api.measure,
    "idle": idle.measure,
    "memory": memory.measure,
    "levels": service_levels.measure,
    "recovery": recovery.measure,
    "archive": archive.measure,
    "workflows": workflows.measure,
    "rivals": comparison.measure,
}
SHARING = {"drain", "limits", "latency", "wal", "utilisation", "readers", "curves"}
"""They follow each other with the same dispatcher and workers. Before and after each other one, the system is emptied."""
NOT_QUICK = {"rivals"}
"""Left out by --quick unless named: they install packages."""
DOCS = Path("docs")


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    scale = quick() if options.quick else full() if options.full else Scale()
    names = options.only or [name for name in MEASUREMENTS if not options.quick or name not in NOT_QUICK]
    with every_stop_signal_is_ctrl_c(), built() as system:
        results = Results(machine(system.directory))
        console.print(" · ".join(f"{name} {value}" for name, value in results.machine.items()), "\n")
        for before, name in zip([None, *names], names, strict=False):
            if not {before, name} <= SHARING:
                system.clear()
            results.add(name, _measure(name, system, scale, console))
            if options.json:
                # Each time: an interrupted run has measured something.
                results.save(options.json)
    if options.write_docs:
        write_docs(results, DOCS)
    return 1 if results.missed() and not options.quick else 0


def write_docs(results: Results, docs: Path) -> None:
    """docs/performance.md, its plots, and the figures that both come from. What was not measured now stays as it was.

    Raises:
        MissingFigures: it was never measured.
    """
    from aeon_jobs.ops.benchmarks.page import plots

    stored = docs / "performance" / "results.json"
    if stored.exists():
        results = results.over(Results.load(stored))
    results.save(stored)
    # As they are stored, so that the page can be made again from the file.
    results = Results.load(stored)
    plots.save_all(results, stored.parent)
    (docs / "performance.md").write_text(page(results))


def _measure(name: str, system: System, scale: Scale, console: Console) -> list[Figure | Curve]:
    began = time.monotonic()
    with console.status(f"measuring: {name}"):
        measured = list(MEASUREMENTS[name](system, scale))
    show(console, f"{name} ({time.monotonic() - began:.0f} s)", measured)
    return measured


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m aeon_jobs.ops.benchmarks", description="Measure the service levels, and compare with rivals."
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--quick", action="store_true", help="small counts, to try that everything works; no rivals")
    length.add_argument("--full", action="store_true", help="load tests as long as the specification says: an hour")
    parser.add_argument(
        "--only", action="append", choices=MEASUREMENTS, metavar="NAME", help="may be repeated: %(choices)s"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--write-docs", action="store_true", help="write docs/performance.md and its plots")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
