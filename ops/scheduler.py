"""The scheduler process: a tick each second, in a thread; and periodiq, kept going, which sends a tick each minute.

The thread needs PostgreSQL alone. periodiq needs Redis alone, and a worker runs its ticks. Either is enough for schedules of
minutes. periodiq ends when a tick cannot be sent, for one when Redis is down. It is then run again, after a growing
wait. It fires the current minute again when it starts; the tick is idempotent, so that costs nothing.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from types import FrameType
from typing import NoReturn

import periodiq

from aeon_jobs.middleware.dispatch.schedule_tick import keep_ticking
from aeon_jobs.middleware.execution.logging import configure_process
from aeon_jobs.middleware.job import broker
from aeon_jobs.ops.presence import present
from aeon_jobs.ops.restart import Deaths, RestartPolicy
from aeon_jobs.persistence.core.database import get_database
from aeon_jobs.persistence.core.settings import get_settings

logger = logging.getLogger(__name__)

BROKER_MODULE = "aeon_jobs.middleware.dispatch.periodic"
"""Importing it sets the broker and declares the tick."""


def main() -> None:
    configure_process(get_settings(), "scheduler")
    run()


def run(policy: RestartPolicy | None = None) -> None:
    """Tick until TERM or INT, which end the process at once: a tick that is not committed never was."""
    policy = policy or RestartPolicy()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    with present("scheduler", get_database(), get_settings()), _each_second():
        _keep_periodiq_going(policy)


@contextmanager
def _each_second() -> Iterator[None]:
    stop = Event()
    thread = Thread(target=keep_ticking, args=(broker(), stop), name="aeon-schedules", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(2)


def _keep_periodiq_going(policy: RestartPolicy) -> NoReturn:
    deaths = Deaths()
    while True:
        began = time.monotonic()
        try:
            _run_periodiq()
        except Exception as error:  # noqa: BLE001 - whatever it is, schedules must go on
            signal.alarm(0)  # periodiq's own clock
            deaths = deaths.after(time.monotonic() - began, policy)
            wait = policy.delay(deaths.in_a_row)
            logger.warning("scheduler: %s: %s; trying again in %.1f s", type(error).__name__, error, wait)
            time.sleep(wait)


def _run_periodiq() -> None:
    arguments = argparse.Namespace(broker=BROKER_MODULE, modules=[], path=[], verbose=0)
    if periodiq.main(arguments) != 0:
        raise RuntimeError("periodiq found no periodic actor")


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)
