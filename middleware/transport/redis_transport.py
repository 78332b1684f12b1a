"""Redis as the dispatcher uses it: a disposable transport for small messages.

A message is a job id and a dispatch_seq, nothing more; the payload stays in Postgres. The layout is dramatiq's own (list,
hash of bodies, acks per broker), so its consumers, its maintenance and its tools understand it. Beside it:

    <ns>:epoch    a key without which this Redis is not the one we filled: flushed, replaced, or never used
    <ns>:fetch    channel that tells workers "there is something to fetch"
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from itertools import groupby
from typing import Any

import redis
from dramatiq import Message

from aeon_jobs.persistence.queue.dispatch import Dispatch, parse_message_id


def script(name: str) -> str:
    """The text of <name>.lua."""
    return resources.files(__package__).joinpath(f"{name}.lua").read_text()


class RedisTransport:
    """What the dispatcher says to Redis. Every method may raise redis.RedisError; pushing again is always safe."""

    def __init__(self, client: redis.Redis, namespace: str) -> None:
        self.client = client
        self.namespace = namespace
        self._push = client.register_script(script("push"))
        self._forget = client.register_script(script("forget"))

    def depths(self, queues: Sequence[str]) -> tuple[dict[str, int], bool]:
        """Messages of each queue, waiting and in flight, and whether this Redis still holds our epoch."""
        pipeline = self.client.pipeline(transaction=False)
        for queue in queues:
            pipeline.hlen(self._messages(queue))
        pipeline.exists(self._epoch)
        *depths, epoch = pipeline.execute()
        return dict(zip(queues, depths, strict=True)), bool(epoch)

    def push(self, dispatches: Iterable[Dispatch]) -> int:
        """Push dispatches in the order given; one that is there already is left alone. Returns how many were new."""
        ordered = sorted(dispatches, key=lambda dispatch: dispatch.queue_name)
        return sum(
            self._push(
                keys=[self._list(queue), self._messages(queue)],
                args=[f"{self.namespace}:fetch", queue, *_bodies(group)],
            )
            for queue, group in groupby(ordered, key=lambda dispatch: dispatch.queue_name)
        )

    def absent(self, dispatches: Sequence[Dispatch]) -> list[Dispatch]:
        """Those that Redis knows nothing of."""
        pipeline = self.client.pipeline(transaction=False)
        for dispatch in dispatches:
            pipeline.hexists(self._messages(dispatch.queue_name), dispatch.message_id)
        return [d for d, present in zip(dispatches, pipeline.execute(), strict=True) if not present]

    def begin_epoch(self) -> None:
        """Mark this Redis as filled."""
        self.client.set(self._epoch, "1")

    def evicts(self) -> str | None:
        """The maxmemory-policy, if it may throw our messages away; None if it may not, or is not for us to know."""
        try:
            config = self.client.config_get("maxmemory*")
        except redis.ResponseError:
            return None
        policy = str(config.get("maxmemory-policy", "noeviction"))
        return None if policy == "noeviction" or str(config.get("maxmemory", "0")) == "0" else policy

    def held_by(self, broker_id: str, queues: Iterable[str]) -> dict[str, list[str]]:
        """By queue, the ids of the dispatches that a broker fetched and did not ack. Ordinary messages are left out."""
        held = {queue: self._text(self.client.smembers(self._acks(broker_id, queue))) for queue in queues}
        return {queue: [id_ for id_ in ids if parse_message_id(id_)] for queue, ids in held.items() if ids}

    def forget(self, queue: str, ids: Sequence[str], broker_id: str | None = None) -> None:
        """Drop messages of a queue, and of a dead broker's hands."""
        acks = [self._acks(broker_id, queue)] if broker_id else []
        if ids:
            self._forget(keys=[self._list(queue), self._messages(queue), *acks], args=list(ids))

    @property
    def _epoch(self) -> str:
        return f"{self.namespace}:epoch"

    def _list(self, queue: str) -> str:
        return f"{self.namespace}:{queue}"

    def _messages(self, queue: str) -> str:
        return f"{self.namespace}:{queue}.msgs"

    def _acks(self, broker_id: str, queue: str) -> str:
        return f"{self.namespace}:__acks__.{broker_id}.{queue}"

    @staticmethod
    def _text(members: Any) -> list[str]:
        return [member.decode() if isinstance(member, bytes) else member for member in members]


def message_for(dispatch: Dispatch) -> Message[Any]:
    """The dramatiq message of a dispatch."""
    options: Mapping[str, Any] = {"redis_message_id": dispatch.message_id}
    return Message(
        queue_name=dispatch.queue_name,
        actor_name=dispatch.job_type,
        args=(),
        kwargs={},
        options=dict(options),
        message_id=str(dispatch.id),
    )


def _bodies(dispatches: Iterable[Dispatch]) -> list[str | bytes]:
    return [part for dispatch in dispatches for part in (dispatch.message_id, message_for(dispatch).encode())]
