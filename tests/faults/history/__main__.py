"""python -m tests.faults.history [--seed N] [--runs R]: run the seeds N, N+1, … and print the results.

Stops at the first violation, with exit code 1, and keeps the logs and the record of that run.
"""

from __future__ import annotations

import argparse
import logging
import pprint
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import structlog

from tests.faults.history.cluster import Servers
from tests.faults.history.run import Result, run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.history", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--runs", type=int, default=1, help="number of seeds")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    directory = Path(tempfile.mkdtemp(prefix="ah-", dir="/tmp"))
    directory.chmod(0o755)
    began, results = time.monotonic(), list[Result]()
    with Servers(directory) as servers:
        for seed in range(arguments.seed, arguments.seed + arguments.runs):
            results.append(run(seed, servers))
            print(_line(results[-1]), flush=True)
            if results[-1].violations:
                _report_violations(results[-1], directory)
                return 1
    _print_summary(results, time.monotonic() - began)
    return 0


def _line(result: Result) -> str:
    outcomes = Counter(execution.outcome for execution in result.record.executions)
    summary = "VIOLATED" if result.violations else "ok"
    kinds = " ".join(fault.kind for fault in result.faults)
    return (
        f"seed {result.seed}: {summary}; {result.jobs} jobs, {len(result.record.executions)} attempts"
        f" ({outcomes['lost']} lost, {outcomes['superseded']} superseded), recovered in {result.recovered_s:.1f} s; {kinds}"
    )


def _report_violations(result: Result, directory: Path) -> None:
    for violation in result.violations[:50]:
        print(f"  {violation}", file=sys.stderr)
    (directory / "record.txt").write_text(pprint.pformat(result.record, width=160))
    print(f"logs and record: {directory}\nrepeat: python -m tests.faults.history --seed {result.seed}", file=sys.stderr)


def _print_summary(results: list[Result], seconds: float) -> None:
    jobs = sum(result.jobs for result in results)
    kinds = Counter(fault.kind for result in results for fault in result.faults)
    slowest = max(result.recovered_s for result in results)
    print(
        f"{len(results)} runs, {jobs} jobs, {kinds.total()} faults, no violation;"
        f" slowest recovery {slowest:.1f} s; {seconds:.0f} s in total"
    )
    print(", ".join(f"{kind} {number}" for kind, number in kinds.most_common()))


if __name__ == "__main__":
    sys.exit(main())
