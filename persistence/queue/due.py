"""What a dispatcher has to do, seen with one statement a second. The tasks themselves run when there is something to do."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aeon_jobs.persistence.core.database import run_sql, together
from aeon_jobs.persistence.queue import dispatch, workers
from aeon_jobs.persistence.queue.dispatch import Lane
from aeon_jobs.persistence.queue.workers import Host, Peer

if TYPE_CHECKING:
    from sqlalchemy import Connection

# A heartbeat that a crash of the server takes back costs nothing, so it need not wait for the disk. By its statistics, a table
# may seem worth reading from end to end: that takes long if it has nothing of what is asked for. What is forbidden and used
# all the same looks endlessly expensive: without jit = off it would be compiled, for seconds.
_SETTINGS = "".join(
    f"SET LOCAL {name} = off;\n" for name in ("synchronous_commit", "enable_seqscan", "enable_sort", "jit")
)
_PARTS = (
    "queue/beat",
    "queue/note_successes",
    "queue/due",
    "queue/lanes",
    "queue/peers_on_host",
    "queue/served_queues",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    is_registered: bool
    """The looking process has its row."""
    ready: bool
    """Jobs are ready or came due; perhaps nobody can run them."""
    expired: bool
    """Leases ended."""
    expiring: bool
    """Jobs were not begun before they expired."""
    workflows: bool
    """Workflows have to be cancelled, or their counters to be added up."""
    holds: bool
    """The time of held steps of workflows has come."""
    bulk_changes: bool
    """Bulk changes are not over."""
    waiting: bool
    """Dispatches were not claimed for a while."""
    silent: bool
    """Processes were not heard of for a lease."""
    lanes: list[Lane]
    peers: list[Peer]
    """Processes of this host."""
    queues: list[str]
    """Queues of live workers."""


def look(
    connection: Connection, worker_id: str, host: Host, *, silence_ms: int, age_ms: int, done: Collection[str] = ()
) -> Due:
    """Prove that this process lives, and see what there is to do. `age_ms`: of dispatches that count as waiting.

    `done`: background tasks that did their work a moment ago, or found that there is nothing to do. It is noted.
    """
    parameters = {"id": worker_id, "busy": 0, "silence_ms": silence_ms, "age_ms": age_ms, "done": sorted(done)}
    parameters |= {"boot_id": host.boot_id, "pid_namespace": host.pid_namespace}
    row = run_sql(connection, _SETTINGS + together(*_PARTS), parameters).one()
    return Due(
        **row.due[0],
        is_registered=bool(row.beat),
        lanes=[dispatch.lane_of(lane) for lane in row.lanes or ()],
        peers=[workers.peer_of(peer) for peer in row.peers_on_host or ()],
        queues=[served["queue_name"] for served in row.served_queues or ()],
    )
