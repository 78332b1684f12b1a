"""The spans that this process has ended, kept in memory. A process can have one tracer provider, so the tests share it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


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


@contextmanager
def recorded() -> Iterator[Spans]:
    exporter = _exporter()
    exporter.clear()
    yield Spans(exporter)
    exporter.clear()


def traceparent(span: ReadableSpan) -> str:
    """As a job's row has it."""
    return _text(span.get_span_context())


def linked(span: ReadableSpan) -> list[str]:
    """The contexts that a span is linked with."""
    return [_text(link.context) for link in span.links]


def parent_of(span: ReadableSpan) -> str | None:
    return _text(span.parent) if span.parent else None


def attributes(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def _text(context: trace.SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
