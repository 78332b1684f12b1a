"""Bytes of write-ahead log per job, from its submission to its completion.

Everything that PostgreSQL logs meanwhile is counted, heartbeats as well, but no full-page images: they come once per page
and checkpoint, so they depend on how often checkpoints happen. They are switched off meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aeon_jobs.ops.benchmarks.figure import Figure
from aeon_jobs.ops.benchmarks.scale import Scale
from aeon_jobs.ops.benchmarks.system import System, wait_until

BYTES = 2_600


def measure(system: System, scale: Scale) -> Iterator[Figure]:
    from aeon_jobs.ops.benchmarks.handlers import bench_nothing

    def one_by_one() -> None:
        for n in range(scale.logged):
            bench_nothing.send(n=n)

    def in_bulk() -> None:
        bench_nothing.send_many({"n": n} for n in range(scale.logged))

    system.running()
    with _no_full_pages(system):
        for name, submit in (("one by one", one_by_one), ("in bulk", in_bulk)):
            written = _written(system, submit, scale.logged)
            yield Figure(name=f"WAL per job, sent {name}", value=written / scale.logged, unit="bytes", at_most=BYTES)


def _written(system: System, submit: Callable[[], None], count: int) -> int:
    system.execute("CHECKPOINT")
    done, before = system.finished(), _position(system)
    submit()
    system.until_finished(done + count)
    wait_until(lambda: not system.unacked(), "the last ack")
    return _position(system) - before


def _position(system: System) -> int:
    """In bytes since the start of the log."""
    return int(system.execute("SELECT pg_current_wal_insert_lsn() - '0/0'")[0][0])


@contextmanager
def _no_full_pages(system: System) -> Iterator[None]:
    system.execute("ALTER SYSTEM SET full_page_writes = off")
    system.execute("SELECT pg_reload_conf()")
    try:
        wait_until(lambda: system.execute("SHOW full_page_writes")[0][0] == "off", "the setting")
        yield
    finally:
        system.execute("ALTER SYSTEM RESET full_page_writes")
        system.execute("SELECT pg_reload_conf()")
