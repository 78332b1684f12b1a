"""The spans that this process has ended, kept in memory. A process can have one tracer provider, so the tests share it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from aeon_jobs.persistence.core.settings import get_settings


class Spans:
    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self._exporter.get_finished_spans() if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        (span,) = self.named(name)
        return span


@cache
def _exporter() -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    """Switches tracing on. Name it before `harness` and `api`."""
    monkeypatch.setenv("TRACING_ENABLED", "true")
    get_settings.cache_clear()
    exporter = _exporter()
    exporter.clear()
    yield Spans(exporter)
    exporter.clear()


def traceparent(span: ReadableSpan) -> str:
    """As a job's row has it."""
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-01"


def linked(span: ReadableSpan) -> list[str]:
    """The contexts that a span is linked with."""
    return [f"00-{link.context.trace_id:032x}-{link.context.span_id:016x}-01" for link in span.links]


def parent_of(span: ReadableSpan) -> str | None:
    return f"00-{span.parent.trace_id:032x}-{span.parent.span_id:016x}-01" if span.parent else None


def attributes(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})
