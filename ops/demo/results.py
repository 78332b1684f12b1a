"""What the jobs left behind: rows, mails, deliveries, files. `checks` compares it with what was submitted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID

from sqlmodel import Session, select

from aeon_jobs.ops.demo.scenario import Submissions
from aeon_jobs.ops.demo.submission import Answer
from aeon_jobs.ops.demo.system import DemoSystem
from aeon_jobs.ops.demo.webhook_receiver import Delivery
from aeon_jobs.ops.demo.workload import Order
from aeon_jobs.ops.mails import MailFolder
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.models import DeadLetterJob, Job, JobExecution


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    orders: Mapping[UUID, Order]
    repeated: Mapping[UUID, Answer]
    """The API's answer to a second submission, by the id from the first."""
    jobs: Mapping[UUID, Job]
    executions: Mapping[UUID, Sequence[JobExecution]]
    dead_letters: Sequence[DeadLetterJob]
    mails: Sequence[EmailMessage]
    deliveries: Mapping[str, Sequence[Delivery]]
    """By webhook-id, oldest first."""
    data_root: Path

    def of_type(self, job_type: str) -> list[tuple[Order, Job]]:
        """Orders of a type with their jobs. A job that is missing is reported by another check."""
        return [(order, job) for order, job in self.pairs() if order.job_type == job_type]

    def pairs(self) -> list[tuple[Order, Job]]:
        return [(order, self.jobs[job_id]) for job_id, order in self.orders.items() if job_id in self.jobs]


def gather(system: DemoSystem, submissions: Submissions) -> Results:
    """Read everything that the checks need."""
    rows, executions, dead_letters = _from_database(system.database)
    deliveries: defaultdict[str, list[Delivery]] = defaultdict(list)
    for delivery in system.receiver.deliveries:
        deliveries[delivery.webhook_id].append(delivery)
    return Results(
        orders=submissions.orders,
        repeated=submissions.repeated,
        jobs=rows,
        executions=executions,
        dead_letters=dead_letters,
        mails=[mail.message for mail in MailFolder(system.mails).all()],
        deliveries=deliveries,
        data_root=system.data_root,
    )


def _from_database(
    database: Database,
) -> tuple[dict[UUID, Job], dict[UUID, list[JobExecution]], list[DeadLetterJob]]:
    executions: defaultdict[UUID, list[JobExecution]] = defaultdict(list)
    with Session(database.engine) as session:
        found = {job.id: job for job in session.exec(select(Job))}
        dead_letters = list(session.exec(select(DeadLetterJob)))
        for execution in session.exec(select(JobExecution).order_by(JobExecution.id)):  # type: ignore[arg-type]
            executions[execution.job_id].append(execution)
    return found, dict(executions), dead_letters
