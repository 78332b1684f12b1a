"""Processes of ours: who lives, who died, and who does the dispatching."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

from aeon_jobs.persistence.core.database import run, run_sql, together

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from aeon_jobs.persistence.core.models import Worker

Kind = Literal["worker", "dispatcher", "scheduler", "api"]


@dataclass(frozen=True, slots=True)
class Host:
    """Two processes can see each other if their boot id and their pid namespace are equal."""

    hostname: str
    boot_id: str
    pid_namespace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What a process registers. `process_started_at` (seconds since boot) tells it from a later process with its pid."""

    id: str
    kind: Kind
    host: Host
    pid: int
    process_started_at: float
    version: str
    broker_id: str | None = None
    queues: Sequence[str] = ()
    job_types: Sequence[str] = ()
    lane: str | None = None
    schema_digests: Mapping[str, str] = field(default_factory=dict)
    threads: int = 0


@dataclass(frozen=True, slots=True)
class Peer:
    """Another process, as far as its death can be judged."""

    id: str
    kind: str
    pid: int
    process_started_at: float
    broker_id: str | None
    lane: str | None


@dataclass(frozen=True, slots=True)
class LiveDispatcher:
    id: str
    dedicated: bool
    """A dispatcher process, not a thread of a worker."""
    age_ms: float
    """Since its last heartbeat."""


def register(connection: Connection, registration: Registration) -> None:
    """Announce a process; registering again revives its row."""
    run(
        connection,
        "queue/register_worker",
        {
            "id": registration.id,
            "kind": registration.kind,
            "hostname": registration.host.hostname[:255],
            "boot_id": registration.host.boot_id,
            "pid_namespace": registration.host.pid_namespace,
            "pid": registration.pid,
            "process_started_at": registration.process_started_at,
            "broker_id": registration.broker_id,
            "queues": list(registration.queues),
            "job_types": list(registration.job_types),
            "lane": registration.lane,
            "schema_digests": json.dumps(dict(registration.schema_digests)),
            "threads": registration.threads,
            "version": registration.version,
        },
    )


def beat(connection: Connection, worker_id: str, busy: int = 0) -> bool | None:
    """Prove life. Returns whether the process is to be quiet; None: the row is gone, and it has to register again."""
    row = run(connection, "queue/beat", {"id": worker_id, "busy": busy}).one_or_none()
    return None if row is None else bool(row.is_quiet)


def quiet(connection: Connection, worker_id: str, is_quiet: bool = True) -> bool:
    """Have a worker process begin nothing new, or begin again. False: no such process runs."""
    return run(connection, "queue/quiet_worker", {"id": worker_id, "is_quiet": is_quiet}).rowcount > 0


def schema_conflicts(connection: Connection, silence_ms: int) -> dict[str, list[str]]:
    """Job types that live workers define with different payload schemas, and the ids of those workers."""
    rows = run(connection, "queue/schema_conflicts", {"silence_ms": silence_ms})
    return {row.job_type: list(row.worker_ids) for row in rows}


def change_state(connection: Connection, worker_id: str, state: Literal["stopping", "stopped"]) -> None:
    """A clean stop: a `stopping` process gets no new work, a `stopped` one causes no alert."""
    run(connection, "queue/change_worker_state", {"id": worker_id, "state": state})


def peers_on(connection: Connection, host: Host) -> list[Peer]:
    """Processes that claim to run where the caller can look for them."""
    rows = run(connection, "queue/peers_on_host", {"boot_id": host.boot_id, "pid_namespace": host.pid_namespace})
    return [peer_of(row._asdict()) for row in rows]


def alive_on(connection: Connection, host: Host, kind: str, silence_ms: int) -> int:
    """How many processes of `kind` on `host` were heard of within `silence_ms`."""
    parameters = {"boot_id": host.boot_id, "pid_namespace": host.pid_namespace, "kind": kind, "silence_ms": silence_ms}
    return int(run(connection, "queue/alive_on_host", parameters).scalar_one())


def mark_lost(connection: Connection, ids: Sequence[str]) -> list[Peer]:
    """Declare processes dead. Only the caller that changed a row gets it back: each death has one reaper."""
    return [peer_of(row._asdict()) for row in run(connection, "queue/mark_lost", {"ids": list(ids)})] if ids else []


def mark_silent(connection: Connection, silence_ms: int) -> list[Peer]:
    """Mark processes without a heartbeat for `silence_ms` as lost. The next heartbeat of a frozen one undoes this."""
    return [peer_of(row._asdict()) for row in run(connection, "queue/mark_silent", {"silence_ms": silence_ms})]


def in_sight(connection: Connection, host: Host, silence_ms: int) -> tuple[list[LiveDispatcher], list[Peer]]:
    """Dispatchers that were heard of within `silence_ms`, processes and threads of workers; and the processes of `host`."""
    parameters = {"silence_ms": silence_ms, "boot_id": host.boot_id, "pid_namespace": host.pid_namespace}
    row = run_sql(connection, together("queue/live_dispatchers", "queue/peers_on_host"), parameters).one()
    dispatchers = [LiveDispatcher(**found) for found in row.live_dispatchers or ()]
    return dispatchers, [peer_of(peer) for peer in row.peers_on_host or ()]


def forget(connection: Connection, retention_ms: int) -> int:
    """Delete rows of processes that stopped cleanly, or were lost, longer ago than `retention_ms`."""
    return run(connection, "queue/forget_workers", {"retention_ms": retention_ms}).rowcount


def every(connection: Connection) -> list[Worker]:
    """All known processes, the latest seen first."""
    return cast("list[Worker]", run(connection, "queue/workers").all())


def peer_of(row: Mapping[str, Any]) -> Peer:
    """The peer of a row that has its fields."""
    return Peer(**{name: row[name] for name in Peer.__dataclass_fields__})
