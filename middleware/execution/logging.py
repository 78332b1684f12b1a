"""Structured logs: one configuration for our lines and for those of libraries, with the job on every line.

LOG_FORMAT json (one object a line) or console. While a handler runs, job_id, job_type and attempt are bound in its
context, so they stand on whatever it or a library below it logs. So do trace_id and span_id, with TRACING_ENABLED.
"""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, TextIO

import structlog
from dramatiq import Broker, MessageProxy
from dramatiq.middleware import Middleware

from aeon_jobs.persistence.admin.api_keys import without_secrets
from aeon_jobs.persistence.core.settings import Settings


class Logging(Middleware):
    """Binds the job to the thread's log context."""

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        # The attempt is known after the claim: `state` adds it.
        structlog.contextvars.bind_contextvars(job_id=message.message_id, job_type=message.actor_name)

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: object = None,
        exception: BaseException | None = None,
    ) -> None:
        structlog.contextvars.unbind_contextvars("job_id", "job_type", "attempt")

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        self.after_process_message(broker, message)


class StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to what `sys.stderr` is at that moment. A worker of dramatiq replaces it by a pipe to its master, after the fork:
    the master then writes whole lines, and those of two processes are not mixed."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, stream: TextIO) -> None:
        raise AttributeError("set sys.stderr instead")


def configure_process(settings: Settings, process: str, **context: object) -> None:
    """As `configure_logging`, for a process that is ours alone: warnings of Python and the tracebacks of errors that nobody
    catches are lines of the log as well."""
    configure_logging(settings, process, **context)
    warnings.showwarning = _log_warning
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


def configure_logging(settings: Settings, process: str, **context: object) -> None:
    """Route structlog and the standard library through one renderer. Handlers that exist (dramatiq's pipe) are kept.

    `context` is bound for the calling thread.
    """
    structlog.contextvars.bind_contextvars(**context)
    before: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _process_name(process),
        *_trace_ids(settings),
    ]
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(settings.log_level)),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(StderrHandler())
    formatter = structlog.stdlib.ProcessorFormatter(foreign_pre_chain=before, processors=_renderer(settings))
    for handler in root.handlers:
        handler.setFormatter(formatter)
    root.setLevel(settings.log_level)
    # Its errors are our warnings, its traceback ours: `retries` logs every failure once, with its consequence.
    logging.getLogger("dramatiq.worker.WorkerThread").setLevel(logging.CRITICAL)
    for chatty in ("httpx", "httpcore", "periodiq", "apscheduler", "dramatiq.middleware.asyncio.AsyncHandlers"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _renderer(settings: Settings) -> list[Any]:
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if settings.log_format == "console":
        return [remove, _shortened, _console(), _without_keys]
    json_line = structlog.processors.JSONRenderer(default=str)
    return [remove, structlog.processors.format_exc_info, json_line, _without_keys]


def _console() -> structlog.dev.ConsoleRenderer:
    # Plain tracebacks: the pretty ones show local variables, secrets among them.
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)


def _without_keys(_logger: Any, _method: str, line: str) -> str:
    """A client that sends its API key in the URL has it in the line of its request."""
    return without_secrets(line)


def _shortened(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A person who watches a terminal knows the date, and which process it is."""
    event["timestamp"] = event["timestamp"][11:19]
    event.pop("process", None)
    event.pop("logger", None)
    return event


def _process_name(process: str) -> Any:
    def add(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event.setdefault("process", process)
        return event

    return add


def _trace_ids(settings: Settings) -> list[Any]:
    if not settings.tracing_enabled:
        return []
    # It imports OpenTelemetry.
    from aeon_jobs.persistence.core.spans import ids_of_current_span

    def add(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event.update(ids_of_current_span())
        return event

    return [add]


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    found = logging.getLogger("py.warnings")
    found.warning("%s: %s (%s:%s)", category.__name__, message, filename, lineno)


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logging.getLogger("aeon_jobs").critical("the process ends: nobody caught an error", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(found: threading.ExceptHookArgs) -> None:
    if found.exc_value is None or issubclass(found.exc_type, SystemExit):
        return
    name = found.thread.name if found.thread else "?"
    trace = (found.exc_type, found.exc_value, found.exc_traceback)
    logging.getLogger("aeon_jobs").critical("thread %s ends: nobody caught an error", name, exc_info=trace)
