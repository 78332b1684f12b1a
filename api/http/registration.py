"""The API process in the list of processes: it announces itself, proves life, and says when it has stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from litestar.concurrency import sync_to_thread
from sqlalchemy.exc import SQLAlchemyError

from aeon_jobs.api.service.core.context import Context
from aeon_jobs.persistence.queue import workers
from aeon_jobs.persistence.queue.process import registration, this_host
from aeon_jobs.persistence.queue.workers import Registration

_log = structlog.get_logger("api")


@asynccontextmanager
async def registered(context: Context) -> AsyncIterator[None]:
    """While this lasts, the process is in the list. Without PostgreSQL it is not, and serves all the same."""
    process = registration("api", f"api:{this_host().hostname}")
    leaving = asyncio.Event()
    beating = asyncio.create_task(_beat(context, process, leaving))
    try:
        yield
    finally:
        # Not cancelled: a beat that is under way in its thread would come after "stopped", and undo it.
        leaving.set()
        await beating
        await sync_to_thread(_mark_stopped, context, process)


async def _beat(context: Context, process: Registration, leaving: asyncio.Event) -> None:
    while not leaving.is_set():
        await sync_to_thread(_prove_life, context, process)
        with suppress(TimeoutError):
            await asyncio.wait_for(leaving.wait(), context.settings.worker_heartbeat_interval / 1_000)


def _prove_life(context: Context, process: Registration) -> None:
    try:
        with context.database.connection() as connection:
            if not workers.beat(connection, process.id):
                workers.register(connection, process)
    except SQLAlchemyError as error:
        _log.warning("cannot prove life", error=type(error).__name__)


def _mark_stopped(context: Context, process: Registration) -> None:
    with suppress(SQLAlchemyError), context.database.connection() as connection:
        workers.change_state(connection, process.id, "stopped")
