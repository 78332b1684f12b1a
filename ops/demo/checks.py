"""The checks of the demo: one function each. It compares what was submitted with the results."""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID

from aeon_jobs.ops.demo.mail_server import REFUSAL
from aeon_jobs.ops.demo.results import Results
from aeon_jobs.ops.demo.scenario import CANCEL_REASON
from aeon_jobs.ops.demo.system import KEY_NAME
from aeon_jobs.ops.demo.weather import Row
from aeon_jobs.ops.demo.webhook_receiver import ANSWERS, RETRY_AFTER_S, Delivery
from aeon_jobs.ops.demo.workload import CANCELLED, DATA, MAIL, REFUSED, WEBHOOK, Order, Way
from aeon_jobs.ops.mails import RECIPIENTS
from aeon_jobs.persistence.core.models import Job

CANCELLED_WITHIN_S = 5.0
SCHEDULED_TO_S = 2.0
"""Tolerance: scheduled_at is computed before the job is stored."""

MOST_FAULTS = 5
"""How many faults of one check are shown."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: what it claims, what it found, and every fault."""

    claim: str
    seen: str
    faults: Sequence[str] = ()

    @property
    def holds(self) -> bool:
        return not self.faults


def check_all(results: Results) -> list[Finding]:
    """The findings of all checks."""
    return [check(results) for check in CHECKS]


def every_job_is_there_once(e: Results) -> Finding:
    faults = [f"{e.orders[job_id].name} is lost" for job_id in e.orders.keys() - e.jobs.keys()]
    faults += [f"job {job_id} was not submitted" for job_id in e.jobs.keys() - e.orders.keys()]
    ways = Counter(order.way for order in e.orders.values())
    seen = " · ".join(f"{ways[way]} by {way}" for way in Way)
    return Finding("every job submitted is stored, once", f"{len(e.jobs)} jobs: {seen}", faults)


def every_job_ended_as_expected(e: Results) -> Finding:
    faults = [
        f"{order.name} is {job.status}, not {order.ending.status}: {job.error_message}"
        for order, job in e.pairs()
        if job.status != order.ending.status
    ]
    numbers = Counter(str(job.status) for job in e.jobs.values())
    seen = " · ".join(f"{number} {status}" for status, number in numbers.most_common())
    return Finding("every job ended as it should", seen, faults)


def every_attempt_is_in_the_history(e: Results) -> Finding:
    faults = []
    for order, job in e.pairs():
        history = e.executions.get(job.id, [])
        if tuple(entry.outcome for entry in history) != order.ending.outcomes:
            faults.append(f"{order.name}: {[entry.outcome for entry in history]}, not {list(order.ending.outcomes)}")
        elif [entry.attempt for entry in history] != list(range(1, len(history) + 1)):
            faults.append(f"{order.name}: attempts {[entry.attempt for entry in history]}")
        elif any(entry.outcome == "retried" and not entry.error_message for entry in history):
            faults.append(f"{order.name}: a failed attempt without its error")
    outcomes = Counter(entry.outcome for history in e.executions.values() for entry in history)
    seen = f"{outcomes.total()} attempts, {outcomes['retried']} of them failed and were retried"
    return Finding("every attempt is in the history", seen, faults)


def jobs_of_the_api_carry_the_name_of_the_key(e: Results) -> Finding:
    ordered = [(order, job) for order, job in e.pairs() if order.way is Way.HTTP]
    faults = [f"{order.name}: by {job.created_by}" for order, job in ordered if job.created_by != KEY_NAME]
    return Finding(
        "jobs of the API have the name of their key", f"{len(ordered)} jobs, created by {KEY_NAME!r}", faults
    )


def one_idempotency_key_gives_one_job(e: Results) -> Finding:
    faults = [
        f"{e.orders[job_id].name}: answered {answer.status} with {answer.job_id}, the first was {job_id}"
        for job_id, answer in e.repeated.items()
        if (answer.status, answer.job_id) != (200, job_id)
    ]
    faults += [] if e.repeated else ["no job was submitted twice"]
    return Finding("one idempotency key, one job", f"{len(e.repeated)} submitted twice, stored once", faults)


def every_mail_arrived_as_written(e: Results) -> Finding:
    expected = {_message_id(job): (order, job) for order, job in e.of_type(MAIL) if order.ending.status == "completed"}
    found = Counter(str(mail["Message-ID"]) for mail in e.mails)
    faults = [f"{expected[key][0].name}: no mail" for key in expected.keys() - found.keys()]
    faults += [f"a mail that no job sent: {key}" for key in found.keys() - expected.keys()]
    faults += [f"{expected[key][0].name}: {found[key]} mails" for key in expected if found[key] > 1]
    for mail in e.mails:
        if order_and_job := expected.get(str(mail["Message-ID"])):
            faults += _mail_faults(mail, *order_and_job)
    return Finding("every mail arrived as written, once", f"{len(e.mails)} .eml files parsed", faults)


