"""Best-effort signals through Redis. Nothing here raises, and nothing depends on it for correctness: without Redis the
polls of dispatcher and workers find the same things a little later.

    <prefix>:wake               channel: "there may be something to dispatch"; AGAIN: "and something more in a moment"
    job:cancel:{id}             flag: the job's handler should stop; workers look every half second
    worker:heartbeat:{id}       key with a TTL of 60 s, for people and dashboards
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from functools import lru_cache
from threading import Lock
from typing import Any
from uuid import UUID

import redis

from aeon_jobs.persistence.core.logs import Logger
from aeon_jobs.persistence.core.settings import get_settings
from aeon_jobs.persistence.redis_clients import redis_client
from aeon_jobs.persistence.redis_socket import RedisSocket

HEARTBEAT_TTL_S = 60
CANCEL_TTL_S = 60
"""Workers look twice a second; a flag that outlived its job must not meet the job's next life."""
AGAIN, AGAIN_S = "again", 0.003
"""Who hears this message looks at once, and once more when this time has passed. So a stream of jobs needs few messages."""

_log = Logger(__name__)


class Hints:
    def __init__(self, client: redis.Redis, prefix: str) -> None:
        self._client = client
        self.wake_channel = f"{prefix}:wake"
        self._publisher = Publisher(client, self.wake_channel)
        self._saying = Lock()
        self._pid = os.getpid()
        self._is_wanted = False
        self._asked_at = self._served_until = 0.0

    def job_ready(self) -> None:
        """Wake the dispatcher. One thread at a time says so, for all that ask meanwhile: the others do not wait."""
        now = time.monotonic()
        is_stream, self._asked_at = now < self._asked_at + AGAIN_S, now
        if now < self._served_until:
            return
        if self._pid != os.getpid():
            # Forked while a thread of the parent held it: here nobody would ever release it.
            self._pid, self._saying = os.getpid(), Lock()
        self._is_wanted = True
        while self._is_wanted and self._saying.acquire(blocking=False):
            try:
                self._is_wanted = False
                if self._publisher.publish(AGAIN if is_stream else "1") and is_stream:
                    self._served_until = now + AGAIN_S
            except redis.RedisError as error:
                _log.debug("hint not given", command="publish", error=str(error))
            finally:
                self._saying.release()

    def cancel(self, job_id: UUID) -> None:
        """Raise the cancellation flag of a running job."""
        self._try("set", f"job:cancel:{job_id}", "1", "ex", CANCEL_TTL_S)

    def lower_cancel_flag(self, job_id: UUID) -> None:
        """Take the flag down: it was obeyed, or the job begins a new life."""
        self._try("del", f"job:cancel:{job_id}")

    def cancelled(self, job_ids: Sequence[UUID]) -> list[UUID]:
        """Those of the jobs whose flag is raised."""
        if not job_ids:
            return []
        flags = self._try("mget", *(f"job:cancel:{job_id}" for job_id in job_ids)) or []
        return [job_id for job_id, flag in zip(job_ids, flags, strict=False) if flag]

    def heartbeat(self, worker_id: str) -> None:
        """Show a worker's sign of life."""
        self._try("set", f"worker:heartbeat:{worker_id}", "1", "ex", HEARTBEAT_TTL_S)

    def forget_worker(self, worker_id: str) -> None:
        """Take the sign of life away."""
        self._try("del", f"worker:heartbeat:{worker_id}")

    def _try(self, *command: str | int) -> Any:
        try:
            return self._client.execute_command(*command)  # type: ignore[no-untyped-call]
        except redis.RedisError as error:
            _log.debug("hint not given", command=command[0], error=str(error))
            return None


class Publisher:
    """Publishes without waiting for Redis. For one thread at a time.

    A message for which there is no room is left out: those that Redis has not read yet are heard later than what it would
    tell of.
    """

    def __init__(self, client: redis.Redis, channel: str) -> None:
        self._socket, self._channel = RedisSocket(client), channel

    def publish(self, message: str) -> bool:
        """False: left out.

        Raises:
            RedisError: not sent.
        """
        if self._socket.is_open:
            # Answers to what was published before. If Redis has closed the connection, it shows here.
            self._socket.hear()
        if not self._socket.is_open:
            self._socket.open()
        return self._socket.send("PUBLISH", self._channel, message)


@lru_cache(maxsize=1)
def get_hints() -> Hints:
    """The process's hints, from its settings."""
    settings = get_settings()
    client = redis_client(settings.redis_dsn, socket_timeout=1, socket_connect_timeout=1)
    return Hints(client, settings.redis_queue_prefix)
