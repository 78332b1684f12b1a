"""What happens on the stage.

1. Wait until the API answers and every job type has its worker.
2. Submit everything; one of it twice, under one idempotency key.
3. Cancel the slow job as soon as it runs.
4. Wait until every job is over.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

import httpx

from aeon_jobs.ops.demo.board import Board
from aeon_jobs.ops.demo.stage import Stage
from aeon_jobs.ops.demo.submission import Answer, accepted, api_client, post, submit
from aeon_jobs.ops.demo.workload import CANCELLED, JOB_TYPES, Order
from aeon_jobs.persistence.queue import job_types

CANCEL_REASON = "the demo shows that it can be done"


@dataclass(slots=True)
class Playbill:
    """What was submitted, under which ids."""

    orders: dict[UUID, Order] = field(default_factory=dict)
    repeated: dict[UUID, Answer] = field(default_factory=dict)
    """The API's answer to the second submission, by the id from the first."""

    def ids(self) -> dict[str, UUID]:
        return {order.name: job_id for job_id, order in self.orders.items()}


def perform(stage: Stage, board: Board, orders: Iterable[Order]) -> Playbill:
    """
    Raises:
        Overdue, Interrupted
        ApiRefused, httpx.TransportError
    """
    with api_client(stage) as api:
        _wait_until_ready(stage, board, api)
        bill = _submit_all(stage, board, api, orders)
        _cancel(stage, board, api, bill)
    stage.patience.until(lambda: board.refresh().is_over, lambda: f"jobs to end: {board.summary()}")
    return bill


def _wait_until_ready(stage: Stage, board: Board, api: httpx.Client) -> None:
    stage.patience.until(lambda: _answers(api), lambda: f"the API at {stage.api_url}")
    stage.patience.until(lambda: _has_workers(stage, board), lambda: "the workers")


def _answers(api: httpx.Client) -> bool:
    try:
        return api.get("/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def _has_workers(stage: Stage, board: Board) -> bool:
    with stage.database.connection() as connection:
        known = len(job_types.get_many(connection, set(JOB_TYPES))) == len(JOB_TYPES)
    return known and board.refresh().workers >= stage.settings.worker_processes


def _submit_all(stage: Stage, board: Board, api: httpx.Client, orders: Iterable[Order]) -> Playbill:
    bill = Playbill()
    for order in orders:
        stage.patience.check(lambda: f"the submissions: {board.summary()}")
        job_id = submit(order, stage, api, bill.ids() if order.after else {})
        bill.orders[job_id] = order
        if order.key:
            bill.repeated[job_id] = post(order, api, {})
        board.refresh()
    return bill


def _cancel(stage: Stage, board: Board, api: httpx.Client, bill: Playbill) -> None:
    for job_id in [job_id for job_id, order in bill.orders.items() if order.ending is CANCELLED]:
        url = f"/api/jobs/{job_id}"
        stage.patience.until(lambda url=url: _is_running(api, board, url), lambda: "the slow job to run")  # type: ignore[misc]
        accepted(api.delete(url, params={"reason": CANCEL_REASON}))


def _is_running(api: httpx.Client, board: Board, url: str) -> bool:
    board.refresh()
    return bool(accepted(api.get(url)).json()["status"] == "running")
