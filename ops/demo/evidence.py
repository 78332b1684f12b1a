"""What is found when all is over: rows, mails, deliveries, files. Read once, judged in `verdict`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID

from sqlmodel import select

from aeon_jobs.ops.demo.performance import Playbill
from aeon_jobs.ops.demo.stage import Stage
from aeon_jobs.ops.demo.submission import Answer
from aeon_jobs.ops.demo.webhook_receiver import Delivery
from aeon_jobs.ops.demo.workload import Order
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.models import DeadLetterJob, Job, JobExecution
from aeon_jobs.persistence.queue import jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    orders: Mapping[UUID, Order]
    repeated: Mapping[UUID, Answer]
    """The API's answer to a second submission, by the id from the first."""
    jobs: Mapping[UUID, Job]
    executions: Mapping[UUID, Sequence[JobExecution]]
    letters: Sequence[DeadLetterJob]
    mails: Sequence[EmailMessage]
    deliveries: Mapping[str, Sequence[Delivery]]
    """By webhook-id, oldest first."""
    data_root: Path

    def of_type(self, job_type: str) -> list[tuple[Order, Job]]:
        """Orders of a type with their jobs; a job that is not there is another check's fault."""
        return [(order, job) for order, job in self.pairs() if order.job_type == job_type]

    def pairs(self) -> list[tuple[Order, Job]]:
        return [(order, self.jobs[job_id]) for job_id, order in self.orders.items() if job_id in self.jobs]


def gather(stage: Stage, bill: Playbill) -> Evidence:
    """Everything there is to be judged."""
    rows, executions, letters = _from_database(stage.database)
    deliveries: defaultdict[str, list[Delivery]] = defaultdict(list)
    for delivery in stage.receiver.deliveries:
        deliveries[delivery.webhook_id].append(delivery)
    return Evidence(
        orders=bill.orders,
        repeated=bill.repeated,
        jobs=rows,
        executions=executions,
        letters=letters,
        mails=read_mails(stage.outbox),
        deliveries=deliveries,
        data_root=stage.data_root,
    )


def read_mails(outbox: Path) -> list[EmailMessage]:
    """Every .eml file, parsed."""
    files = sorted(outbox.glob("*.eml"))
    return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]


def _from_database(
    database: Database,
) -> tuple[dict[UUID, Job], dict[UUID, list[JobExecution]], list[DeadLetterJob]]:
    executions: defaultdict[UUID, list[JobExecution]] = defaultdict(list)
    with database.connection() as connection:
        found = [jobs.job_from(dict(row)) for row in connection.execute(select(Job)).mappings()]
        history = connection.execute(select(JobExecution).order_by(JobExecution.id))  # type: ignore[arg-type]
        letters = [DeadLetterJob(**row) for row in connection.execute(select(DeadLetterJob)).mappings()]
        for row in history.mappings():
            executions[row["job_id"]].append(JobExecution(**row))
    return {job.id: job for job in found}, dict(executions), letters
