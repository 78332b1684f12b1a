"""`python -m aeon_jobs.ops.benchmarks`: measure, show, compare with the floors. Exit code 1 when one is not met.

With --quick the floors are shown and do not decide: a few jobs on a busy machine prove nothing.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from aeon_jobs.ops.benchmarks import database, drain, enqueue, http_api, latency, memory, recovery
from aeon_jobs.ops.benchmarks.figure import Figure
from aeon_jobs.ops.benchmarks.machine import machine
from aeon_jobs.ops.benchmarks.report import save, show
from aeon_jobs.ops.benchmarks.scale import Scale, quick
from aeon_jobs.ops.benchmarks.system import System, built
from aeon_jobs.ops.up import every_stop_signal_is_ctrl_c

MEASUREMENTS: dict[str, Callable[[System, Scale], Iterator[Figure]]] = {
    "database": database.measure,
    "enqueue": enqueue.measure,
    "drain": drain.measure,
    "latency": latency.measure,
    "api": http_api.measure,
    "memory": memory.measure,
    "recovery": recovery.measure,
}


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    scale = quick() if options.quick else Scale()
    if options.soak is not None:
        scale = replace(scale, soak_s=options.soak)
    with every_stop_signal_is_ctrl_c(), built() as system:
        host = machine(system.directory)
        console.print(" · ".join(f"{name} {value}" for name, value in host.items()), "\n")
        measured = {name: _measure(name, system, scale, console) for name in options.only or MEASUREMENTS}
    if options.json:
        save(options.json, host, measured)
    missed = [figure for figures in measured.values() for figure in figures if figure.holds is False]
    return 1 if missed and not options.quick else 0


def _measure(name: str, system: System, scale: Scale, console: Console) -> list[Figure]:
    system.clear()
    began = time.monotonic()
    with console.status(f"measuring: {name}"):
        figures = list(MEASUREMENTS[name](system, scale))
    show(console, f"{name} ({time.monotonic() - began:.0f} s)", figures)
    return figures


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m aeon_jobs.ops.benchmarks", description="Measure the service levels."
    )
    parser.add_argument("--quick", action="store_true", help="small counts, to try that everything works")
    parser.add_argument(
        "--only", action="append", choices=MEASUREMENTS, metavar="NAME", help="may be repeated: %(choices)s"
    )
    parser.add_argument("--soak", type=float, metavar="SECONDS", help="of load on the API; default 60")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