def every_webhook_arrived_signed(e: Results) -> Finding:
    ordered = {_webhook_id(job): order for order, job in e.of_type(WEBHOOK)}
    faults = [f"a webhook that no job sent: {key}" for key in e.deliveries.keys() - ordered.keys()]
    for webhook_id, order in ordered.items():
        faults += _delivery_faults(order, e.deliveries.get(webhook_id, ()))
    every = [delivery for deliveries in e.deliveries.values() for delivery in deliveries]
    failed = sum(delivery.answer >= 500 for delivery in every)
    seen = f"{len(every)} requests, every signature verified; {failed} answered 5xx and were retried"
    return Finding("every webhook arrived, signed, once", seen, faults)


def retry_after_is_obeyed(e: Results) -> Finding:
    pairs = [tried for tried in e.deliveries.values() if len(tried) > 1 and tried[0].answer == 503]
    waits = [second.at - first.at for first, second, *_ in pairs]
    faults = [f"retried after {wait:.2f} s" for wait in waits if wait < RETRY_AFTER_S]
    faults += [] if waits else ["no receiver sent Retry-After"]
    seen = f"asked for {RETRY_AFTER_S} s, retried after {min(waits, default=0):.2f} to {max(waits, default=0):.2f} s"
    return Finding("Retry-After is obeyed", seen, faults)


def every_table_is_right(e: Results) -> Finding:
    faults, cells = list[str](), 0
    for order, job in e.of_type(DATA):
        rows = _rows(e.data_root / order.payload["output"])
        cells += sum(map(len, rows or ()))
        if rows is None:
            faults.append(f"{order.name}: cannot be read")
        elif not _same_table(rows, order.rows):
            faults.append(f"{order.name}: {rows}, not {list(order.rows)}")
        elif (job.result or {}).get("rows_written") != len(rows):
            faults.append(f"{order.name}: its result says {job.result}")
    seen = f"{len(e.of_type(DATA))} files, {cells} values computed again in plain Python"
    return Finding("every table is right", seen, faults)


def a_permanent_error_makes_a_dead_letter(e: Results) -> Finding:
    refused = {job.id: order for order, job in e.pairs() if order.ending is REFUSED}
    faults = [
        f"{order.name}: no dead letter" for order in _missing(refused, [found.job_id for found in e.dead_letters])
    ]
    for found in e.dead_letters:
        if found.job_id not in refused:
            faults.append(f"job {found.job_id}: dead letter {found.reason}, {found.error_message}")
        elif (found.reason, found.attempts) != ("permanent", 1) or REFUSAL not in (found.error_message or ""):
            faults.append(f"{found.reason} after {found.attempts} attempts: {found.error_message}")
    seen = " · ".join(f"{found.reason}: {found.error_message}" for found in e.dead_letters)
    return Finding("a permanent error makes a dead letter at once", seen, faults)


def the_cancelled_job_stopped(e: Results) -> Finding:
    took, faults = timedelta(), list[str]()
    for order, job in e.pairs():
        if order.ending is not CANCELLED:
            continue
        took = _time(job.completed_at) - _time(job.cancel_requested_at)
        if took > timedelta(seconds=CANCELLED_WITHIN_S):
            faults.append(f"{order.name}: took {took.total_seconds():.1f} s")
        if (job.cancel_reason, job.cancel_requested_by) != (CANCEL_REASON, KEY_NAME):
            faults.append(f"{order.name}: cancelled by {job.cancel_requested_by}, {job.cancel_reason!r}")
        if job.started_at is None:
            faults.append(f"{order.name}: did not run")
    seen = f"{took.total_seconds():.2f} s after the request, its reason is stored"
    return Finding("a running job was cancelled", seen, faults)


def the_scheduled_job_waited(e: Results) -> Finding:
    late, faults = [timedelta()], list[str]()
    for order, job in e.pairs():
        if not order.delay_s:
            continue
        ahead = (_time(job.scheduled_at) - _time(job.created_at)).total_seconds()
        if not math.isclose(ahead, order.delay_s, abs_tol=SCHEDULED_TO_S):
            faults.append(f"{order.name}: scheduled {ahead:.1f} s ahead, not {order.delay_s:.1f}")
        late.append(_time(job.started_at) - _time(job.scheduled_at))
    faults += [f"started {-wait} too early" for wait in late if wait < timedelta()]
    faults += [] if len(late) > 1 else ["no job was scheduled"]
    seen = f"started {max(late).total_seconds():.2f} s after its time"
    return Finding("a scheduled job does not start before its time", seen, faults)


