"""Unique jobs: of several submissions that are alike, one job is made.

    Unique(by=("to",))                                      one unfinished job for each `to`
    Unique(by=("to",), while_="pending")                    one that waits; another one may run
    Unique(by=("to",), while_=None, period=60)              throttle: one in 60 s, whatever became of it
    Debounce(5, max_wait=60, by=("document",))              one, when there was no other for 5 s; it has the last payload

What is alike has the same key. It stands where an idempotency key stands: the unique index of that column decides between
submissions at the same moment. A submission that finds the key taken gets the job that holds it, or takes the key from it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, get_args

While = Literal["pending", "unfinished"]
STATES: dict[str | None, list[str]] = {
    None: [],
    "pending": ["pending", "queued"],
    "unfinished": ["pending", "queued", "running"],
}
MAX_PERIOD_MS = 366 * 86_400_000
PREFIX = "unique:"


@dataclass(frozen=True, slots=True)
class Unique:
    """A submission that is like another one gets the job of that one.

    Args:
        by: the fields of the payload that make two jobs alike, such as "to" or "customer.id"; without any, all fields.
        while_: `unfinished`: until the job is over. `pending`: until it runs. None: only for the period.
        period: for at least so long after the submission, whatever becomes of the job; seconds or a timedelta.
    """

    by: Sequence[str] = ()
    while_: While | None = "unfinished"
    period: timedelta | float | None = None


@dataclass(frozen=True, slots=True)
class Debounce:
    """A job runs when there was no submission like it for a period. It has the payload of the last one.

    Args:
        period: seconds or a timedelta.
        max_wait: after so long it runs, even if submissions go on to come; None: there is no such limit.
        by: as that of Unique.
    """

    period: timedelta | float
    max_wait: timedelta | float | None = None
    by: Sequence[str] = ()


def shape(rule: Unique | Debounce | None) -> dict[str, Any] | None:
    """What `job_types.uniqueness` holds: by, and while and period_ms, or debounce_ms and max_wait_ms.

    Raises:
        ValueError: says what is wrong with the rule.
    """
    if rule is None:
        return None
    if not isinstance(rule, Unique | Debounce):
        raise ValueError("must be a Unique or a Debounce")  # noqa: TRY004 (a wrong declaration, as all others)
    if isinstance(rule.by, str) or not all(isinstance(path, str) and all(path.split(".")) for path in rule.by):
        raise ValueError('by must be a list of fields of the payload, such as ["to"]')
    made: dict[str, Any] = {"by": list(rule.by)}
    if isinstance(rule, Debounce):
        made |= {"debounce_ms": _milliseconds("period", rule.period), "max_wait_ms": None}
        if rule.max_wait is not None:
            made["max_wait_ms"] = _milliseconds("max_wait", rule.max_wait)
        return made
    if rule.while_ not in (None, *get_args(While)):
        raise ValueError(f"while_ must be one of {', '.join(get_args(While))}, or None with a period")
    if rule.while_ is None and rule.period is None:
        raise ValueError("while_ and period cannot both be None")
    made |= {"while": rule.while_, "period_ms": None}
    if rule.period is not None:
        made["period_ms"] = _milliseconds("period", rule.period)
    return made


def key_of(rule: Mapping[str, Any], payload: Mapping[str, Any]) -> str:
    """The same for payloads that are alike."""
    chosen = [_field(payload, path) for path in rule["by"]] if rule["by"] else payload
    text = json.dumps(chosen, sort_keys=True, separators=(",", ":"))
    return PREFIX + hashlib.sha256(text.encode()).hexdigest()


def _field(payload: Mapping[str, Any], path: str) -> Any:
    found: Any = payload
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _milliseconds(name: str, period: timedelta | float) -> int:
    seconds = period.total_seconds() if isinstance(period, timedelta) else period
    if not isinstance(seconds, int | float) or not 1 <= seconds * 1_000 <= MAX_PERIOD_MS:
        raise ValueError(f"{name} must be 1 ms to 366 days, in seconds or as a timedelta")
    return int(seconds * 1_000)
