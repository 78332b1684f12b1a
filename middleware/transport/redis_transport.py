"""Redis as the dispatcher uses it: a disposable transport of small messages.

A message is a job id and a dispatch_seq, nothing more; the payload stays in PostgreSQL. A lane is a queue of dramatiq: the
layout is dramatiq's own (list, hash of bodies, acks of each broker), so its maintenance and its tools understand it. Beside
it:

    <ns>:epoch    a key without which this Redis is not the one that we filled: flushed, replaced, or never used
    <ns>:lanes    the lanes that were pushed to
    <ns>:<lane>.waiting   workers that have room and found no message, first the one that holds the fewest
    <ns>:fetch:<worker>   channel that wakes one worker
    <ns>:fetch:<lane>     channel that wakes all workers of a lane
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib import resources
from itertools import groupby
from typing import Any

import redis
from dramatiq.common import current_millis

from aeon_jobs.persistence.queue.dispatch import Dispatch

_PORTION = 200
"""Most messages that one script looks for."""


def script(*names: str) -> str:
    """The text of <name>.lua, of several one after another."""
    return "".join(resources.files(__package__).joinpath(f"{name}.lua").read_text() for name in names)


class RedisTransport:
    """The dispatcher's commands to Redis. Every method may raise redis.RedisError. To push a message twice is safe."""

    def __init__(self, client: redis.Redis, namespace: str) -> None:
        self.client = client
        self.namespace = namespace
        self._push = client.register_script(script("wake", "push"))
        self._forget = client.register_script(script("forget"))
        self._absent = client.register_script(script("absent"))
        self._drop = client.register_script(script("drop"))

    def depths(self, lanes: Sequence[str]) -> tuple[dict[str, int], bool]:
        """Messages of each lane, waiting and in flight, and whether this Redis still holds our epoch."""
        pipeline = self.client.pipeline(transaction=False)
        for lane in lanes:
            pipeline.hlen(self._messages(lane))
        pipeline.exists(self._epoch)
        *depths, epoch = pipeline.execute()
        return dict(zip(lanes, depths, strict=True)), bool(epoch)

    def lanes(self) -> list[str]:
        """Every lane that may have messages, also lanes of workers that are gone."""
        return self._text(self.client.smembers(self._lanes))

    def push(self, dispatches: Iterable[Dispatch]) -> tuple[int, bool]:
        """Push dispatches in the order given; one that is there already is left alone.

        Returns how many were new, and whether this Redis still holds our epoch.
        """
        ordered = sorted(dispatches, key=lambda dispatch: dispatch.lane)
        answers = [
            self._push(
                keys=[self._list(lane), self._messages(lane), self._lanes, self._epoch, self._waiting(lane)],
                args=[f"{self.namespace}:fetch", lane, *_bodies(group)],
            )
            for lane, group in groupby(ordered, key=lambda dispatch: dispatch.lane)
        ]
        return sum(new for new, _ in answers), all(is_ours for _, is_ours in answers)

    def absent(self, dispatches: Sequence[Dispatch]) -> list[Dispatch]:
        """Those that no lane has."""
        keys = [self._messages(lane) for lane in self.lanes()]
        ids = [dispatch.message_id for dispatch in dispatches]
        # In portions: Redis does nothing else while a script runs.
        portions = (ids[i : i + _PORTION] for i in range(0, len(ids), _PORTION))
        absent = {id_ for portion in portions for id_ in self._text(self._absent(keys=keys, args=portion))}
        return [dispatch for dispatch in dispatches if dispatch.message_id in absent]

    def messages_of(self, lane: str) -> list[str]:
        """The ids of all messages of a lane, fetched ones included."""
        return self._text(self.client.hkeys(self._messages(lane)))

    def drop_lane(self, lane: str) -> None:
        """Forget a lane, unless it has messages again."""
        self._drop(keys=[self._messages(lane), self._lanes, self._waiting(lane)], args=[lane])

    def begin_epoch(self) -> None:
        """Mark this Redis as filled."""
        self.client.set(self._epoch, "1")

    def evicts(self) -> str | None:
        """The maxmemory-policy, if it may delete our messages; None if it may not, or if we may not read it."""
        try:
            memory = self.client.info("memory")
        except redis.ResponseError:
            return None
        policy = str(memory.get("maxmemory_policy", "noeviction"))
        return None if policy == "noeviction" or not memory.get("maxmemory") else policy

    def fetched_by(self, broker_id: str, lane: str) -> list[str]:
        """The ids of the messages of a lane that a broker fetched and did not ack."""
        return self._text(self.client.smembers(self._acks(broker_id, lane)))

    def forget(self, lane: str, ids: Sequence[str], broker_id: str | None = None) -> None:
        """Drop messages of a lane, and those that a dead broker had fetched."""
        acks = [self._acks(broker_id, lane)] if broker_id else []
        if ids:
            self._forget(keys=[self._list(lane), self._messages(lane), *acks], args=list(ids))

    @property
    def _epoch(self) -> str:
        return f"{self.namespace}:epoch"

    @property
    def _lanes(self) -> str:
        return f"{self.namespace}:lanes"

    def _list(self, lane: str) -> str:
        return f"{self.namespace}:{lane}"

    def _messages(self, lane: str) -> str:
        return f"{self.namespace}:{lane}.msgs"

    def _waiting(self, lane: str) -> str:
        return f"{self.namespace}:{lane}.waiting"

    def _acks(self, broker_id: str, lane: str) -> str:
        return f"{self.namespace}:__acks__.{broker_id}.{lane}"

    @staticmethod
    def _text(members: Any) -> list[str]:
        return [member.decode() if isinstance(member, bytes) else member for member in members]


def body_of(dispatch: Dispatch) -> str:
    """The dispatch as a message of dramatiq. Workers read the ids alone; the body is for dramatiq's own tools."""
    before, after = _frame(dispatch.lane, dispatch.job_type)
    return f'{before}"{dispatch.message_id}"}},"message_id":"{dispatch.id}"{after}{current_millis()}}}'


@lru_cache(maxsize=10_000)
def _frame(lane: str, job_type: str) -> tuple[str, str]:
    """What the messages of a lane and a job type have in common, before and after their ids."""
    return (
        f'{{"queue_name":{json.dumps(lane)},"actor_name":{json.dumps(job_type)},"args":[],"kwargs":{{}},'
        '"options":{"redis_message_id":',
        ',"message_timestamp":',
    )


def _bodies(dispatches: Iterable[Dispatch]) -> list[str]:
    return [part for dispatch in dispatches for part in (dispatch.message_id, body_of(dispatch))]
