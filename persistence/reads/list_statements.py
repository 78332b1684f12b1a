"""The statements of the lists of jobs, put together once for each kind of question; values are always parameters.

Each chooses the ids of a page first and reads whole rows for these alone: what is looked through, merged and sorted is
narrow, and much of it is answered by an index without its table.

    walk      along indexes in the order of the list, to the end of the page
    glance    the same, no further than the first RECENT rows, whatever they are
    gather    all that matches, by the index of a condition, if that is not too much; then sort
    search    the next so many rows of the walk (or of the glance), of which the payload is looked at
"""

# ruff: noqa: S608 - the pieces are constants of this module

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from aeon_jobs.persistence.core.statuses import JobStatus

Sort = Literal["created_at", "updated_at", "priority"]
RECENT = 4_000
COLUMNS = (
    "id, job_type, queue_name, status::text AS status, priority, error_message, retry_count, max_retries, timeout_ms,"
    " scheduled_at, started_at, completed_at, created_at, updated_at, created_by, metadata, blocked_by, attempt, worker_id,"
    " progress, cancel_requested_at, cancel_requested_by, cancel_reason, schedule_id, workflow_id, step_name"
)
"""What lists show: payload and result may be large."""

CONDITIONS = {
    "id_first": "id >= CAST(:id_first AS uuid)",
    "id_last": "id <= CAST(:id_last AS uuid)",
    "job_type": "job_type = :job_type",
    "queue_name": "queue_name = :queue_name",
    "created_by": "created_by = :created_by",
    "workflow_id": "workflow_id = :workflow_id",
    "created_after": "created_at >= :created_after",
    "created_before": "created_at < :created_before",
    "updated_after": "updated_at >= :updated_after",
    "updated_before": "updated_at < :updated_before",
    # Its first half is that of the index.
    "metadata": "metadata <> '{}' AND metadata @> CAST(:metadata AS jsonb)",
}
ASIDES = {
    "not_asked_to_stop": "cancel_requested_at IS NULL",
    "not_due": "(status <> 'pending' OR scheduled_at > now())",
}
"""Conditions without a value, for bulk changes."""
# No job changes before it is created. With this condition the planner can start in the middle of an index.
_IMPLIED = {"created_after": "updated_at >= :created_after", "updated_before": "created_at < :updated_before"}
_MOMENTS = {
    "created_after": "created_at",
    "created_before": "created_at",
    "updated_after": "updated_at",
    "updated_before": "updated_at",
}
_EQUAL = ("job_type", "queue_name", "created_by")
_IN_MOTION = ("queued", "running")
_SETTLED = f"status NOT IN {_IN_MOTION}"
# The table is large, even if old statistics say otherwise. To compile a statement takes longer than to run it.
_SETTINGS = "SET LOCAL enable_seqscan = off;\nSET LOCAL jit = off;\n"


@dataclass(frozen=True, slots=True)
class Shape:
    """A question without its values."""

    status: tuple[str, ...]
    """Empty: any."""
    given: tuple[str, ...]
    """Names of CONDITIONS and ASIDES."""
    sort: Sort = "created_at"
    descending: bool = True
    continues: bool = False
    """After the position (:after_key, :after_id)."""

    @property
    def most(self) -> int:
        """How many rows may be gathered: for metadata each of them is a visit to the table."""
        if "metadata" in self.given:
            return 5_000
        if "workflow_id" in self.given:
            # They were stored together, on few pages; along the order they may begin after all other rows.
            return 200_000
        only_moments = all(name in _MOMENTS for name in self.given)
        return 100_000 if only_moments and not self.status and self.sort != "priority" else 20_000

    @property
    def is_straight(self) -> bool:
        """Whether some index holds exactly what matches in the order of the list."""
        equal = [name for name in self.given if name in _EQUAL]
        others = [name for name in self.given if name not in equal and _MOMENTS.get(name) != self.sort]
        return not others and (not equal or (len(equal) == 1 and self.sort == "created_at" and not self.status))


@lru_cache(maxsize=1_000)
def walk(shape: Shape) -> str:
    """Parameters: the values, `rows`, `offset`, and `reach`, the sum of these two."""
    found = _merged(shape, _parts(shape), [*_conditions(shape), *_position(shape)], limit=":reach")
    return _page(shape, found)


@lru_cache(maxsize=1_000)
def glance(shape: Shape) -> str:
    """Parameters: the values, `rows`, `offset`."""
    nearest = _merged(shape, _parts(shape), _position(shape), limit=str(RECENT), columns=_needed(shape))
    recent = f"(SELECT * FROM {nearest} {_order(shape)} LIMIT {RECENT}) AS recent WHERE {_all(_conditions(shape))}"
    return _page(shape, recent)


@lru_cache(maxsize=1_000)
def gather(shape: Shape) -> str:
    """Parameters: the values, `rows`, `offset`, `most`. Each row says how many were `gathered`: with `most`, not all."""
    found = f"SELECT * FROM ({_union(shape, [*_conditions(shape), *_position(shape)])}) AS found LIMIT :most"
    count = ", (SELECT count(*) FROM matching) AS gathered"
    return _page(shape, "matching", before=f"WITH matching AS MATERIALIZED ({found})\n", count=count)


