"""What a dispatcher sees with its one look a second."""

from __future__ import annotations

from sqlalchemy import Connection

from aeon_jobs.persistence.queue import due, workers
from aeon_jobs.persistence.queue.due import Due
from aeon_jobs.persistence.queue.workers import Host, Registration
from tests.rows import add_job, queue, rows, start, value

HERE = Host("here", "boot", "ns")
ME = Registration(id="me", kind="dispatcher", host=HERE, pid=1, process_started_at=0, version="1")
WORKER = Registration(
    id="w", kind="worker", host=HERE, pid=2, process_started_at=1.5, version="1", queues=["default"],
    job_types=["note"], lane="jobs-lane", broker_id="b", threads=8,
)  # fmt: skip


def look(connection: Connection) -> Due:
    return due.look(connection, "me", HERE, silence_ms=20_000, age_ms=3_000)


def flags(database) -> set[str]:
    with database.connection() as connection:
        seen = look(connection)
    return {name for name in ("ready", "expired", "waiting", "silent") if getattr(seen, name)}


def test_at_rest_there_is_nothing_to_do_but_to_prove_life(database):
    with database.connection() as connection:
        assert not look(connection).is_registered
        workers.register(connection, ME)
        rows(connection, "UPDATE workers SET last_seen_at = now() - interval '10 s'")
        assert look(connection).is_registered
    assert value(database, "SELECT last_seen_at > now() - interval '5 s' FROM workers")
    assert flags(database) == set()


def test_it_sees_lanes_queues_and_the_processes_of_the_host(database):
    with database.connection() as connection:
        workers.register(connection, WORKER)
        seen = look(connection)
        (peer,) = workers.peers_on(connection, HERE)
    (lane,) = seen.lanes
    assert (lane.name, lane.queues, lane.job_types, lane.threads) == ("jobs-lane", ("default",), ("note",), 8)
    assert (seen.queues, seen.peers) == (["default"], [peer])


def test_it_sees_each_kind_of_work(database):
    add_job(database)
    assert flags(database) == {"ready"}
    rows(database, "UPDATE jobs SET ready = false, scheduled_at = now() - interval '1 s'")
    assert flags(database) == {"ready"}
    queue(database, *rows_ids(database))
    assert flags(database) == set()
    rows(database, "UPDATE jobs SET queued_at = now() - interval '4 s'")
    assert flags(database) == {"waiting"}
    start(database, add_job(database))
    rows(database, "UPDATE jobs SET lease_expires_at = now() - interval '1 s' WHERE status = 'running'")
    assert flags(database) == {"waiting", "expired"}
    with database.connection() as connection:
        workers.register(connection, WORKER)
    rows(database, "UPDATE workers SET last_seen_at = now() - interval '21 s'")
    assert flags(database) == {"waiting", "expired", "silent"}


def rows_ids(database):
    return [id_ for (id_,) in rows(database, "SELECT id FROM jobs")]
