"""Lines that handlers log, kept with their jobs.

1. A handler of the root logger takes what is logged while a job's handler runs: of structlog, and of the standard library. It
   only appends to a queue in memory, so a line costs the job's handler some microseconds and never waits for PostgreSQL.
2. A thread stores what gathered, half a second after the first line, with one statement for up to 500 lines of any jobs.
3. A process that is killed loses the lines that were not stored yet: those of the last half second, or since PostgreSQL
   went away.

An attempt keeps its first 1,000 lines, of 256 KiB at most; then a last line says so. A process that waits for PostgreSQL keeps
10,000 lines at most. A job that logs nothing costs nothing.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections import deque
from collections.abc import Collection
from datetime import UTC, datetime
from itertools import count
from threading import Event, Lock, Thread
from typing import Any

import structlog
from dramatiq import Broker, Worker
from dramatiq.middleware import Middleware
from sqlalchemy.exc import SQLAlchemyError

from aeon_jobs.middleware.execution.running import CurrentJob, active_job
from aeon_jobs.persistence.admin.api_keys import without_secrets
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.queue import log_lines
from aeon_jobs.persistence.queue.log_lines import LogLine

MAX_LINES, MAX_BYTES = 1_000, 262_144
"""Of one attempt."""
MAX_CHARACTERS = 8_192
"""Of one line."""
MOST_WAITING = 10_000
FLUSH_S = 0.5
BATCH = 500
_OURS = ("aeon_jobs.middleware", "dramatiq")
"""Loggers around the handler: what they say stands in the execution."""
_BOUND = {"job_id", "job_type", "attempt", "process", "level", "logger", "timestamp", "trace_id", "span_id", "exc_info"}
_log = structlog.get_logger(__name__)


class Budget:
    """What an attempt may still keep."""

    def __init__(self) -> None:
        self.numbers = count(1)
        self.bytes_left = MAX_BYTES
        self.is_spent = False


class JobLogs(logging.Handler):
    """Takes lines in any thread, and stores them in its own."""

    def __init__(self, database: Database, job_types: Collection[str]) -> None:
        """`job_types`: those whose lines are kept."""
        super().__init__()
        self._database = database
        self._job_types = job_types
        self._lines: deque[LogLine] = deque()
        self._missed = 0
        self._storing = Lock()
        self._filled, self._stop = Event(), Event()
        self._thread = Thread(target=self._run, name="aeon-job-logs", daemon=True)

    def open(self) -> None:
        logging.getLogger().addHandler(self)
        self._thread.start()

    def close(self) -> None:
        """Store what is there, once more, and end."""
        logging.getLogger().removeHandler(self)
        self._stop.set()
        self._filled.set()
        if self._thread.is_alive():
            self._thread.join()
        super().close()

    def createLock(self) -> None:  # noqa: N802 (of logging)
        # None: a handler may be interrupted at any moment, and must not leave a lock behind that all others wait for.
        self.lock = None

    def handle(self, record: logging.LogRecord) -> bool:
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        job = active_job()
        if job is None or job.claimed is None or job.job_type not in self._job_types or record.name.startswith(_OURS):
            return
        budget = job.log_budget = job.log_budget or Budget()
        if not budget.is_spent:
            self._keep(job, budget, record.created, record.levelname.lower(), _text(record))

    def _keep(self, job: CurrentJob, budget: Budget, at: float, level: str, message: str) -> None:
        line = next(budget.numbers)
        budget.bytes_left -= len(message.encode())
        if line > MAX_LINES or budget.bytes_left < 0:
            budget.is_spent = True
            level = "warning"
            message = (
                f"no more lines are kept: an attempt keeps {MAX_LINES:,} lines, of {MAX_BYTES // 1_024} KiB at most"
            )
        if len(self._lines) >= MOST_WAITING:
            self._missed += 1
            return
        moment = datetime.fromtimestamp(at, UTC).isoformat()
        self._lines.append(LogLine(job.id, job.attempt, line, moment, level[:10], message))
        if not self._filled.is_set():
            self._filled.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._filled.wait()
            self._stop.wait(FLUSH_S)
            self._filled.clear()
            if not self.store() and not self._stop.is_set():
                self._filled.set()
        self.store()

    def store(self) -> bool:
        """Store what waits. False: PostgreSQL did not answer, and it waits on."""
        with self._storing:
            while batch := [self._lines.popleft() for _ in range(min(BATCH, len(self._lines)))]:
                try:
                    with self._database.connection() as connection:
                        log_lines.store(connection, batch)
                except SQLAlchemyError as error:
                    self._lines.extendleft(reversed(batch))
                    _log.warning("log lines of jobs not stored yet", lines=len(self._lines), error=_first_line(error))
                    return False
            if self._missed:
                _log.warning("log lines of jobs were left out: too many waited for PostgreSQL", lines=self._missed)
                self._missed = 0
        return True


class KeepsLogs(Middleware):
    """Keeps the lines of job types that want it, while the worker runs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._logs: JobLogs | None = None

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        definitions = broker.definitions.values()  # type: ignore[attr-defined]
        if wanted := {definition.name for definition in definitions if definition.keep_logs}:
            self._logs = JobLogs(self._database, wanted)
            self._logs.open()

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        if self._logs:
            self._logs.close()


def _text(record: logging.LogRecord) -> str:
    """The line as a person reads it: the message, the fields that were given with it, the traceback."""
    try:
        said, trace = _structured(record.msg) if isinstance(record.msg, dict) else (record.getMessage(), None)
        trace = record.exc_info or trace
        text = said + ("\n" + _traceback(trace) if trace else "")
    except Exception as error:  # noqa: BLE001 (a line without a text must not fail the job)
        text = f"the line has no text: {type(error).__name__}"
    text = without_secrets(text.replace("\0", "\\0").encode(errors="backslashreplace").decode())
    return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]} …"


def _structured(event: dict[str, Any]) -> tuple[str, Any]:
    fields = "".join(f" {key}={value}" for key, value in event.items() if key not in _BOUND and key != "event")
    return f"{event.get('event', '')}{fields}", event.get("exc_info")


def _traceback(trace: Any) -> str:
    if isinstance(trace, BaseException):
        return "".join(traceback.format_exception(trace)).rstrip()
    found = trace if isinstance(trace, tuple) else sys.exc_info()
    return "".join(traceback.format_exception(*found)).rstrip() if found[0] else ""


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
