"""Hints to other processes, given beside the request: a Redis that does not answer must not slow it down."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol
from uuid import UUID

from aeon_jobs.persistence.hints import Hints


class Notifier(Protocol):
    """Call after the commit. Nothing of it raises. `Hints` are one that waits for Redis."""

    def job_ready(self) -> None: ...
    def cancel(self, job_id: UUID) -> None: ...


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
