"""Named places where a test can have the process killed: between two steps that cannot be one.

AEON_CRASH="claim.committed:3" kills the process with SIGKILL at the third passage of that place. Without it, `crash` is an
empty function: whether there is anything to do is decided once, at import.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from itertools import count

from aeon_jobs.persistence.core.errors import SettingsError

VARIABLE = "AEON_CRASH"

POINTS = {
    "submit.stored": "a job was inserted, its transaction not committed",
    "submit.copied": "a portion of many jobs was stored, the transaction of all not committed",
    "submit.committed": "a job was committed, its producer not answered",
    "dispatch.committed": "jobs were dispatched in PostgreSQL, not pushed to Redis",
    "dispatch.pushed": "jobs were pushed to Redis",
    "epoch.filled": "the jobs of an empty Redis were given back, the new Redis not marked",
    "fetch.taken": "a worker took messages from Redis, claimed none",
    "claim.committed": "a worker claimed a job, its handler not begun",
    "handler.ended": "a handler ended, its outcome not recorded",
    "transaction.recorded": "a handler's writes and its completion are about to commit together",
    "transaction.committed": "a handler's writes and its completion were committed together",
    "record.committed": "an outcome was recorded, its message not acked",
    "reaping.rescued": "a dead worker's running jobs were freed, not those that it had fetched",
    "reaping.taken_back": "a dead worker's jobs were freed, the worker not marked as lost",
    "lane.taken_back": "the jobs of a lane without workers were given back, its messages not deleted",
    "workflow.added": "a running step added steps to its workflow, its handler goes on",
    "schedule.submitted": "a schedule's job was inserted, the schedule not moved on",
}


def armed(plan: str) -> Callable[[str], None]:
    """A `crash` that acts on a plan such as "claim.committed:3"; without a number the first passage is the last.

    Raises:
        SettingsError: there is no such place.
    """
    wanted, _, number = plan.partition(":")
    if wanted not in POINTS or not (number or "1").isdigit():
        raise SettingsError(f"{VARIABLE}: must be the name of a crash point and the number of a passage")
    last, passages = int(number or 1), count(1)

    def crash(point: str) -> None:
        # next() of a count is one step even for many threads.
        if point == wanted and next(passages) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    return crash


def _nothing(point: str) -> None:
    pass


crash = armed(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else _nothing
