"""Whether this process makes spans. Only `spans`, `span_export` and the middleware `tracing` import OpenTelemetry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from aeon_jobs.persistence.core.errors import SettingsError

if TYPE_CHECKING:
    from aeon_jobs.persistence.core.settings import Settings
    from aeon_jobs.persistence.core.spans import Tracer


class TraceContext(NamedTuple):
    """W3C Trace Context as a job's row has it: where its submission stands in a trace."""

    traceparent: str | None = None
    tracestate: str | None = None


NO_TRACE = TraceContext()


def tracer(settings: Settings) -> Tracer | None:
    """What makes the spans of this process; None unless TRACING_ENABLED.

    Raises:
        SettingsError: OpenTelemetry is not installed.
    """
    if not settings.tracing_enabled:
        return None
    try:
        from aeon_jobs.persistence.core.spans import Tracer
    except ModuleNotFoundError:
        raise SettingsError(
            'TRACING_ENABLED: needs more than the base install: pip install "aeon-jobs[otel]"'
        ) from None
    return Tracer(same_trace=settings.tracing_same_trace)


def current(settings: Settings) -> TraceContext:
    """The context of the span that is current here, for another process; empty unless TRACING_ENABLED."""
    if not settings.tracing_enabled:
        return NO_TRACE
    from aeon_jobs.persistence.core import spans

    return spans.current()


@contextmanager
def within(settings: Settings, context: TraceContext) -> Iterator[None]:
    """Spans that are made inside are children of a span of another process."""
    if not settings.tracing_enabled:
        yield
        return
    from aeon_jobs.persistence.core import spans

    with spans.within(context):
        yield


def start(settings: Settings, process: str) -> None:
    """Export the spans of a process of ours, if TRACING_ENABLED; see `span_export`. Call it after a fork.

    Raises:
        SettingsError: an exporter is named that is not installed.
    """
    if tracer(settings):
        from aeon_jobs.persistence.core import span_export

        span_export.start(settings, process)


def stop(settings: Settings) -> None:
    """Send what was not sent yet; waits for some seconds at most."""
    if settings.tracing_enabled:
        from aeon_jobs.persistence.core import span_export

        span_export.stop()
