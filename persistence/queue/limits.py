"""Limits of a job type: how many of its jobs run at once, how many start in a period; for the whole type, or for each key.

    [Limit(5, key="payload.tenant"), Limit(50), Rate(100, per=60)]

A job of a limited type waits at the gate (`jobs.gated`) until a dispatcher lets it through, in the functions pass_gate and
choose_gated. It holds a place from then on until its attempt ends.
Who holds one is counted, never stored: a kill frees it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, get_args

from aeon_jobs.persistence.core.database import run
from aeon_jobs.persistence.core.errors import InvalidJob, Violation

if TYPE_CHECKING:
    from sqlalchemy import Connection

Strategy = Literal["queue", "round_robin", "cancel_in_progress", "cancel_newest"]
MAX_COUNT = 1_000_000
MAX_KEY = 255
_MAX_PERIOD_S = 31 * 86_400


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` jobs at once.

    Args:
        count: None sets no number: jobs only take turns (`round_robin`).
        key: where a job's key stands, `payload.NAME` or `metadata.NAME`; each key has its own `count`. None: the whole type.
        strategy: what becomes of jobs beyond the limit. `queue`: they wait, in the order of priority and submission.
            `round_robin`: they wait, and keys take turns. `cancel_newest`: they are cancelled.
            `cancel_in_progress`: they take the places of older jobs, which are cancelled.
    """

    count: int | None
    key: str | None = None
    strategy: Strategy = "queue"


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` starts in a period, evenly refilled (a token bucket that holds `count`). A retry is a start too.

    Args:
        per: the period, in seconds or as a timedelta.
        key: as that of Limit.
    """

    count: int
    per: timedelta | float = 1.0
    key: str | None = None


def shape(limits: Sequence[Limit | Rate]) -> dict[str, Any] | None:
    """What `job_types.limits` holds: running, running_per_key, starts, starts_per_key, key, strategy. None for no limits.

    Raises:
        ValueError: names what is wrong with the limits.
    """
    made: dict[str, Any] = {}
    for limit in limits:
        name = ("running" if isinstance(limit, Limit) else "starts") + ("_per_key" if limit.key else "")
        if name in made:
            raise ValueError(f"two limits of one kind: {limit}")
        if limit.key and made.setdefault("key", limit.key) != limit.key:
            raise ValueError(f"all limits of a job type have the same key, {made['key']} is not {limit.key}")
        made[name] = _amount(limit)
        if isinstance(limit, Limit) and made.setdefault("strategy", limit.strategy) != limit.strategy:
            raise ValueError("all limits of a job type have the same strategy")
    made = {name: value for name, value in made.items() if value is not None}
    violations = broken_rules(made) if made else []
    if violations:
        raise ValueError("; ".join(f"{violation.field} {violation.rule}" for violation in violations))
    return made or None


def forget(connection: Connection) -> int:
    """Drop buckets that are full again: they are as good as none."""
    return run(connection, "queue/forget_buckets", {"age_s": _MAX_PERIOD_S}).rowcount


def override(declared: Mapping[str, Any] | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Limits that an operator sets instead of the `declared` ones of the code. Empty: none.

    Jobs come with the key that their sender's code names, so the key of declared limits cannot be another one.

    Raises:
        InvalidJob: names every broken rule.
    """
    made = dict(given)
    if not made:
        return {}
    broken = []
    if declared:
        if made.get("key", declared.get("key")) != declared.get("key"):
            rule = f"must be {declared['key']}" if "key" in declared else "must be left out"
            broken.append(Violation("key", f"{rule}: the code declares it so"))
        elif "key" in declared:
            made["key"] = declared["key"]
    broken += broken_rules(made)
    has_limit = made.keys() & {"running", "running_per_key", "starts", "starts_per_key"}
    if not broken and not has_limit and made.get("strategy") != "round_robin":
        broken.append(Violation("limits", "must have running, running_per_key, starts or starts_per_key"))
    if broken:
        raise InvalidJob(broken)
    return made


@dataclass(frozen=True, slots=True)
class KeyUsage:
    """The jobs of one key of a limited type."""

    key: str
    """Empty: its limits have no key."""
    waiting: int
    """Jobs that wait for the limits alone; counted up to COUNTED."""
    running: int
    """Jobs that hold a place: they run, or are on their way to a worker."""


COUNTED = 1_000
_KEYS_LOOKED_AT = 1_000


def usage(connection: Connection, job_type: str, shown: int) -> list[KeyUsage]:
    """The keys of a job type with the most waiting jobs, of the first 1,000 keys that wait and of all that run."""
    parameters = {"name": job_type, "shown": shown, "keys": _KEYS_LOOKED_AT, "counted": COUNTED}
    return [KeyUsage(**row) for row in run(connection, "queue/limit_usage", parameters).mappings()]


def _amount(limit: Limit | Rate) -> Any:
    if isinstance(limit, Limit):
        return limit.count
    seconds = limit.per.total_seconds() if isinstance(limit.per, timedelta) else limit.per
    return {"count": limit.count, "period_ms": int(seconds * 1_000)}


def broken_rules(limits: Mapping[str, Any]) -> list[Violation]:
    """What is wrong with the shape of limits, from whoever it comes."""
    known = {"running", "running_per_key", "starts", "starts_per_key", "key", "strategy"}
    broken = [Violation(name, f"must be one of {', '.join(sorted(known))}") for name in limits.keys() - known]
    broken += [
        Violation(name, f"must be a whole number from 1 to {MAX_COUNT}")
        for name in ("running", "running_per_key")
        if name in limits and not _is_count(limits[name])
    ]
    broken += [
        Violation(name, f"must have count, 1 to {MAX_COUNT}, and period_ms, 1 to {_MAX_PERIOD_S * 1_000}")
        for name in ("starts", "starts_per_key")
        if name in limits and not _is_rate(limits[name])
    ]
    strategy, key = limits.get("strategy", "queue"), limits.get("key")
    if strategy not in get_args(Strategy):
        broken.append(Violation("strategy", f"must be one of {', '.join(get_args(Strategy))}"))
    elif strategy.startswith("cancel") and not {"running", "running_per_key"} & limits.keys():
        broken.append(Violation("strategy", f"{strategy} needs a number of jobs at once"))
    if key is not None and not _is_path(key):
        broken.append(Violation("key", "must be the path of a field, such as payload.tenant or metadata.customer.id"))
    if key is None and ({"running_per_key", "starts_per_key"} & limits.keys() or strategy == "round_robin"):
        broken.append(Violation("key", "is needed by a limit for each key"))
    return broken


def _is_count(value: Any) -> bool:
    return type(value) is int and 1 <= value <= MAX_COUNT


def _is_rate(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and value.keys() == {"count", "period_ms"}
        and _is_count(value["count"])
        and type(value["period_ms"]) is int
        and 1 <= value["period_ms"] <= _MAX_PERIOD_S * 1_000
    )


def _is_path(key: Any) -> bool:
    parts = key.split(".") if isinstance(key, str) and len(key) <= MAX_KEY else []
    return len(parts) >= 2 and parts[0] in ("payload", "metadata") and all(parts)


class NoKey(ValueError):
    """What stands at the path of a key is neither a text nor a whole number."""


def key_of(limits: Mapping[str, Any] | None, payload: Mapping[str, Any], metadata: Mapping[str, Any]) -> str | None:
    """The key of a job, as the function job_limit_key makes it for a plain INSERT. None: its type has no limits.

    Raises:
        NoKey
    """
    if not limits:
        return None
    if "key" not in limits:
        return ""
    found: Any = {"payload": payload, "metadata": metadata}
    for part in limits["key"].split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    if found is None:
        return "null"
    if isinstance(found, bool):
        return str(found).lower()
    if not isinstance(found, str | int):
        raise NoKey(f"must be a text or a whole number: {limits['key']} is the key of a limit")
    return str(found)[:MAX_KEY]
