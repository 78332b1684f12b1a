"""The three ways in: `actor.send`, the HTTP API, and a plain INSERT."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import text

from aeon_jobs.ops.demo.stage import Stage
from aeon_jobs.ops.demo.workload import Order, Way
from aeon_jobs.persistence.core.errors import JobsError

INSERT = text("INSERT INTO jobs (job_type, payload) VALUES (:job_type, :payload) RETURNING id")

# A machine where everything happens at once may take its time.
TIMEOUT_S = 15.0


class ApiRefused(JobsError):
    """The API did not do what it was asked to; the message has its own words."""

    def __init__(self, response: httpx.Response) -> None:
        request = response.request
        super().__init__(f"{request.method} {request.url} was answered {response.status_code}: {response.text[:1000]}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API said: 201 for a new job, 200 when the idempotency key brought an existing one back."""

    status: int
    job_id: UUID


def api_client(stage: Stage) -> httpx.Client:
    """A client of the API, with the key."""
    return httpx.Client(
        base_url=stage.api_url,
        headers={"Authorization": f"Bearer {stage.api_key}"},
        timeout=TIMEOUT_S,
        trust_env=False,  # the proxy of a company knows nothing of this machine's ports
    )


def submit(order: Order, stage: Stage, api: httpx.Client, parents: Mapping[str, UUID]) -> UUID:
    """Submit an order in its way; `parents` are the ids of earlier ones by name. Returns the job's id."""
    match order.way:
        case Way.SEND:
            return _send(order)
        case Way.HTTP:
            return post(order, api, parents).job_id
        case Way.SQL:
            return _insert(order, stage)


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
        ApiRefused: it is no success.
    """
    if not response.is_success:
        raise ApiRefused(response)
    return response


def _send(order: Order) -> UUID:
    # Late: importing actors connects them to the servers that the environment names, and the stage sets it.

    from aeon_jobs import actors

    actor = getattr(actors, order.job_type)
    if order.delay_s:
        message = actor.send_with_options(kwargs=order.payload, delay=int(order.delay_s * 1_000))
    else:
        message = actor.send(**order.payload)
    return UUID(message.message_id)


def _insert(order: Order, stage: Stage) -> UUID:
    parameters = {"job_type": order.job_type, "payload": json.dumps(order.payload)}
    with stage.database.connection() as connection:
        return UUID(str(connection.execute(INSERT, parameters).scalar_one()))
