"""Results of jobs for code that asks dramatiq for them."""

from __future__ import annotations

from typing import Any

from dramatiq import Message
from dramatiq.results import ResultBackend

from aeon_jobs.middleware.transport.messages import JobMessage


class JobResults(ResultBackend):
    """Reads results of jobs from PostgreSQL, where the jobs themselves store them."""

    def __init__(self, others: ResultBackend | None) -> None:
        """`others`: where results of ordinary actors are."""
        super().__init__()
        self._others = others

    def get_result(self, message: Message[Any], *, block: bool = False, timeout: int | None = None) -> Any:
        """As `JobMessage.get_result`, and for ordinary actors as dramatiq's own.

        Raises:
            RuntimeError: an ordinary actor, and dramatiq's middleware `Results` was not added.
        """
        if isinstance(message, JobMessage):
            return message.get_result(block=block, timeout=timeout)
        if self._others is None:
            raise RuntimeError("The broker doesn't have a results backend.")
        return self._others.get_result(message, block=block, timeout=timeout)
