"""Our processes: registered, seen, marked as lost once, forgotten."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.models import JobType
from aeon_jobs.persistence.queue import job_types, queues, workers
from aeon_jobs.persistence.queue.workers import Host, Peer, Registration
from tests.races import rival
from tests.rows import NOTE, counters, register, rows, value

HERE = Host("host", "boot-1", "pid:[1]")
ONE = Registration(
    id="w1",
    kind="worker",
    host=HERE,
    pid=100,
    process_started_at=1.5,
    version="0.1.0",
    broker_id="b1",
    queues=["default", "slow"],
    job_types=["note"],
    lane="lane",
    threads=8,
)


def announce(database: Database, **changes: object) -> Registration:
    registration = replace(ONE, **changes)
    with database.connection() as connection:
        workers.register(connection, registration)
    return registration


def silence(database: Database, id: str, minutes: int = 1) -> None:
    sql = "UPDATE workers SET last_seen_at = now() - :m * interval '1 min' WHERE id = :id"
    rows(database, sql, m=minutes, id=id)


def test_a_process_is_known_as_it_announced_itself(database):
    announce(database)
    with database.connection() as connection:
        (worker,) = workers.every(connection)
    assert (worker.id, worker.kind, worker.hostname, worker.pid, worker.process_started_at) == (
        "w1",
        "worker",
        "host",
        100,
        1.5,
    )
    assert (worker.queues, worker.job_types, worker.threads) == (["default", "slow"], ["note"], 8)
    assert (worker.state, worker.version, worker.broker_id, worker.busy) == ("running", "0.1.0", "b1", 0)


def test_a_beat_proves_life_and_a_forgotten_process_is_told_to_announce_itself(database):
    announce(database)
    silence(database, "w1")
    with database.connection() as connection:
        assert workers.beat(connection, "w1", busy=3) is False
        assert workers.beat(connection, "nobody") is None
    assert value(database, "SELECT busy FROM workers") == 3
    assert value(database, "SELECT last_seen_at > now() - interval '5 s' FROM workers")


def test_one_that_was_given_up_and_speaks_again_is_running_again(database):
    announce(database)
    silence(database, "w1")
    with database.connection() as connection:
        assert [peer.id for peer in workers.mark_silent(connection, 20_000)] == ["w1"]
        assert workers.mark_silent(connection, 20_000) == []
        workers.beat(connection, "w1")
    assert value(database, "SELECT state FROM workers") == "running"


def test_a_heartbeat_does_not_undo_a_clean_stop(database):
    announce(database)
    with database.connection() as connection:
        workers.change_state(connection, "w1", "stopping")
        workers.beat(connection, "w1")
        assert value(connection, "SELECT state FROM workers") == "stopping"
        workers.change_state(connection, "w1", "stopped")
        assert value(connection, "SELECT stopped_at IS NOT NULL FROM workers")
        assert workers.mark_silent(connection, 0) == []


def test_announcing_again_revives_the_row(database):
    announce(database)
    with database.connection() as connection:
        workers.change_state(connection, "w1", "stopped")
    announce(database, threads=2, queues=["other"])
    (row,) = rows(database, "SELECT * FROM workers")
    assert (row.state, row.stopped_at, row.threads, row.queues) == ("running", None, 2, ["other"])


def test_a_process_that_takes_over_an_id_is_judged_by_its_own_pid(database):
    """Otherwise other processes would look for the old pid, and take a live process for dead."""
    announce(database)
    announce(database, pid=200, process_started_at=2.5, host=Host("new", "boot-2", "pid:[2]"), version="0.2.0")
    with database.connection() as connection:
        assert workers.peers_on(connection, HERE) == []
        (peer,) = workers.peers_on(connection, Host("new", "boot-2", "pid:[2]"))
    assert (peer.pid, peer.process_started_at) == (200, 2.5)
    assert value(database, "SELECT version || hostname FROM workers") == "0.2.0new"


def test_only_processes_of_this_very_host_are_looked_for(database):
    announce(database)
    announce(database, id="stopping")
    announce(database, id="stopped")
    announce(database, id="elsewhere", host=Host("host", "boot-2", "pid:[1]"))
    announce(database, id="other namespace", host=Host("host", "boot-1", "pid:[2]"))
    with database.connection() as connection:
        workers.change_state(connection, "stopping", "stopping")
        workers.change_state(connection, "stopped", "stopped")
        peers = workers.peers_on(connection, HERE)
        assert workers.in_sight(connection, HERE, 5_000) == ([], peers)
    assert {peer.id for peer in peers} == {"w1", "stopping"}
    assert Peer("w1", "worker", 100, 1.5, "b1", "lane") in peers


def test_each_death_is_reported_once(database):
    announce(database)
    with database.transaction() as connection:
        first = workers.mark_lost(connection, ["w1", "nobody"])
        with rival(database, lambda other: workers.mark_lost(other, ["w1"])) as second:
            second.waits()
            connection.commit()
            assert second.answer() == []
    assert [peer.id for peer in first] == ["w1"]
    with database.connection() as connection:
        assert workers.mark_lost(connection, []) == []


def test_dispatchers_are_found_while_they_are_heard(database):
    announce(database, id="own", kind="dispatcher", threads=0)
    announce(database, id="helper", kind="dispatcher", threads=8)
    announce(database, id="silent", kind="dispatcher")
    announce(database, id="worker")
    silence(database, "silent")
    with database.connection() as connection:
        found, _ = workers.in_sight(connection, HERE, 5_000)
    assert sorted((one.id, one.dedicated) for one in found) == [("helper", False), ("own", True)]
    assert all(0 <= one.age_ms < 5_000 for one in found)


def test_only_the_long_gone_are_forgotten(database):
    for id_ in ("old stopped", "old lost", "old running", "new stopped"):
        announce(database, id=id_)
    with database.connection() as connection:
        workers.change_state(connection, "old stopped", "stopped")
        workers.change_state(connection, "new stopped", "stopped")
        workers.mark_lost(connection, ["old lost"])
    for id_ in ("old stopped", "old lost", "old running"):
        silence(database, id_, minutes=61)
    with database.connection() as connection:
        assert workers.forget(connection, 3_600_000) == 2
        assert {worker.id for worker in workers.every(connection)} == {"old running", "new stopped"}


# --- job types ----------------------------------------------------------------------------------


def test_the_last_to_register_a_job_type_defines_it_and_unchanged_rows_are_not_touched(database):
    register(database)
    before = value(database, "SELECT xmin::text || updated_at FROM job_types")
    register(database)
    assert value(database, "SELECT xmin::text || updated_at FROM job_types") == before
    register(database, JobType(**{**NOTE.model_dump(), "priority": 99}))
    with database.connection() as connection:
        assert job_types.get(connection, "note").priority == 99
    assert value(database, "SELECT xmin::text || updated_at FROM job_types") != before


def test_the_counters_of_a_job_type_begin_at_zero(database):
    register(database)
    register(database)
    assert counters(database, "processed") == {}
    labels = rows(database, "SELECT label FROM job_counters WHERE metric = 'processed' AND job_type = 'note'")
    assert {label for (label,) in labels} == {"completed", "retried", "failed", "discarded", "cancelled", "lost"}


def test_a_process_announces_itself_though_somebody_holds_a_queue_that_it_serves(database):
    """A pause that was not committed, by a client that froze."""
    announce(database)
    with database.transaction() as client, database.connection() as connection:
        queues.pause(client, "default", by="me")
        rows(connection, "SET lock_timeout = '1ms'")
        workers.register(connection, replace(ONE, id="w2", queues=["default", "new"]))
        rows(connection, "RESET lock_timeout")
    assert value(database, "SELECT array_agg(name ORDER BY name) FROM job_queues") == ["default", "new", "slow"]


def test_two_workers_that_boot_at_once_register_their_types_in_one_order(database):
    types = [JobType(**{**NOTE.model_dump(), "name": name}) for name in "abc"]

    def write(connection, order):
        job_types.register(connection, order)

    with database.transaction() as connection:
        write(connection, [types[1]])
        with rival(database, lambda c: write(c, types)) as one:
            one.waits()
            with rival(database, lambda c: write(c, types[::-1])) as other:
                other.waits()
                connection.commit()
                one.answer()
                other.answer()
    assert value(database, "SELECT count(*) FROM job_types") == 3


@pytest.mark.parametrize("state", ["running", "stopping"])
def test_a_worker_without_heartbeats_is_lost(database, state):
    announce(database)
    rows(database, "UPDATE workers SET state = :state", state=state)
    silence(database, "w1")
    with database.connection() as connection:
        assert [peer.id for peer in workers.mark_silent(connection, 20_000)] == ["w1"]
