"""The three ways to submit: `actor.send`, the HTTP API, and a plain INSERT."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import text

from aeon_jobs.ops.demo.system import DemoSystem
from aeon_jobs.ops.demo.workload import Order, Way
from aeon_jobs.persistence.core.errors import JobsError

INSERT = text("INSERT INTO jobs (job_type, payload) VALUES (:job_type, :payload) RETURNING id")

# Everything runs on one machine at the same time, so an answer may take long.
TIMEOUT_S = 15.0


class ApiRefused(JobsError):
    """The API answered with an error status; the message has its text."""

    def __init__(self, response: httpx.Response) -> None:
        request = response.request
        super().__init__(f"{request.method} {request.url} was answered {response.status_code}: {response.text[:1000]}")


@dataclass(frozen=True, slots=True)
class Answer:
    """The API's answer: 201 for a new job, 200 for an existing job with the same idempotency key."""

    status: int
    job_id: UUID


def api_client(system: DemoSystem) -> httpx.Client:
    """A client of the API, with the key."""
    return httpx.Client(
        base_url=system.api_url,
        headers={"Authorization": f"Bearer {system.api_key}"},
        timeout=TIMEOUT_S,
        trust_env=False,  # a proxy does not know the ports of this machine
    )


def submit(order: Order, system: DemoSystem, api: httpx.Client, parents: Mapping[str, UUID]) -> UUID:
    """Submit an order and return the job's id. `parents` are the ids of earlier jobs, by name."""
    match order.way:
        case Way.SEND:
            return _send(order)
        case Way.HTTP:
            return post(order, api, parents).job_id
        case Way.SQL:
            return _insert(order, system)


def post(order: Order, api: httpx.Client, parents: Mapping[str, UUID]) -> Answer:
    """
    Raises:
        ApiRefused
        httpx.TransportError: there was no answer.
    """
    body: dict[str, Any] = {"job_type": order.job_type, "payload": order.payload, "priority": order.priority}
    if order.after:
        body["depends_on"] = [str(parents[order.after])]
    if order.key:
        body["idempotency_key"] = order.key
    response = accepted(api.post("/api/jobs", json=body))
    return Answer(response.status_code, UUID(response.json()["job_id"]))


def accepted(response: httpx.Response) -> httpx.Response:
    """
    Raises:
        ApiRefused: the status is an error.
    """
    if not response.is_success:
        raise ApiRefused(response)
    return response


def _send(order: Order) -> UUID:
    # Imported late: the import reads DATABASE_URL and REDIS_URL, which `system` sets.
    from aeon_jobs import actors

    actor = getattr(actors, order.job_type)
    if order.delay_s:
        message = actor.send_with_options(kwargs=order.payload, delay=int(order.delay_s * 1_000))
    else:
        message = actor.send(**order.payload)
    return UUID(message.message_id)


def _insert(order: Order, system: DemoSystem) -> UUID:
    parameters = {"job_type": order.job_type, "payload": json.dumps(order.payload)}
    with system.database.connection() as connection:
        return UUID(str(connection.execute(INSERT, parameters).scalar_one()))
