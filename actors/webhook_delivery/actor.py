"""`webhook_delivery`: one signed HTTP POST to a URL that a stranger chose. How it is done: `delivery`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from aeon_jobs.actors.webhook_delivery.payload import CustomHeaders, EventType, WebhookUrl
from aeon_jobs.middleware.job import job


@job(
    name="webhook_delivery",
    queue="default",
    priority=50,
    max_retries=5,
    timeout=timedelta(seconds=60),
    description="POST a JSON event to a URL, signed after Standard Webhooks, guarded against SSRF.",
    example={
        "url": "https://example.com/hooks/orders",
        "event": "order.paid",
        "data": {"order_id": "A-1001", "total": 129.5},
    },
)
def webhook_delivery(
    url: WebhookUrl,
    data: dict[str, Any],
    event: EventType = "job.event",
    timestamp: Annotated[AwareDatetime | None, Field(description="when the event happened")] = None,
    headers: CustomHeaders | None = None,
) -> dict[str, Any]:
    """POST `data` to `url` and return status, duration_ms, webhook_id and an excerpt of the answer."""
    # Late: a service that only sends webhooks needs no HTTP client.
    from aeon_jobs.actors.webhook_delivery.delivery import deliver

    return deliver(url, data, event, timestamp, headers or {})
