"""Which lost workers have been replaced. A process that is started again has another id, so no row says it."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol


class Life(Protocol):
    """Times in Unix seconds. A lane: the queues and job types that a worker serves."""

    @property
    def id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def lane(self) -> str | None: ...
    @property
    def state(self) -> str: ...
    @property
    def is_alive(self) -> bool: ...
    @property
    def started_at(self) -> float: ...
    @property
    def last_seen_at(self) -> float: ...


def replaced(lives: Iterable[Life]) -> set[str]:
    """Ids of lost workers after whose last sign of life another worker of their lane was started.

    Each start takes the place of one lost worker, of the one that was lost first. A start while none is lost replaces none
    later on: it is growth, or the other half of a clean restart.
    """
    lanes = defaultdict[str | None, list[Life]](list)
    for life in lives:
        if life.kind == "worker":
            lanes[life.lane].append(life)
    return {worker_id for members in lanes.values() for worker_id in _replaced_in(members)}


def _replaced_in(members: Sequence[Life]) -> Iterator[str]:
    losses = [(life.last_seen_at, False, life.id) for life in members if not life.is_alive and life.state != "stopped"]
    starts = [(life.started_at, True, life.id) for life in members]
    waiting = deque[str]()
    for _, is_start, worker_id in sorted(losses + starts):
        if not is_start:
            waiting.append(worker_id)
        elif waiting:
            yield waiting.popleft()
