"""The tracer provider of our own processes: worker, dispatcher, API. A provider that the program has set itself is kept.

The variables of OpenTelemetry say where the spans go and which: OTEL_TRACES_EXPORTER, OTEL_EXPORTER_OTLP_ENDPOINT,
OTEL_TRACES_SAMPLER, OTEL_RESOURCE_ATTRIBUTES and the others.
"""

from __future__ import annotations

import os
from importlib.metadata import entry_points, version
from threading import Thread

from opentelemetry import trace
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import ProxyTracerProvider

from aeon_jobs.persistence.core.errors import SettingsError
from aeon_jobs.persistence.core.settings import Settings

STOP_S = 5
"""How long the end of a process waits for a collector."""
PROTOCOLS = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}
"""Protocols of OTLP, and the exporters for them."""

_providers: list[TracerProvider] = []
"""That we have set."""


def start(settings: Settings, process: str) -> None:
    """
    Raises:
        SettingsError: an exporter is named that is not installed.
    """
    if not isinstance(trace.get_tracer_provider(), ProxyTracerProvider):
        return
    # It ends with `stop`, which waits for a limited time.
    provider = TracerProvider(resource=_resource(process), shutdown_on_exit=False)
    for name in _exporter_names():
        provider.add_span_processor(BatchSpanProcessor(_exporter(name)))
    trace.set_tracer_provider(provider)
    _providers.append(provider)


def stop() -> None:
    for provider in _providers:
        # In a thread: while the collector is away, its exporter tries again and again.
        ending = Thread(target=provider.shutdown, name="aeon-spans", daemon=True)
        ending.start()
        ending.join(STOP_S)
    _providers.clear()


def _resource(process: str) -> Resource:
    found = Resource.create()
    ours = {SERVICE_VERSION: version("aeon-jobs"), "aeon_jobs.process": process}
    if str(found.attributes[SERVICE_NAME]).startswith("unknown_service"):
        ours[SERVICE_NAME] = f"aeon-jobs-{process}"
    return found.merge(Resource(ours))


def _exporter_names() -> list[str]:
    named = os.environ.get("OTEL_TRACES_EXPORTER") or "otlp"
    return [name.strip() for name in named.split(",") if name.strip() not in ("", "none")]


def _exporter(name: str) -> SpanExporter:
    wanted = _of_protocol() if name == "otlp" else name
    for entry in entry_points(group="opentelemetry_traces_exporter", name=wanted):
        exporter: SpanExporter = entry.load()()
        return exporter
    raise SettingsError(f"OTEL_TRACES_EXPORTER: no package that is installed has the exporter {wanted!r:.80}")


def _of_protocol() -> str:
    names = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    variable = next((name for name in names if os.environ.get(name)), "")
    protocol = os.environ.get(variable, "http/protobuf")
    if protocol not in PROTOCOLS:
        raise SettingsError(f"{variable}: must be one of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[protocol]
