"""A long loop that goes on where it stopped: after a deploy, a kill, a timeout, a failure.

1. After each item its cursor is noted, and stored at most once a second, and when the attempt ends.
2. Between two items the loop looks whether the worker stops, the job was cancelled, or most of its time is over. When the
   worker stops, or nine tenths of the timeout have passed, it gives the job back: no retry is used.
3. The next attempt asks the source for what comes after the stored cursor. When the process was killed, the items that were
   done since the last stored cursor are done again: those of about a second.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydantic_core import to_jsonable_python

from aeon_jobs.middleware.execution.outcomes import GivenBack

if TYPE_CHECKING:
    from aeon_jobs.middleware.execution.running import CurrentJob

T = TypeVar("T")
MAX_CURSOR_BYTES = 8_192


def iterate(
    job: CurrentJob,
    source: Iterable[T] | Callable[[Any], Iterable[T]],
    cursor: Callable[[T], Any] | None,
    name: str,
) -> Iterator[T]:
    """See `CurrentJob.iterate`."""
    if callable(source) != (cursor is not None):
        raise ValueError("cursor belongs to a source that is a function: source(after) gives the items after a cursor")
    stored = job.stored_cursor(name)
    done = 0 if cursor else int(stored or 0)
    items = cast(Any, source)(stored) if cursor else islice(cast(Iterable[T], source), done, None)
    has_begun = False
    for item in items:
        _leave_if_due(job, has_begun)
        yield item
        # Here the handler has done the item: it asks for the next one.
        has_begun = True
        done += 1
        job.note_cursor(name, _storable(cursor(item)) if cursor else done)


def _leave_if_due(job: CurrentJob, has_begun: bool) -> None:
    job.check()
    if job.worker_stops:
        raise GivenBack("the worker stops; the iteration goes on from its cursor")
    # Not before one item is done: a job whose time is too short for one must fail, and not come back for ever.
    if has_begun and job.is_time_short:
        raise GivenBack("nine tenths of the timeout have passed; the iteration goes on from its cursor")


def _storable(value: Any) -> Any:
    plain = to_jsonable_python(value)
    if len(json.dumps(plain)) > MAX_CURSOR_BYTES:
        raise ValueError(f"a cursor must have at most {MAX_CURSOR_BYTES} bytes as JSON")
    return plain
