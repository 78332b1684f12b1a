"""Job types: what can be submitted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aeon_jobs.api.contract.fields import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class JobType:
    name: str
    queue_name: str
    description: str
    payload_schema: JsonObject
    """JSON Schema, draft 2020-12."""
    example: JsonObject
    """A payload that is valid."""
    priority: int
    max_retries: int
    timeout_ms: int
    updated_at: datetime
