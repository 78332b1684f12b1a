"""When a request is sent again, and how long to wait before.

1. A request that never left (no connection), and one that was turned away unread (429), is sent again.
2. One that may have been acted on (a lost answer, 502, 503, 504) is sent again only if it is repeatable.
3. The server's Retry-After is obeyed, unless it is longer than `longest_wait_s`: then the error is raised at once.
4. Otherwise the waits are random, up to 0.2, 0.4, 0.8 … s ("full jitter").
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from tenacity import RetryCallState, retry_if_exception, stop_after_attempt

from aeon_jobs.api.client.errors import ApiError, ConnectionFailed, Refused, TooManyRequests, Unavailable
from aeon_jobs.api.client.operations import Operation, get, nothing

_FIRST_WAIT_S = 0.2
_LISTENING = get("", nothing)


@dataclass(frozen=True, slots=True)
class Retries:
    most: int = 5
    """Tries after the first one; 0: none."""
    longest_wait_s: float = 30.0

    def policy(self, operation: Operation[Any]) -> Mapping[str, Any]:
        """The arguments of tenacity's `Retrying` and `AsyncRetrying`."""
        return {
            "stop": stop_after_attempt(self.most + 1),
            "wait": self._wait_s,
            "retry": retry_if_exception(partial(self.is_worth_it, operation)),
            "reraise": True,
        }

    def is_worth_it(self, operation: Operation[Any], error: BaseException) -> bool:
        if isinstance(error, Refused) and (error.problem.retry_after_s or 0) > self.longest_wait_s:
            return False
        if isinstance(error, TooManyRequests):
            return True
        if isinstance(error, ConnectionFailed):
            return operation.repeatable or not error.was_sent
        return isinstance(error, Unavailable) and operation.repeatable

    def _wait_s(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.problem.retry_after_s if isinstance(error, Refused) else None
        return asked if asked is not None else self.pause_s(state.attempt_number)

    def pause_before_listening(self, failures: int, error: ApiError) -> float:
        """How long to wait before a stream of events is asked for again.

        Raises:
            ApiError: `error`, when it is not worth it.
        """
        if failures > self.most or not self.is_worth_it(_LISTENING, error):
            raise error
        asked = error.problem.retry_after_s if isinstance(error, Refused) else None
        return asked if asked is not None else self.pause_s(max(1, failures))

    def pause_s(self, failures: int) -> float:
        """How long to wait after so many failures in a row."""
        return random.uniform(0, min(_FIRST_WAIT_S * 2 ** (failures - 1), self.longest_wait_s))