@lru_cache(maxsize=1_000)
def search(shape: Shape) -> str:
    """Parameters: the values, `payload`, `rows`, and `most`, the number of jobs to look at.

    One row at least, of which the id may be NULL: each says how many were `looked_at`, and where the last of them stands.
    """
    inner = _conditions(shape) if shape.is_straight else []
    outer = [] if shape.is_straight else _conditions(shape)
    nearest = _merged(shape, _parts(shape), [*inner, *_position(shape)], limit=":most")
    backwards = "ASC" if shape.descending else "DESC"
    return (
        f"{_SETTINGS}SET LOCAL enable_hashjoin = off;\nSET LOCAL enable_mergejoin = off;\n"
        f"WITH looked AS MATERIALIZED (SELECT id, key FROM {nearest} {_order(shape)} LIMIT :most),\n"
        f"chosen AS (SELECT id, key FROM (SELECT * FROM looked {_order(shape)}) AS ordered JOIN jobs USING (id)"
        f" WHERE {_all([*outer, 'payload @> CAST(:payload AS jsonb)'])} {_order(shape)} LIMIT :rows),\n"
        f"ended AS (SELECT key AS last_key, id AS last_id FROM looked ORDER BY key {backwards}, id {backwards} LIMIT 1)\n"
        f"SELECT found.*, (SELECT count(*) FROM looked) AS looked_at, last_key, last_id\n"
        f"FROM (SELECT 1) AS always LEFT JOIN ended ON true LEFT JOIN (\n"
        f"SELECT key, {COLUMNS} FROM jobs JOIN chosen USING (id)) AS found ON true {_order(shape)}"
    )


@lru_cache(maxsize=1_000)
def count(shape: Shape) -> str:
    """Parameters: the values, and `most`, where counting ends."""
    found = f"SELECT FROM ({_union(shape, _conditions(shape))}) AS found LIMIT :most"
    return f"{_SETTINGS}SELECT count(*) FROM ({found}) AS counted"


def _page(shape: Shape, found: str, before: str = "", count: str = "") -> str:
    return (
        f"{_SETTINGS}SELECT {COLUMNS}{', gathered' if count else ''} FROM jobs JOIN (\n"
        f"{before}SELECT id, key{count} FROM {found} {_order(shape)} LIMIT :rows OFFSET :offset\n"
        f") AS chosen USING (id) {_order(shape)}"
    )


def _merged(shape: Shape, parts: Sequence[str], conditions: Sequence[str], *, limit: str, columns: str = "") -> str:
    """Each part in the order of the list and no longer than can be needed, put together."""
    branches = [
        f"(SELECT id, {shape.sort} AS key{columns} FROM jobs WHERE {_all([part, *conditions])}"
        f" {_order(shape, shape.sort)} LIMIT {limit})"
        for part in parts
    ]
    return "(" + "\nUNION ALL ".join(branches) + ") AS merged"


def _union(shape: Shape, conditions: Sequence[str]) -> str:
    """Everything that matches, in no order."""
    wanted = _wanted(shape)
    settled = ", ".join(f"'{status}'" for status in wanted if status not in _IN_MOTION)
    parts = [f"{_SETTLED} AND status IN ({settled})" if shape.status else _SETTLED] if settled else []
    parts += _moving(wanted)
    return "\nUNION ALL ".join(
        f"SELECT id, {shape.sort} AS key FROM jobs WHERE {_all([part, *conditions])}" for part in parts
    )


def _parts(shape: Shape) -> list[str]:
    """Disjoint sets of rows, each of which some index holds in the order of the list."""
    wanted = _wanted(shape)
    if shape.sort == "created_at" and not shape.status:
        return [_SETTLED, *_moving(wanted)]
    settled = [f"{_SETTLED} AND status = '{status}'" for status in wanted if status not in _IN_MOTION]
    return settled + _moving(wanted)


def _wanted(shape: Shape) -> list[str]:
    return [JobStatus(status).value for status in shape.status or tuple(JobStatus)]


def _moving(wanted: Collection[str]) -> list[str]:
    return [f"status = '{status}'" for status in wanted if status in _IN_MOTION]


def _conditions(shape: Shape) -> list[str]:
    known = CONDITIONS | ASIDES
    return [known[name] for name in shape.given] + [_IMPLIED[name] for name in shape.given if name in _IMPLIED]


def _position(shape: Shape) -> list[str]:
    return [f"({shape.sort}, id) {'<' if shape.descending else '>'} (:after_key, :after_id)"] if shape.continues else []


def _needed(shape: Shape) -> str:
    """Columns that the conditions look at."""
    names = (
        *(*_EQUAL, "workflow_id", "created_at", "updated_at"),
        *("metadata", "status", "scheduled_at", "cancel_requested_at"),
    )
    conditions = _all(_conditions(shape))
    return "".join(f", {name}" for name in names if name in conditions)


def _order(shape: Shape, key: str = "key") -> str:
    direction = "DESC" if shape.descending else "ASC"
    return f"ORDER BY {key} {direction}, id {direction}"


def _all(conditions: Sequence[str]) -> str:
    return " AND ".join(conditions)
