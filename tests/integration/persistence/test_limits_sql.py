"""Limits at the gate: who is admitted, in which order, and that nothing ever runs beyond a limit."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any
from uuid import UUID

import pytest

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.errors import InvalidJob
from aeon_jobs.persistence.queue import dispatch, executions, job_types, jobs, states
from aeon_jobs.persistence.queue.batches import Batch
from aeon_jobs.persistence.queue.dispatch import Lane
from aeon_jobs.persistence.queue.limits import Limit, Rate, key_of, override, shape, usage
from aeon_jobs.persistence.queue.submissions import NewJob
from aeon_jobs.persistence.reads.explain import explain
from tests.races import at_once, rival
from tests.rows import add_job, end, job, register, rows, value

LANE = Lane("lane", ("default",), ("note",), 8, 1)


def limited(database: Database, *limits: Limit | Rate) -> None:
    register(database)
    rows(database, "UPDATE job_types SET limits = CAST(:limits AS jsonb)", limits=json.dumps(shape(limits)))


def add(database: Database, text: str = "", **columns: object) -> UUID:
    return add_job(database, payload=json.dumps({"text": text}), **columns)


def dispatched(database: Database, free: int = 100) -> list[UUID]:
    with database.connection() as connection:
        return [entry.id for entry in dispatch.dispatch(connection, {LANE: free})]


def claim(database: Database, job_id: UUID) -> Any:
    """None: it could not be claimed."""
    entry = (job_id, job(database, job_id).dispatch_seq)
    with database.connection() as connection:
        return executions.claim(connection, [entry], worker_id="w1", lease_ms=60_000).get(entry)


def test_no_more_than_the_limit_hold_a_place_and_an_ended_attempt_frees_its_own(database):
    limited(database, Limit(2))
    ids = [add(database) for _ in range(4)]
    assert dispatched(database) == ids[:2]
    assert dispatched(database) == []
    rows(database, "UPDATE jobs SET status = 'completed' WHERE id = :id", id=ids[0])
    assert dispatched(database) == ids[2:3]


def test_each_key_has_its_own_places(database):
    limited(database, Limit(2, key="payload.text"))
    many = [add(database, "many") for _ in range(50)]
    few = [add(database, "few")]
    assert dispatched(database) == [*many[:2], *few]
    assert dispatched(database) == []


def test_a_type_and_its_keys_are_limited_together(database):
    limited(database, Limit(2, key="payload.text"), Limit(3))
    for key in "aabbcc":
        add(database, key)
    keys = Counter(job(database, id_).payload["text"] for id_ in dispatched(database))
    assert keys == {"a": 2, "b": 1}


def test_priority_rules_at_the_gate_and_keys_that_are_full_are_passed_over(database):
    limited(database, Limit(1, key="payload.text"))
    low, high = add(database, "a", priority=10), add(database, "a", priority=90)
    other = add(database, "b", priority=50)
    assert dispatched(database) == [high, other]
    rows(database, "UPDATE jobs SET status = 'completed' WHERE id = :id", id=high)
    assert dispatched(database) == [low]


def test_keys_take_turns_however_many_jobs_one_has(database):
    limited(database, Limit(None, key="payload.text", strategy="round_robin"))
    for _ in range(30):
        add(database, "greedy")
    for key in "abc":
        for _ in range(6):
            add(database, key)
    first = Counter(job(database, id_).payload["text"] for id_ in dispatched(database, free=8))
    assert first == {"greedy": 2, "a": 2, "b": 2, "c": 2}
    # Its turn goes on where the last round ended.
    turns = [job(database, id_).payload["text"] for _ in range(4) for id_ in dispatched(database, free=1)]
    assert turns == ["a", "b", "c", "greedy"]


def test_no_more_start_than_the_rate_allows_and_time_refills_it(database):
    limited(database, Rate(2, per=3_600, key="payload.text"), Rate(3, per=3_600))
    for key in "aaabbb":
        add(database, key)
    assert len(dispatched(database)) == 3
    assert dispatched(database) == []
    earlier = "refilled_at = refilled_at - interval '40 min'"
    rows(database, f"UPDATE job_limit_states SET {earlier}")
    rows(database, f"UPDATE job_limit_buckets SET {earlier}")
    # Two thirds of the period: 2 starts of the type, 1.3 of each key.
    assert len(dispatched(database)) == 2


def test_a_fraction_of_a_start_is_not_lost(database):
    limited(database, Rate(1, per=60))
    for _ in range(4):
        add(database)
    assert len(dispatched(database)) == 1
    rows(database, "UPDATE job_limit_states SET tokens = 1.75, refilled_at = clock_timestamp()")
    assert len(dispatched(database)) == 1
    assert 0 <= value(database, "SELECT tokens FROM job_limit_states") < 0.1


def test_a_rate_that_is_set_again_begins_with_all_its_starts(database):
    limited(database, Rate(2, per=3_600))
    for _ in range(9):
        add(database)
    assert len(dispatched(database)) == 2
    rows(database, """UPDATE job_types SET limits_override = '{"running": 5}'""")
    assert len(dispatched(database)) == 3
    rows(database, "UPDATE job_types SET limits_override = NULL")
    assert len(dispatched(database)) == 2


def test_what_passes_the_gate_takes_one_update_if_nothing_else_is_ready_and_else_its_place_by_priority(database):
    limited(database, Limit(9, key="payload.text"))
    alone = add(database, "a")
    with database.transaction() as connection:
        assert [entry.id for entry in dispatch.dispatch(connection, {LANE: 8})] == [alone]
        assert value(connection, "SELECT pg_stat_get_xact_tuples_updated('jobs'::regclass)") == 1
    low, high = add(database, "a", priority=10), add(database, "a", priority=90)
    plain = add_job(database, job_type="other", queue_name="default", priority=50)
    lane = Lane("lane", ("default",), ("note", "other"), 8, 1)
    with database.connection() as connection:
        order = [entry.id for entry in dispatch.dispatch(connection, {lane: 2})]
        assert order == [high, plain]
        assert [entry.id for entry in dispatch.dispatch(connection, {lane: 2})] == [low]


def test_more_than_the_limit_are_cancelled_if_the_newest_shall_be(database):
    limited(database, Limit(1, key="payload.text", strategy="cancel_newest"))
    first, second, other = add(database, "a"), add(database, "a"), add(database, "b")
    assert dispatched(database) == [first, other]
    assert job(database, second).status == "cancelled"
    assert job(database, second).cancel_reason == "cancel_newest of note: at most 1 at once"


def test_the_newest_takes_the_place_of_what_waits_and_of_what_runs(database):
    limited(database, Limit(1, key="payload.text", strategy="cancel_in_progress"))
    running = add(database, "a")
    assert dispatched(database) == [running]
    claim(database, running)
    waiting, newest = add(database, "a"), add(database, "a")
    assert dispatched(database) == []
    assert job(database, waiting).status == "cancelled"
    assert job(database, running).cancel_requested_at is not None
    rows(database, "UPDATE jobs SET status = 'cancelled' WHERE id = :id", id=running)
    assert dispatched(database) == [newest]


def test_a_retry_gives_its_place_back_and_a_lost_message_does_not(database):
    limited(database, Limit(1))
    first, second = add(database), add(database)
    assert dispatched(database) == [first]
    with database.connection() as connection:
        dispatch.take_back(connection, [(first, 1)])
    assert dispatched(database) == [first]
    assert end(database, claim(database, first), states.snoozed(0))
    assert job(database, first).gated
    # Snoozed for no time, it waits at the gate again, before the later one.
    assert dispatched(database) == [first]
    assert job(database, second).gated
    assert value(database, "SELECT count(*) FROM jobs WHERE status = 'queued'") == 1


def test_two_dispatchers_at_once_keep_to_the_limit(database):
    limited(database, Limit(3))
    ids = [add(database) for _ in range(10)]
    with database.transaction() as connection:
        first = dispatch.dispatch(connection, {LANE: 2})
        with rival(database, lambda other: dispatch.dispatch(other, {LANE: 10})) as second:
            assert second.answer() == []
    assert [entry.id for entry in first] == ids[:2]
    assert dispatched(database) == ids[2:3]


def test_many_dispatchers_never_exceed_a_limit(database):
    limited(database, Limit(3, key="payload.text"))
    for number in range(60):
        add(database, "abc"[number % 3])
    found = at_once(database, [lambda connection: dispatch.dispatch(connection, {LANE: 50})] * 6)
    assert sum(map(len, found)) <= 9
    dispatched(database)
    counts = rows(database, "SELECT limit_key, count(*) FROM jobs WHERE status = 'queued' GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in counts] == [("a", 3), ("b", 3), ("c", 3)]


def test_jobs_that_nobody_can_run_take_no_place(database):
    limited(database, Limit(1))
    add(database, queue_name="unserved", limit_key="")
    rows(database, "INSERT INTO job_queues (name, paused_at) VALUES ('paused', now())")
    add(database, queue_name="paused", limit_key="")
    served = add(database)
    assert dispatched(database) == [served]


def test_a_job_that_comes_due_waits_at_the_gate_too(database):
    limited(database, Limit(1))
    first, later = add(database), add(database)
    rows(database, "UPDATE jobs SET scheduled_at = now() + interval '1 h' WHERE id = :id", id=later)
    assert not job(database, later).gated
    rows(database, "ALTER TABLE jobs DISABLE TRIGGER USER")
    rows(database, "UPDATE jobs SET scheduled_at = now() WHERE id = :id", id=later)
    rows(database, "ALTER TABLE jobs ENABLE TRIGGER USER")
    assert dispatched(database) == [first]
    assert job(database, later).gated


@pytest.mark.parametrize("taken_away", ["limits = NULL", "limits_override = '{}'"])
def test_limits_that_are_taken_away_keep_nobody_waiting(database, taken_away):
    limited(database, Limit(1))
    ids = [add(database) for _ in range(3)]
    assert dispatched(database) == ids[:1]
    rows(database, f"UPDATE job_types SET {taken_away}")
    assert dispatched(database) == ids[1:]
    assert not job(database, add(database)).gated


def test_a_limit_that_an_operator_sets_replaces_that_of_the_code(database):
    limited(database, Limit(1))
    rows(database, """UPDATE job_types SET limits_override = '{"running": 2}'""")
    ids = [add(database) for _ in range(3)]
    assert dispatched(database) == ids[:2]


def test_a_paused_type_starts_nothing_until_it_is_resumed(database):
    register(database)
    plain = add(database)
    rows(database, "UPDATE job_types SET paused_at = now()")
    assert dispatched(database) == []
    rows(database, "UPDATE job_types SET paused_at = NULL")
    assert dispatched(database) == [plain]


def test_a_job_that_expired_is_neither_claimed_nor_kept(database):
    gone, fresh = add(database), add(database)
    assert dispatched(database) == [gone, fresh]
    rows(database, "UPDATE jobs SET expires_at = now() - interval '1 s' WHERE id = :id", id=gone)
    assert claim(database, gone) is None
    assert claim(database, fresh) is not None
    assert value(database, "SELECT expire_jobs()") == 1
    assert (job(database, gone).status, job(database, gone).cancel_reason) == ("cancelled", "it expired")


def test_jobs_that_we_submit_have_their_key_one_by_one_and_many_at_once(database):
    limited(database, Limit(1, key="payload.text"))
    news = [NewJob(job_type="note", payload={"text": text}) for text in ("a", "b\\\t", "b\\\t")]
    with database.transaction() as connection:
        one = jobs.submit(connection, news[0])
        batch = Batch(connection)
        many = batch.add_new(news)
        batch.close()
    keys = [(job(database, submitted.id).limit_key, job(database, submitted.id).gated) for submitted in (one, *many)]
    assert keys == [("a", True), ("a", True), ("b\\\t", True), ("b\\\t", True)]


def test_a_key_that_is_no_text_is_refused(database):
    limited(database, Limit(1, key="payload.n"))
    with (
        database.connection() as connection,
        pytest.raises(InvalidJob, match=r"payload\.n: must be a text or a whole number"),
    ):
        jobs.submit(connection, NewJob(job_type="note", payload={"n": [1]}))


PAYLOADS = [{"t": "é 'x'"}, {"t": 7}, {"t": True}, {"t": None}, {}, {"t": "x" * 400}, {"t": 2**70}]


@pytest.mark.parametrize("payload", PAYLOADS, ids=str)
def test_a_key_is_the_same_from_python_and_from_sql(database, payload):
    limits = shape([Limit(1, key="payload.t")])
    sql = "SELECT job_limit_key(CAST(:limits AS jsonb), CAST(:payload AS jsonb), '{}')"
    assert value(database, sql, limits=json.dumps(limits), payload=json.dumps(payload)) == key_of(limits, payload, {})


def test_limits_that_are_set_later_hold_for_jobs_that_wait_are_on_their_way_or_run(database):
    register(database)
    ids = [add(database, key) for key in "aaab"]
    started, on_its_way = dispatched(database, free=2)
    claim(database, started)
    with database.transaction() as connection:
        job_types.limit(connection, "note", {"running_per_key": 2, "key": "payload.text"})
    assert dispatched(database) == [ids[3]]
    rows(database, "UPDATE jobs SET status = 'completed' WHERE id = :id", id=on_its_way)
    assert dispatched(database) == [ids[2]]
    # Its sender does not know of the limits.
    late = add(database, "a", queue_name="default")
    assert job(database, late).limit_key is None
    assert dispatched(database) == []
    assert (job(database, late).limit_key, job(database, late).gated) == ("a", True)


def test_a_pause_of_a_type_takes_back_what_is_on_its_way(database):
    register(database)
    plain = add(database)
    assert dispatched(database) == [plain]
    with database.transaction() as connection:
        assert job_types.pause(connection, "note", by="me", reason="a look")
        assert not job_types.pause(connection, "note", by="me")
    assert job(database, plain).status == "pending"
    assert dispatched(database) == []
    with database.transaction() as connection:
        assert job_types.resume(connection, "note")
        assert not job_types.resume(connection, "note")
    assert dispatched(database) == [plain]


DECLARED = {"running_per_key": 1, "key": "payload.a"}


@pytest.mark.parametrize(
    ("declared", "given", "expected"),
    [
        (None, {}, {}),
        (DECLARED, {}, {}),
        (DECLARED, {"running": 3}, {"running": 3, "key": "payload.a"}),
        (DECLARED, {"running_per_key": 2, "key": "payload.a"}, {"running_per_key": 2, "key": "payload.a"}),
        (DECLARED, {"running": 3, "key": "payload.b"}, "key: must be payload.a: the code declares it so"),
        ({"running": 1}, {"running_per_key": 3, "key": "payload.b"}, "key: must be left out: the code declares it so"),
        (None, {"running_per_key": 3}, "key: is needed by a limit for each key"),
        (None, {"key": "payload.a"}, "limits: must have running, running_per_key, starts or starts_per_key"),
    ],
)
def test_an_operator_may_set_what_the_senders_of_the_jobs_can_keep_to(declared, given, expected):
    if isinstance(expected, dict):
        assert override(declared, given) == expected
    else:
        with pytest.raises(InvalidJob, match=expected):
            override(declared, given)


def test_the_usage_of_limits_is_told_by_key(database):
    limited(database, Limit(1, key="payload.text"))
    for key in "bbbbacc":
        add(database, key)
    dispatched(database)
    with database.connection() as connection:
        found = [(entry.key, entry.waiting, entry.running) for entry in usage(connection, "note", 2)]
    assert found == [("b", 3, 1), ("c", 1, 1)]


def explained(database: Database, job_id: UUID) -> list[str]:
    with database.connection() as connection:
        reasons = explain(connection, job_id, silence_ms=1_000).reasons
    return [reason.message for reason in reasons if "limit" in reason.message or "paused" in reason.message]


def test_a_job_that_waits_for_a_limit_is_told_for_which(database):
    limited(database, Limit(1, key="payload.text"), Limit(2))
    ids = [add(database, key) for key in "aab"]
    assert explained(database, ids[1]) == [
        "waits for its turn at the limits of note: 1 jobs with payload.text = a come first"
    ]
    dispatched(database)
    assert explained(database, ids[1]) == [
        "waits for a limit: 2 of 2 note jobs run",
        "waits for a limit: 1 of 1 jobs with payload.text = a run",
    ]


def test_a_job_that_waits_for_a_rate_is_told_how_long(database):
    limited(database, Rate(1, per=3_600, key="payload.text"))
    first, second = add(database, "a"), add(database, "a")
    assert dispatched(database) == [first]
    (told,) = explained(database, second)
    assert re.fullmatch(
        r"waits for a limit: 1 jobs with payload.text = a start in 3600 s, the next one in 3\d{3}(\.\d)? s", told
    )


def test_a_job_of_a_paused_type_is_told_who_paused_it(database):
    register(database)
    plain = add(database)
    with database.transaction() as connection:
        job_types.pause(connection, "note", by="ann", reason="a look")
    assert explained(database, plain) == ["job type note was paused by ann: a look"]
