"""Whose transaction a job belongs to: any kind of SQLAlchemy session or connection, of any driver, sync or async."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from sqlalchemy import Engine, create_engine, event, make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from aeon_jobs import InvalidJob, job
from aeon_jobs.persistence.core.database import Database
from tests.harness import Harness
from tests.rows import value

SYNC = ["psycopg2", "psycopg"]
ASYNC = ["asyncpg", "psycopg_async"]


@pytest.fixture
def order(harness: Harness):
    @job
    def order(order: int) -> int:
        return order

    return order


@pytest.fixture(params=SYNC)
def engine(request: pytest.FixtureRequest, database_url: str) -> Iterator[Engine]:
    engine = create_engine(_url(database_url, request.param))
    yield engine
    engine.dispose()


def _url(database_url: str, driver: str):
    return make_url(database_url).set(drivername=f"postgresql+{driver}")


@asynccontextmanager
async def _engine(database_url: str, driver: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(_url(database_url, driver))
    try:
        yield engine
    finally:
        await engine.dispose()


def _count(database: Database) -> int:
    return value(database, "SELECT count(*) FROM jobs")


def test_a_job_exists_when_the_callers_session_commits(order, engine, database):
    with Session(engine) as session:
        sent = order.options(session=session).send(order=1)
        assert _count(database) == 0
        session.commit()
    assert value(database, "SELECT id FROM jobs") == sent.job_id
    with Session(engine) as session:
        order.options(session=session).send(order=1)
        session.rollback()
    assert _count(database) == 1


def test_a_job_costs_one_statement_in_the_callers_session(order, engine, database):
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda _c, _k, statement, *_: statements.append(statement))
    order.send(0)
    with Session(engine) as session:
        session.execute(text("SET LOCAL search_path = pg_catalog"))
        order.options(session=session, idempotency_key="k", delay=5).send(order=1)
        assert value_of(session, "SHOW search_path") == "pg_catalog"
        session.commit()
    assert [statement.split("(")[0] for statement in statements] == [
        "SET LOCAL search_path = pg_catalog",
        'SELECT * FROM "public".submit_jobs',
        "SHOW search_path",
    ]
    assert _count(database) == 2


def value_of(session: Session, sql: str) -> object:
    return session.execute(text(sql)).scalar_one()


def test_connections_and_scoped_sessions_do_as_well(order, engine, database):
    with engine.begin() as connection:
        order.send_with_options(args=(1,), session=connection)
    scoped = scoped_session(sessionmaker(engine))
    order.send_with_options(args=(2,), session=scoped)
    scoped.commit()
    scoped.remove()
    assert _count(database) == 2


def test_keys_and_dependencies_work_with_every_driver(order, engine, database):
    with Session(engine) as session:
        first = order.options(session=session, idempotency_key="k").send(1)
        assert order.options(session=session, idempotency_key="k").send(1).job_id == first.job_id
        child = order.options(session=session, depends_on=[first]).send(2)
        ids = order.options(session=session).send_many([{"order": 3}, order.options(depends_on=[child]).message(4)])
        session.commit()
    assert _count(database) == 4
    assert value(database, "SELECT count(*) FROM job_dependencies") == 2
    assert all(isinstance(id_, UUID) for id_ in ids)


@pytest.mark.parametrize("driver", ASYNC)
def test_an_async_session_takes_jobs_into_its_transaction(order, database, database_url, driver):
    async def send() -> None:
        async with _engine(database_url, driver) as engine:
            async with AsyncSession(engine) as session:
                first = await order.options(session=session, idempotency_key="k").send_async(order=1)
                again = await order.options(session=session, idempotency_key="k").send_async(order=1)
                assert first.job_id == again.job_id
                await order.options(session=session, depends_on=[first]).send_async(order=2)
                ids = await order.options(session=session).send_many_async([{"order": 3}, {"order": 4}])
                assert len(ids) == 2
                assert await asyncio.to_thread(_count, database) == 0
                await session.commit()
            async with AsyncSession(engine) as session:
                await order.options(session=session).send_async(order=5)
                await session.rollback()
            async with engine.begin() as connection:
                await order.options(session=connection).send_async(order=6)

    asyncio.run(send())
    assert _count(database) == 5


def test_async_code_without_a_session_sends_from_another_thread(order, database):
    async def send() -> list[UUID]:
        sent = await order.send_async(order=1)
        return [sent.job_id, *await order.send_many_async([(2,), (3,)])]

    assert len(set(asyncio.run(send()))) == 3
    assert _count(database) == 3


def test_a_refused_submission_leaves_the_async_transaction_usable(order, database, database_url):
    async def send() -> None:
        async with _engine(database_url, "asyncpg") as engine, AsyncSession(engine) as session:
            with pytest.raises(InvalidJob):
                await order.options(session=session).send_async(order="x")
            await order.options(session=session).send_async(order=1)
            await session.commit()

    asyncio.run(send())
    assert _count(database) == 1


def test_an_async_session_in_a_sync_call_is_refused_with_the_way_to_do_it(order, database_url):
    async def send() -> None:
        async with _engine(database_url, "asyncpg") as engine, AsyncSession(engine) as session:
            with pytest.raises(InvalidJob, match="session: is an AsyncSession: use `await` with send_async"):
                order.options(session=session).send(order=1)

    asyncio.run(send())


def test_what_is_no_session_is_refused(order):
    with pytest.raises(InvalidJob, match="session: must be a SQLAlchemy session or connection, is str"):
        order.options(session="postgresql://").send(order=1)
