"""The caller's trace, as W3C Trace Context has it. A malformed one is ignored, as the standard asks."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aeon_jobs.persistence.core.tracing import NO_TRACE, TraceContext

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_LONGEST_STATE = 512


def trace_of(headers: Mapping[str, str]) -> TraceContext:
    """The context of a request."""
    parent, state = headers.get("traceparent", ""), headers.get("tracestate")
    if not _TRACEPARENT.fullmatch(parent):
        return NO_TRACE
    return TraceContext(parent, state if state and len(state) <= _LONGEST_STATE and state.isascii() else None)
