"""`python -m ops.benchmarks`: measure, show, compare with the floors. Exit code 1 when one is missed.

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

from ops.benchmarks import database, drain, enqueue, http_api, latency, memory, recovery
from ops.benchmarks.figure import Figure
from ops.benchmarks.machine import machine
from ops.benchmarks.report import save, show
from ops.benchmarks.scale import Scale, quick
from ops.benchmarks.site import Site, built
from ops.up import every_stop_signal_is_ctrl_c

MEASUREMENTS: dict[str, Callable[[Site, Scale], Iterator[Figure]]] = {
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
    with every_stop_signal_is_ctrl_c(), built() as site:
        host = machine(site.directory)
        console.print(" · ".join(f"{name} {value}" for name, value in host.items()), "\n")
        measured = {name: _measure(name, site, scale, console) for name in options.only or MEASUREMENTS}
    if options.json:
        save(options.json, host, measured)
    missed = [figure for figures in measured.values() for figure in figures if figure.holds is False]
    return 1 if missed and not options.quick else 0


def _measure(name: str, site: Site, scale: Scale, console: Console) -> list[Figure]:
    site.clear()
    began = time.monotonic()
    with console.status(f"measuring: {name}"):
        figures = list(MEASUREMENTS[name](site, scale))
    show(console, f"{name} ({time.monotonic() - began:.0f} s)", figures)
    return figures


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ops.benchmarks", description="Measure the service levels.")
    parser.add_argument("--quick", action="store_true", help="small counts, for a look at whether it works")
    parser.add_argument(
        "--only", action="append", choices=MEASUREMENTS, metavar="NAME", help="may be repeated: %(choices)s"
    )
    parser.add_argument("--soak", type=float, metavar="SECONDS", help="of load on the API; default 60")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
