"""Sending many: read, checked and stored a portion at a time; all or none; in anybody's session."""

from __future__ import annotations

import asyncio
from collections import UserDict
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from aeon_jobs import InvalidJob, job
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.queue import batches
from tests.harness import Harness
from tests.races import rival
from tests.rows import rows, value

PORTION = batches.PORTION
ODD = {"text": 'a\tb\nc\\N "\\u0007" \u0001 grüße 🎉', "n": [1.5, None, True, -0.0, 2**70, "\\."]}


@pytest.fixture
def note(harness: Harness):
    @job
    def note(number: int, more: dict[str, object] | None = None) -> None: ...

    return note


@pytest.fixture
def greet(harness: Harness):
    @job
    async def greet(name: str) -> None: ...

    return greet


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Filled with the number of rows of each COPY."""
    counts: list[int] = []
    copy = batches.copy

    def counted(connection, table, columns, lines, **options):
        counts.append(0)

        def counting() -> Iterator[str]:
            for line in lines:
                counts[-1] += 1
                yield line

        copy(connection, table, columns, counting(), **options)

    monkeypatch.setattr(batches, "copy", counted)
    return counts


def _count(database: Database) -> int:
    return value(database, "SELECT count(*) FROM jobs")


@contextmanager
def _session(database_url: str, driver: str = "psycopg2") -> Iterator[Session]:
    engine = create_engine(make_url(database_url).set(drivername=f"postgresql+{driver}"))
    with Session(engine) as session:
        yield session
    engine.dispose()


def test_many_jobs_are_read_no_further_than_they_are_stored_and_their_ids_come_back_in_order(note, harness, copies):
    stored_before: list[int] = []

    def jobs() -> Iterator[dict[str, int]]:
        for number in range(2 * PORTION + 5):
            stored_before.append(sum(copies))
            yield {"number": number}

    ids = note.options(priority=7).send_many(jobs())
    assert copies == [PORTION, PORTION, 5]
    assert stored_before == [0] * PORTION + [PORTION] * PORTION + [2 * PORTION] * 5
    stored = harness.execute("SELECT id, payload->>'number' AS number, priority FROM jobs ORDER BY seq")
    assert [row.id for row in stored] == ids
    assert [int(row.number) for row in stored] == list(range(2 * PORTION + 5))
    assert {row.priority for row in stored} == {7}


def test_many_may_be_dicts_tuples_and_messages_of_any_type(note, greet, harness):
    message = greet.options(priority=90, delay=60_000).message(name="ann")
    ids = note.options(priority=7).send_many([{"number": 1}, (2,), message, (3, {"a": 1})])
    stored = [harness.job_of(id_) for id_ in ids]
    assert [row.job_type for row in stored] == ["note", "note", "greet", "note"]
    assert [row.priority for row in stored] == [7, 7, 90, 7]
    assert (stored[2].scheduled_at is not None, stored[2].ready) == (True, False)
    assert [row.seq for row in stored] == sorted(row.seq for row in stored)
    assert note.send_many([]) == []


def test_a_copied_row_is_the_row_of_an_insert(note, database, monkeypatch):
    options = {
        "metadata": {"tenant": 't\t"1"\\'},
        "created_by": "a\tb\\N\n\r",
        "queue_name": "q\\n",
        "tracestate": "x=\\t",
        "traceparent": "\\N",
        "priority": 3,
        "max_retries": 1,
        "timeout_ms": 5_000,
        "scheduled_at": None,
    }
    jobs = [{"number": 1, "more": ODD}, {"number": 2}]
    note.options(**options).send_many(jobs)
    note.send_many(jobs)
    monkeypatch.setattr(batches, "can_copy", lambda _: False)
    note.options(**options).send_many(jobs)
    note.send_many(jobs)
    columns = "to_jsonb(jobs) - '{id,seq,created_at,updated_at}'::text[]"
    copied, inserted = (
        [row[0] for row in rows(database, f"SELECT {columns} FROM jobs ORDER BY seq LIMIT 4 OFFSET {offset}")]
        for offset in (0, 4)
    )
    assert copied == inserted
    assert copied[0]["payload"] == {"number": 1, "more": ODD}
    assert [copied[0][name] for name in ("created_by", "queue_name", "metadata")] == [
        options["created_by"],
        options["queue_name"],
        options["metadata"],
    ]
    assert value(database, "SELECT count(*) FROM jobs WHERE updated_at <> created_at") == 0


def test_a_moment_and_a_delay_are_kept_and_make_a_job_wait(note, database, copies):
    note.options(delay=60_000).send_many([(1,)])
    assert copies == []
    (row,) = rows(database, "SELECT ready, extract(epoch FROM scheduled_at - created_at) AS delay_s FROM jobs")
    assert (row.ready, 59 < row.delay_s < 61) == (False, True)


def test_keys_and_parents_among_many_are_honoured_and_the_order_is_kept(note, database, copies):
    parent = note.send(0)
    keyed = note.options(idempotency_key="k").message(1)
    child = note.options(depends_on=[parent]).message(2)
    ids = note.send_many([(3,), keyed, (4,), keyed, child])
    assert copies == [1, 1]
    assert ids[1] == ids[3]
    stored = rows(database, "SELECT id, blocked_by FROM jobs ORDER BY seq")
    assert [row.id for row in stored] == [parent.job_id, ids[0], ids[1], ids[2], ids[4]]
    assert [row.blocked_by for row in stored] == [0, 0, 0, 0, 1]


def test_of_two_bulks_at_once_with_one_key_the_second_gets_the_first_ones_job(note, database, database_url):
    many = [(1,), note.options(idempotency_key="k").message(2)]
    with _session(database_url) as session:
        first = note.options(session=session).send_many(many)
        with rival(database, lambda connection: note.options(session=connection).send_many(many)) as second:
            second.waits()
            session.commit()
            ids = second.answer()
    assert (ids[1], ids[0] == first[0]) == (first[1], False)
    assert _count(database) == 3


# --- all or none ----------------------------------------------------------------------------------


def test_one_bad_set_of_arguments_and_none_is_stored(note, database):
    with pytest.raises(InvalidJob) as refusal:
        note.send_many([{"number": 1}, {"number": "x"}, {}, (1, None, 3), 7])
    assert [str(violation) for violation in refusal.value.violations] == [
        "jobs[1].payload.number: must be of type integer",
        "jobs[2].payload.number: is required",
        "jobs[3].payload: takes 2 arguments, got 3",
        "jobs[4]: must be a dict of arguments, a tuple of them, or a message",
    ]
    assert _count(database) == 0


def test_a_fault_in_the_last_portion_takes_all_back(note, database):
    for last, told in (
        ({"number": "x"}, f"jobs[{2 * PORTION}].payload.number: must be of type integer"),
        (note.options(depends_on=[(missing := uuid4())]).message(1), f"no job with id {missing}"),
    ):
        with pytest.raises(InvalidJob) as refusal:
            note.send_many([*[(1,)] * 2 * PORTION, last])
        assert told in str(refusal.value)
    assert _count(database) == 0


def test_of_a_hundred_faults_no_more_is_read(note, database):
    def jobs() -> Iterator[dict[str, object]]:
        while True:
            read.append(1)
            yield {"number": "x"}

    read: list[int] = []
    with pytest.raises(InvalidJob) as refusal:
        note.send_many(jobs())
    assert (len(refusal.value.violations), len(read)) == (batches.MAX_VIOLATIONS, PORTION)


def test_what_the_iterable_raises_comes_out_and_nothing_is_stored(note, database):
    def jobs() -> Iterator[tuple[int]]:
        yield from [(1,)] * PORTION
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        note.send_many(jobs())
    assert _count(database) == 0


def test_what_a_job_raises_in_the_middle_of_a_copy_comes_out_as_it_is(note, database):
    class Strange(UserDict[str, object]):
        def keys(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        note.send_many([(1,), Strange(number=1)])
    assert _count(database) == 0


def test_large_jobs_that_are_inserted_are_some_statements_and_their_order_is_kept(note, database, monkeypatch):
    monkeypatch.setattr(batches, "MAX_STATEMENT_CHARACTERS", 1_000)
    statements: list[int] = []
    store = batches.inserts.store

    def counted(connection, stored, *args, **options):
        statements.append(len(stored))
        return store(connection, stored, *args, **options)

    monkeypatch.setattr(batches.inserts, "store", counted)
    ids = note.options(delay=1_000).send_many((n, {"text": "x" * 400}) for n in range(7))
    assert statements == [3, 3, 1]
    assert [row.id for row in rows(database, "SELECT id FROM jobs ORDER BY payload->'number'")] == ids
    jobs = [note.options(depends_on=ids[:1]).message(n, {"text": "x" * 400}) for n in range(4)]
    jobs.append(note.options(depends_on=[uuid4()]).message(4))
    with pytest.raises(InvalidJob, match=r"jobs\[4\]\.depends_on"):
        note.send_many(jobs)
    assert _count(database) == 7


# --- in the caller's session ----------------------------------------------------------------------


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
def test_a_session_takes_many_into_its_transaction_by_copy(note, database, database_url, copies, driver):
    with _session(database_url, driver) as session:
        session.execute(text("SET LOCAL search_path = pg_catalog"))
        note.options(session=session).send_many((n, ODD) for n in range(PORTION + 1))
        assert session.execute(text("SHOW search_path")).scalar_one() == "pg_catalog"
        assert _count(database) == 0
        session.rollback()
        assert _count(database) == 0
        note.options(session=session).send_many([(1, ODD)])
        session.commit()
    assert copies == [PORTION, 1, 1]
    assert rows(database, "SELECT payload FROM jobs") == [({"number": 1, "more": ODD},)]


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
def test_a_refused_bulk_leaves_nothing_but_the_callers_own_writes(note, database, database_url, driver):
    with _session(database_url, driver) as session:
        note.options(session=session).send(0)
        with pytest.raises(InvalidJob):
            note.options(session=session).send_many([*[(1,)] * PORTION, {"number": "x"}])
        note.options(session=session).send_many([(2,)])
        session.commit()
    assert rows(database, "SELECT payload->'number' FROM jobs ORDER BY seq") == [(0,), (2,)]


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
def test_many_in_a_session_without_a_transaction_are_refused(note, database, database_url, driver):
    url = make_url(database_url).set(drivername=f"postgresql+{driver}")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection, pytest.raises(InvalidJob, match="session: is in autocommit"):
        note.options(session=connection).send_many([(1,)])
    engine.dispose()
    assert _count(database) == 0


def test_the_jobs_may_be_read_from_the_very_session(note, database, database_url):
    with _session(database_url) as session:
        numbers = session.execute(
            text(f"SELECT n FROM generate_series(1, {2 * PORTION}) n"), execution_options={"yield_per": 10}
        )
        note.options(session=session).send_many((n,) for n in numbers.scalars())
        session.commit()
    assert _count(database) == 2 * PORTION


def test_a_driver_without_a_known_copy_inserts(note, database, database_url, copies):
    async def send() -> None:
        engine = create_async_engine(make_url(database_url).set(drivername="postgresql+asyncpg"))
        async with AsyncSession(engine) as session:
            await note.options(session=session).send_many_async((n, ODD) for n in range(PORTION + 1))
            with pytest.raises(InvalidJob):
                await note.options(session=session).send_many_async([(1,), {"number": "x"}])
            await session.commit()
        await engine.dispose()

    asyncio.run(send())
    assert copies == []
    assert _count(database) == PORTION + 1
    assert value(database, "SELECT count(*) FROM jobs WHERE created_at <> updated_at") == 0


def test_nothing_outlives_the_transaction_so_that_a_transaction_pooler_may_stand_between(note, harness):
    state = (
        "SELECT pg_backend_pid(), current_setting('search_path'), current_setting('statement_timeout'),"
        " (SELECT count(*) FROM pg_prepared_statements)"
    )
    before = harness.execute(state)
    note.send_many([(1,), note.options(idempotency_key="k").message(2)])
    assert harness.execute(state) == before
