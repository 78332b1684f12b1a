"""`make rehearse-failover`: runs the failovers, prints what they did, and ends with 1 when a promise was broken."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from aeon_jobs.middleware.execution.logging import configure_logging
from aeon_jobs.ops.embedded import EmbeddedPostgres, EmbeddedRedis
from aeon_jobs.ops.rehearsals.failover.load import Outcome, under_load
from aeon_jobs.ops.rehearsals.failover.postgres_pair import postgres_pair
from aeon_jobs.ops.rehearsals.failover.redis_group import redis_group
from aeon_jobs.persistence.core.settings import load_settings, variable_names

RESUMED_S = 20.0
"""Longest pause that a failover may make, in which no job runs. It includes the 2 s of the sentinels."""
CUT_JOBS = 100
"""What is accepted while the standby hears nothing."""
AFTERWARDS = 500


def redis(directory: Path) -> tuple[Outcome, list[str]]:
    """kill -9 of the master: a sentinel promotes the replica."""
    with ExitStack() as stack:
        group = stack.enter_context(redis_group(directory))
        postgres = stack.enter_context(EmbeddedPostgres(directory / "postgres"))
        load = stack.enter_context(under_load(directory, postgres.url, group.url))
        group.fail_over()
        load.until_ran(AFTERWARDS)
        load.stop()
        outcome = load.outcome()
    broken = _broken(outcome)
    if outcome.refused:
        broken.append("submissions were refused: they need no Redis")
    return outcome, broken


def postgres_synchronous(directory: Path) -> tuple[Outcome, list[str]]:
    """kill -9 of the primary, a second after its standby lost it: nothing that was acknowledged is lost."""
    with ExitStack() as stack:
        pair = stack.enter_context(postgres_pair(directory, is_synchronous=True))
        server = stack.enter_context(EmbeddedRedis(directory / "redis"))
        load = stack.enter_context(under_load(directory, pair.url, server.url))
        pair.cut()
        time.sleep(1)  # in which commits wait: what they would tell is not known to the standby
        pair.fail_over()
        load.until_ran(AFTERWARDS)
        load.stop()
        outcome = load.outcome()
    return outcome, _broken(outcome)


def postgres_asynchronous(directory: Path) -> tuple[Outcome, list[str]]:
    """The same with asynchronous replication: what the standby had not heard is lost, and the rest goes on."""
    with ExitStack() as stack:
        pair = stack.enter_context(postgres_pair(directory, is_synchronous=False))
        server = stack.enter_context(EmbeddedRedis(directory / "redis"))
        load = stack.enter_context(under_load(directory, pair.url, server.url))
        pair.cut()
        load.until_accepted(CUT_JOBS)
        pair.fail_over()
        load.until_ran(AFTERWARDS)
        load.stop()
        outcome = load.outcome()
    broken = [fault for fault in _broken(outcome) if "lost" not in fault]
    if outcome.lost < CUT_JOBS:
        broken.append("fewer are lost than were accepted without the standby: the rehearsal did not do what it says")
    return outcome, broken


SCENARIOS: dict[str, Callable[[Path], tuple[Outcome, list[str]]]] = {
    "redis": redis,
    "postgres-synchronous": postgres_synchronous,
    "postgres-asynchronous": postgres_asynchronous,
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make rehearse-failover", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="NAME", help=", ".join(SCENARIOS))
    names = parser.parse_args(arguments).scenarios or list(SCENARIOS)
    if unknown := sorted(set(names) - set(SCENARIOS)):
        parser.error(f"no such scenario: {', '.join(unknown)}; there are {', '.join(SCENARIOS)}")
    # They name real servers, which must not be touched.
    for name in variable_names():
        os.environ.pop(name, None)
    os.environ["LOG_LEVEL"] = "WARNING"
    configure_logging(load_settings(), "rehearsal")
    broken = [fault for name in names for fault in _rehearse(name)]
    print("all promises were kept" if not broken else f"broken: {len(broken)}")
    return 1 if broken else 0


def _rehearse(name: str) -> list[str]:
    scenario = SCENARIOS[name]
    _say(f"{name}: {(scenario.__doc__ or '').strip()}")
    with TemporaryDirectory(prefix="aeon-ha-", dir="/tmp") as directory:
        # The account of the embedded PostgreSQL passes through it.
        Path(directory).chmod(0o711)
        outcome, broken = scenario(Path(directory))
    _say(
        f"    {outcome.accepted} accepted, {outcome.refused} refused, {outcome.lost} accepted and lost,"
        f" {outcome.unfinished} unfinished, {outcome.ran_again} ran more than once"
    )
    _say(
        f"    longest pause: {outcome.longest_pause_submitting:.1f} s without an accepted job,"
        f" {outcome.longest_pause_running:.1f} s without a running one"
    )
    for fault in broken:
        _say(f"    BROKEN: {fault}")
    return broken


def _broken(outcome: Outcome) -> list[str]:
    """Promises that hold in every failover."""
    found = []
    if outcome.lost:
        found.append(f"{outcome.lost} accepted jobs are lost")
    if outcome.unfinished:
        found.append(f"{outcome.unfinished} jobs did not end")
    if outcome.longest_pause_running > RESUMED_S:
        found.append(f"nothing ran for more than {RESUMED_S:.0f} s")
    return found


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
