"""The dispatcher process: `aeon_jobs.middleware.dispatch.dispatcher.Dispatcher`, with signals."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from aeon_jobs.middleware.dispatch.dispatcher import Dispatcher
from aeon_jobs.middleware.execution.logging import configure_process
from aeon_jobs.middleware.transport.redis_transport import RedisTransport
from aeon_jobs.persistence.core import tracing
from aeon_jobs.persistence.core.database import get_database
from aeon_jobs.persistence.core.settings import get_settings
from aeon_jobs.persistence.queue.process import registration
from aeon_jobs.persistence.redis_clients import redis_client


def main() -> None:
    configure_process(get_settings(), "dispatcher")
    tracing.start(get_settings(), "dispatcher")
    try:
        run()
    finally:
        tracing.stop(get_settings())


def run() -> None:
    """Dispatch until TERM or INT."""
    settings, database = get_settings(), get_database()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        with closing(redis_client(settings.redis_dsn)) as client:
            transport = RedisTransport(client, settings.redis_queue_prefix)
            _in_a_thread(
                Dispatcher(database, transport, settings, registration("dispatcher", settings.worker_id)), stop
            )
    finally:
        database.dispose()


def _in_a_thread(dispatcher: Dispatcher, stop: threading.Event) -> None:
    # A handler that sets an event on which its own thread just waits can deadlock: so another thread waits.
    with ThreadPoolExecutor(1, thread_name_prefix="dispatcher") as pool:
        pool.submit(dispatcher.run, stop).result()
