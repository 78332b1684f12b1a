"""Hints to other processes, given beside the request: a Redis that does not answer must not slow it down."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from aeon_jobs.persistence.core.settings import Settings

if TYPE_CHECKING:
    import redis

    from aeon_jobs.persistence.hints import Hints

REDIS_TIMEOUT_S = 1.0
"""A Redis that does not answer must not hold the caller up."""


class Notifier(Protocol):
    """Call after the commit. Nothing of it raises. `Hints` are one that waits for Redis."""

    def job_ready(self) -> None: ...
    def cancel(self, job_id: UUID) -> None: ...


class LateHints:
    """The hints of a process that may have none to give, as most commands: redis-py is loaded for the first one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._making = threading.Lock()
        self._made: tuple[Hints, redis.Redis] | None = None

    def job_ready(self) -> None:
        self._hints().job_ready()

    def cancel(self, job_id: UUID) -> None:
        self._hints().cancel(job_id)

    def close(self) -> None:
        if self._made:
            self._made[1].close()

    def _hints(self) -> Hints:
        from aeon_jobs.persistence.hints import Hints
        from aeon_jobs.persistence.redis_clients import redis_client

        with self._making:
            if self._made is None:
                times = dict.fromkeys(("socket_timeout", "socket_connect_timeout"), REDIS_TIMEOUT_S)
                client = redis_client(self._settings.redis_dsn, **times)
                self._made = Hints(client, self._settings.redis_queue_prefix), client
            return self._made[0]


class BackgroundNotifier:
    """Waits for nothing; any number of `job_ready` in a row become one."""

    def __init__(self, hints: Hints) -> None:
        self._hints = hints
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="notifier")
        self._ready = threading.Event()

    def job_ready(self) -> None:
        if not self._ready.is_set():
            self._ready.set()
            self._thread.submit(self._tell_ready)

    def cancel(self, job_id: UUID) -> None:
        self._thread.submit(self._hints.cancel, job_id)

    def close(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _tell_ready(self) -> None:
        # Cleared first: what is committed from here on is told again.
        self._ready.clear()
        self._hints.job_ready()