def the_dependent_job_waited(e: Results) -> Finding:
    by_name = {order.name: job for order, job in e.pairs()}
    gaps = [
        _time(job.started_at) - _time(by_name[order.after].completed_at)
        for order, job in e.pairs()
        if order.after in by_name
    ]
    faults = [f"started {-gap} too early" for gap in gaps if gap < timedelta()]
    faults += [] if gaps else ["no job depended on another"]
    seen = f"started {max(gaps, default=timedelta()).total_seconds():.2f} s after the job it waited for"
    return Finding("a job starts after those it depends on", seen, faults)


CHECKS: tuple[Callable[[Results], Finding], ...] = (
    every_job_is_there_once,
    every_job_ended_as_expected,
    every_attempt_is_in_the_history,
    every_mail_arrived_as_written,
    every_webhook_arrived_signed,
    every_table_is_right,
    retry_after_is_obeyed,
    a_permanent_error_makes_a_dead_letter,
    the_cancelled_job_stopped,
    the_scheduled_job_waited,
    the_dependent_job_waited,
    one_idempotency_key_gives_one_job,
    jobs_of_the_api_carry_the_name_of_the_key,
)


def _message_id(job: Job) -> str:
    return f"<{job.id}@demo.example>"


def _webhook_id(job: Job) -> str:
    return f"msg_{job.id.hex}"


def _mail_faults(mail: EmailMessage, order: Order, job: Job) -> list[str]:
    to = order.payload["to"]
    recipients = ", ".join([to] if isinstance(to, str) else to)
    # SMTP ends lines with CR LF.
    body = str(mail.get_content()).replace("\r\n", "\n")
    parts = [
        ("recipients", str(mail[RECIPIENTS]), recipients),
        ("To", str(mail["To"]), recipients),
        ("Subject", str(mail["Subject"]), order.payload["subject"]),
        ("body", body, order.payload["body"]),
        ("result", (job.result or {}).get("message_id"), _message_id(job)),
    ]
    return [f"{order.name}: {part} is {found!r}, not {wanted!r}" for part, found, wanted in parts if found != wanted]


def _delivery_faults(order: Order, deliveries: Sequence[Delivery]) -> list[str]:
    path = "/" + order.payload["url"].rpartition("/")[2]
    answers = tuple(delivery.answer for delivery in deliveries)
    if answers != ANSWERS[path]:
        return [f"{order.name}: answered {list(answers)}, not {list(ANSWERS[path])}"]
    expected = {"type": order.payload.get("event", "job.event"), "data": order.payload["data"]}
    if "timestamp" in order.payload:
        expected["timestamp"] = order.payload["timestamp"]
    faults = []
    for delivery in deliveries:
        if not delivery.genuine:
            faults.append(f"{order.name}: its signature is wrong")
        if (delivery.path, _json(delivery.body)) != (path, expected):
            faults.append(f"{order.name}: {delivery.path} got {delivery.body[:200]!r}")
    return faults


def _json(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _rows(path: Path) -> list[Row] | None:
    """The rows of a CSV or JSON-lines file, read without the library that wrote it."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError):
        return None
    if path.suffix == ".csv":
        return [dict(row) for row in csv.DictReader(text.splitlines())]
    return [_json(line) or {} for line in text.splitlines()]


def _same_table(found: Sequence[Row], expected: Sequence[Row]) -> bool:
    return len(found) == len(expected) and all(map(_same_row, found, expected))


def _same_row(found: Row, expected: Row) -> bool:
    return list(found) == list(expected) and all(_same_value(found[name], value) for name, value in expected.items())


def _same_value(found: Any, expected: str | float) -> bool:
    if isinstance(expected, str):
        return bool(found == expected)
    try:
        # Sums of floating-point numbers depend on the order of adding, in their last digits.
        return math.isclose(float(found), expected, rel_tol=1e-9, abs_tol=1e-9)
    except (TypeError, ValueError):
        return False


def _missing(expected: dict[UUID, Order], found: Iterable[UUID | None]) -> list[Order]:
    there = set(found)
    return [order for job_id, order in expected.items() if job_id not in there]


def _time(moment: datetime | None) -> datetime:
    """A job without this time fails another check already, so any time will do."""
    return moment or datetime.fromtimestamp(0, UTC)
