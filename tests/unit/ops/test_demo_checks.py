"""The demo's checks: correct results pass, and each wrong result fails exactly its own check."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from rich.console import Console
from typer.testing import CliRunner

from aeon_jobs.actors.email_notification.actor import compose
from aeon_jobs.ops import cli
from aeon_jobs.ops.demo import checks, run, weather
from aeon_jobs.ops.demo.checks import Finding
from aeon_jobs.ops.demo.deadline import Deadline, DeadlinePassed, Interrupted
from aeon_jobs.ops.demo.mail_server import REFUSAL
from aeon_jobs.ops.demo.results import Results
from aeon_jobs.ops.demo.scenario import CANCEL_REASON
from aeon_jobs.ops.demo.submission import Answer
from aeon_jobs.ops.demo.system import KEY_NAME
from aeon_jobs.ops.demo.webhook_receiver import ANSWERS, Delivery
from aeon_jobs.ops.demo.workload import CANCELLED, COMPLETED, DATA, MAIL, REFUSED, WEBHOOK, Order, Way, workload
from aeon_jobs.ops.mails import RECIPIENTS
from aeon_jobs.persistence.core.models import DeadLetterJob, Job, JobExecution

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TABLE = "months/2012-01.csv"
SENDER = "demo@demo.example"
ORDERS = workload(weather.days(), "127.0.0.1:1")


# --- everything right ------------------------------------------------------------------------


@pytest.fixture
def right(tmp_path: Path) -> Results:
    """The results of a demo that went well."""
    orders = {uuid4(): order for order in _some(ORDERS)}
    ids = {order.name: job_id for job_id, order in orders.items()}
    for order in orders.values():
        _write_table(tmp_path, order)
    return Results(
        orders=orders,
        repeated={job_id: Answer(200, job_id) for job_id, order in orders.items() if order.key},
        jobs={job_id: _job(job_id, order) for job_id, order in orders.items()},
        executions={job_id: _executions(job_id, order) for job_id, order in orders.items()},
        dead_letters=[
            DeadLetterJob(job_id=ids[order.name], reason="permanent", attempts=1, error_message=REFUSAL)
            for order in orders.values()
            if order.ending is REFUSED
        ],
        mails=[_mail(job_id, order) for job_id, order in orders.items() if _is_delivered_mail(order)],
        deliveries={f"msg_{i.hex}": _deliveries(i, order) for i, order in orders.items() if order.job_type == WEBHOOK},
        data_root=tmp_path,
    )


def _some(orders: list[Order]) -> list[Order]:
    """Every special order, and a few ordinary ones."""
    return [
        order for n, order in enumerate(orders) if order.ending is not COMPLETED or _is_special(order) or n % 10 < 2
    ]


def _is_special(order: Order) -> bool:
    return bool(order.delay_s or order.after or order.key) or order.payload.get("output") == TABLE


def _job(job_id: UUID, order: Order) -> Job:
    due = NOW + timedelta(seconds=order.delay_s)
    # One that depends on another starts after the last that is scheduled.
    started = due + timedelta(seconds=10 if order.after else 0)
    cancelled = order.ending is CANCELLED
    return Job(
        id=job_id,
        job_type=order.job_type,
        status=order.ending.status,
        created_by=KEY_NAME if order.way is Way.HTTP else None,
        created_at=NOW,
        scheduled_at=due if order.delay_s else None,
        started_at=started,
        completed_at=started + timedelta(seconds=1),
        cancel_requested_at=started if cancelled else None,
        cancel_requested_by=KEY_NAME if cancelled else None,
        cancel_reason=CANCEL_REASON if cancelled else None,
        result={"message_id": f"<{job_id}@demo.example>", "rows_written": len(order.rows)},
    )


def _executions(job_id: UUID, order: Order) -> list[JobExecution]:
    return [
        JobExecution(job_id=job_id, attempt=number, outcome=outcome, error_message="why")
        for number, outcome in enumerate(order.ending.outcomes, 1)
    ]


def _is_delivered_mail(order: Order) -> bool:
    return order.job_type == MAIL and order.ending is not REFUSED


def _mail(job_id: UUID, order: Order) -> EmailMessage:
    to = order.payload["to"]
    recipients = [to] if isinstance(to, str) else to
    mail = compose(SENDER, job_id, recipients, order.payload["subject"], order.payload["body"])
    content = f"{RECIPIENTS}: {', '.join(recipients)}\r\n".encode() + mail.as_bytes()
    return message_from_bytes(content, policy=policy.default)


def _deliveries(job_id: UUID, order: Order) -> list[Delivery]:
    path = "/" + order.payload["url"].rpartition("/")[2]
    body: dict[str, Any] = {"type": order.payload.get("event", "job.event"), "data": order.payload["data"]}
    if "timestamp" in order.payload:
        body["timestamp"] = order.payload["timestamp"]
    return [
        Delivery(f"msg_{job_id.hex}", path, json.dumps(body).encode(), True, answer, at=3.0 * number)
        for number, answer in enumerate(ANSWERS[path])
    ]


def _write_table(root: Path, order: Order) -> None:
    if order.job_type != DATA:
        return
    target = root / order.payload["output"]
    target.parent.mkdir(exist_ok=True)
    target.write_text(_csv(order) if target.suffix == ".csv" else "\n".join(map(json.dumps, order.rows)))


def _csv(order: Order) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(order.rows[0]))
    writer.writeheader()
    writer.writerows(order.rows)
    return text.getvalue()


def test_what_is_right_passes(right: Results) -> None:
    assert [(f.claim, f.faults) for f in checks.check_all(right) if not f.holds] == []


# --- one thing wrong ----------------------------------------------------------------------------

Tamper = Callable[[Results], Results]


def _first(e: Results, wanted: Callable[[Order], bool]) -> UUID:
    return next(job_id for job_id, order in e.orders.items() if wanted(order))


def _with_job(e: Results, wanted: Callable[[Order], bool], **changes: Any) -> Results:
    job_id = _first(e, wanted)
    job = e.jobs[job_id].model_copy(update=changes)
    return replace(e, jobs={**e.jobs, job_id: job})


def _with_deliveries(
    e: Results, wanted: Callable[[Order], bool], change: Callable[[list[Delivery]], list[Delivery]]
) -> Results:
    key = f"msg_{_first(e, wanted).hex}"
    return replace(e, deliveries={**e.deliveries, key: change(list(e.deliveries[key]))})


def _with_mail(e: Results, change: Callable[[EmailMessage], None]) -> Results:
    change(e.mails[0])
    return e


def _with_table(e: Results, change: Callable[[Path], None]) -> Results:
    change(e.data_root / TABLE)
    return e


def _without(mapping: Mapping[UUID, Any], key: UUID) -> dict[UUID, Any]:
    return {k: value for k, value in mapping.items() if k != key}


def _set_body(mail: EmailMessage) -> None:
    mail.set_content("something else\n")


def _readdress(mail: EmailMessage) -> None:
    mail.replace_header(RECIPIENTS, "spy@demo.example")


def _exaggerate(path: Path) -> None:
    header, first, *others = path.read_text().splitlines()
    path.write_text("\n".join([header, first.replace(",", ",1", 1), *others]))


def _is_mail(order: Order) -> bool:
    return _is_delivered_mail(order)


def _is_steady(order: Order) -> bool:
    return order.payload.get("url", "").endswith("/steady")


def _is_busy(order: Order) -> bool:
    return order.payload.get("url", "").endswith("/busy")


def _is_cancelled(order: Order) -> bool:
    return order.ending is CANCELLED


def _is_scheduled(order: Order) -> bool:
    return order.delay_s > 0


WRONG: dict[str, tuple[Tamper, Callable[[Results], Finding]]] = {
    "a job that was not submitted": (
        lambda e: replace(e, jobs={**e.jobs, (extra := uuid4()): Job(id=extra, job_type=DATA, status="completed")}),
        checks.every_job_is_there_once,
    ),
    "a job that is still pending": (
        lambda e: _with_job(e, _is_mail, status="pending"),
        checks.every_job_ended_as_expected,
    ),
    "a second attempt": (
        lambda e: replace(
            e, executions={**e.executions, (i := _first(e, _is_mail)): [*e.executions[i], *e.executions[i]]}
        ),
        checks.every_attempt_is_in_the_history,
    ),
    "no history at all": (
        lambda e: replace(e, executions=_without(e.executions, _first(e, _is_mail))),
        checks.every_attempt_is_in_the_history,
    ),
    "a retry without its error": (
        lambda e: replace(
            e,
            executions={
                **e.executions,
                (i := _first(e, _is_busy)): [
                    entry.model_copy(update={"error_message": None}) for entry in e.executions[i]
                ],
            },
        ),
        checks.every_attempt_is_in_the_history,
    ),
    "a missing mail": (lambda e: replace(e, mails=e.mails[1:]), checks.every_mail_arrived_as_written),
    "a mail twice": (lambda e: replace(e, mails=[*e.mails, e.mails[0]]), checks.every_mail_arrived_as_written),
    "a mail with another body": (lambda e: _with_mail(e, _set_body), checks.every_mail_arrived_as_written),
    "a mail to another address": (lambda e: _with_mail(e, _readdress), checks.every_mail_arrived_as_written),
    "a mail that should have been refused": (
        lambda e: replace(e, mails=[*e.mails, _mail(i := _first(e, lambda o: o.ending is REFUSED), e.orders[i])]),
        checks.every_mail_arrived_as_written,
    ),
    "a webhook that did not arrive": (
        lambda e: _with_deliveries(e, _is_steady, lambda _: []),
        checks.every_webhook_arrived_signed,
    ),
    "a webhook twice": (
        lambda e: _with_deliveries(e, _is_steady, lambda found: found * 2),
        checks.every_webhook_arrived_signed,
    ),
    "a forged webhook": (
        lambda e: _with_deliveries(e, _is_steady, lambda found: [replace(found[0], genuine=False)]),
        checks.every_webhook_arrived_signed,
    ),
    "a webhook with another body": (
        lambda e: _with_deliveries(e, _is_steady, lambda found: [replace(found[0], body=b"not JSON")]),
        checks.every_webhook_arrived_signed,
    ),
    "a webhook that no job sent": (
        lambda e: replace(e, deliveries={**e.deliveries, "msg_x": [Delivery("msg_x", "/", b"{}", True, 204, 0.0)]}),
        checks.every_webhook_arrived_signed,
    ),
    "a webhook that was retried at once": (
        lambda e: _with_deliveries(e, _is_busy, lambda found: [replace(delivery, at=0.0) for delivery in found]),
        checks.retry_after_is_obeyed,
    ),
    "a table that is missing": (lambda e: _with_table(e, Path.unlink), checks.every_table_is_right),
    "a table with another number": (lambda e: _with_table(e, _exaggerate), checks.every_table_is_right),
    "a table with a line too many": (
        lambda e: _with_table(e, lambda path: _append(path, "snow,1,1,1,1,1\n")),
        checks.every_table_is_right,
    ),
    "a result that does not describe its table": (
        lambda e: _with_job(e, lambda order: order.job_type == DATA, result=None),
        checks.every_table_is_right,
    ),
    "no dead letter": (lambda e: replace(e, dead_letters=[]), checks.a_permanent_error_makes_a_dead_letter),
    "a dead letter after many attempts": (
        lambda e: replace(
            e, dead_letters=[e.dead_letters[0].model_copy(update={"reason": "exhausted", "attempts": 4})]
        ),
        checks.a_permanent_error_makes_a_dead_letter,
    ),
    "a dead letter too many": (
        lambda e: replace(e, dead_letters=[*e.dead_letters, DeadLetterJob(job_id=uuid4(), reason="poison")]),
        checks.a_permanent_error_makes_a_dead_letter,
    ),
    "a cancelled job that went on": (
        lambda e: _with_job(e, _is_cancelled, completed_at=NOW + timedelta(minutes=1)),
        checks.the_cancelled_job_stopped,
    ),
    "a cancelled job without its reason": (
        lambda e: _with_job(e, _is_cancelled, cancel_reason=None),
        checks.the_cancelled_job_stopped,
    ),
    "a cancelled job that did not run": (
        lambda e: _with_job(e, _is_cancelled, started_at=None),
        checks.the_cancelled_job_stopped,
    ),
    "a scheduled job that started early": (
        lambda e: _with_job(e, _is_scheduled, started_at=NOW),
        checks.the_scheduled_job_waited,
    ),
    "a scheduled job that was not scheduled": (
        lambda e: _with_job(e, _is_scheduled, scheduled_at=None),
        checks.the_scheduled_job_waited,
    ),
    "a job that did not wait for another": (
        lambda e: _with_job(e, lambda order: order.after is not None, started_at=NOW),
        checks.the_dependent_job_waited,
    ),
    "two jobs for one key": (
        lambda e: replace(e, repeated={job_id: Answer(201, uuid4()) for job_id in e.repeated}),
        checks.one_idempotency_key_gives_one_job,
    ),
    "a job without the name of the key": (
        lambda e: _with_job(e, lambda order: order.way is Way.HTTP, created_by=None),
        checks.jobs_of_the_api_carry_the_name_of_the_key,
    ),
}


def _append(path: Path, line: str) -> None:
    with path.open("a") as file:
        file.write(line)


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_fails_exactly_its_own_check(right: Results, what: str) -> None:
    tamper, judge = WRONG[what]
    findings = checks.check_all(tamper(right))
    assert [finding.claim for finding in findings if not finding.holds] == [judge(right).claim]


def test_a_lost_job_is_missed(right: Results) -> None:
    lost = _first(right, _is_mail)
    finding = checks.every_job_is_there_once(replace(right, jobs=_without(right.jobs, lost)))
    assert finding.faults == [f"{right.orders[lost].name} is lost"]


# --- how the findings are shown ---------------------------------------------------------------------


def test_the_table_shows_passed_and_failed_checks() -> None:
    console = Console(file=io.StringIO(), width=100)
    faults = [f"fault {number}" for number in range(checks.MOST_FAULTS + 2)]
    run.show([Finding("the sky is blue", "it is"), Finding("pigs [red]fly[/]", "none did", faults)], console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "✓ │ the sky is blue" in text
    assert "✗ │ pigs [red]fly[/]" in text
    assert "fault 4" in text
    assert "fault 5" not in text
    assert "… and 2 more" in text


@pytest.mark.parametrize(("passed", "status"), [(True, 0), (False, 1)])
def test_the_exit_status_says_whether_all_checks_passed(
    monkeypatch: pytest.MonkeyPatch, passed: bool, status: int
) -> None:
    monkeypatch.setattr(run, "run", lambda _console: passed)
    assert CliRunner().invoke(cli.app, ["demo"]).exit_code == status


def test_a_passed_deadline_says_what_was_waited_for() -> None:
    with pytest.raises(DeadlinePassed, match=r"after 0 s the demo still waits for a result"):
        Deadline(0).until(lambda: None, lambda: "a result")


def test_a_stopped_deadline_ends_every_wait() -> None:
    deadline = Deadline(60)
    deadline.stop()
    with pytest.raises(Interrupted):
        deadline.until(lambda: None, lambda: "a result")


# --- the expectations themselves ----------------------------------------------------------------


def test_the_workload_is_what_the_issue_asks_for() -> None:
    orders = ORDERS
    assert len(orders) >= 200
    assert {order.job_type for order in orders} == {MAIL, WEBHOOK, DATA}
    assert {order.way for order in orders} == set(Way)
    assert len({order.name for order in orders}) == len(orders)
    assert sum("retried" in order.ending.outcomes for order in orders) >= 4
    assert sum(order.ending is REFUSED for order in orders) == 1
    assert sum(order.ending is CANCELLED for order in orders) == 1
    assert sum(order.delay_s == 5 for order in orders) == 1


def test_the_data_are_whole() -> None:
    days = weather.days()
    assert len(days) == 1461
    assert (days[0].date, days[-1].date) == ("2012/01/01", "2015/12/31")
    assert sum(row["days"] for n in range(1, 13) for row in weather.month(days, 2012, n).rows) == 366
