"""What the demo submits, how, and how each job must end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from itertools import chain, cycle, zip_longest
from typing import Any

from aeon_jobs.ops.demo import weather
from aeon_jobs.ops.demo.weather import Day, Question, Row

MAIL, WEBHOOK, DATA = "email_notification", "webhook_delivery", "data_processing"
JOB_TYPES = (MAIL, WEBHOOK, DATA)

AHEAD_S = 5.0
"""How far ahead the scheduled job is scheduled."""


class Way(StrEnum):
    """How a job is submitted."""

    SEND = "actor.send"
    HTTP = "HTTP API"
    SQL = "plain SQL"


@dataclass(frozen=True, slots=True)
class Ending:
    """The job's final status, and the outcome of each attempt."""

    status: str
    outcomes: tuple[str, ...]


COMPLETED = Ending("completed", ("completed",))
RETRIED = Ending("completed", ("retried", "completed"))
RETRIED_TWICE = Ending("completed", ("retried", "retried", "completed"))
REFUSED = Ending("failed", ("failed",))
CANCELLED = Ending("cancelled", ("cancelled",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One job to submit."""

    name: str
    job_type: str
    payload: dict[str, Any]
    way: Way = Way.HTTP
    ending: Ending = COMPLETED
    priority: int = 50
    delay_s: float = 0
    after: str | None = None
    """Name of the order that must complete first."""
    key: str | None = None
    """Idempotency key. An order with a key is submitted twice."""
    rows: Sequence[Row] = field(default=(), repr=False)
    """The rows that a data job must write."""


def workload(days: Sequence[Day], receiver: str) -> list[Order]:
    """Every order, in the order of submission; `receiver` is the webhook receiver's host:port."""
    mails, webhooks, tables = _mails(days), _webhooks(days, receiver), _tables(days)
    mixed = chain.from_iterable(zip_longest(mails, webhooks, tables))
    return [_slow(receiver), *_scheduled(days), *_in_every_way(order for order in mixed if order), *_special(receiver)]


def _in_every_way(orders: Iterable[Order]) -> list[Order]:
    ways = cycle((Way.SEND, Way.HTTP, Way.SEND, Way.HTTP, Way.SQL))
    return [replace(order, way=way) for order, way in zip(orders, ways, strict=False)]


def _mails(days: Sequence[Day]) -> list[Order]:
    ordinary = [_mail(f"reader-{number}@demo.example", day) for number, day in enumerate(days[:80])]
    grey = [replace(_mail(f"grey-{n}@demo.example", days[n]), ending=RETRIED) for n in range(4)]
    both = ["ann@demo.example", "ben@demo.example"]
    return [*ordinary, *grey, replace(_mail("", days[80]), name="mail to two", payload=_message(both, days[80]))]


def _mail(to: str, day: Day) -> Order:
    return Order(name=f"mail to {to}", job_type=MAIL, payload=_message(to, day))


def _message(to: str | list[str], day: Day) -> dict[str, Any]:
    body = (
        f"Seattle on {day.date}: {day.weather}, {day.temp_min} to {day.temp_max} °C.\n"
        f"Wind {day.wind} m/s, rain {day.precipitation} mm.\n"
        # SMTP must escape this line: it would end the mail.
        ".\n"
    )
    return {"to": to, "subject": f"{day.weather.title()} · {day.date}", "body": body}


def _webhooks(days: Sequence[Day], receiver: str) -> list[Order]:
    paths = [*["/steady"] * 76, *["/busy", "/flaky"] * 4]
    endings = {"/steady": COMPLETED, "/busy": RETRIED, "/flaky": RETRIED_TWICE}
    return [
        Order(
            name=f"webhook {number} to {path}",
            job_type=WEBHOOK,
            payload=_event(f"http://{receiver}{path}", day),
            ending=endings[path],
        )
        for number, (path, day) in enumerate(zip(paths, days, strict=False))
    ]


def _event(url: str, day: Day) -> dict[str, Any]:
    moment = f"{day.date.replace('/', '-')}T00:00:00Z"
    return {"url": url, "event": "weather.observed", "data": asdict(day), "timestamp": moment}


def _tables(days: Sequence[Day]) -> list[Order]:
    months = [
        _table(f"months/{year}-{number:02d}.csv", weather.month(days, year, number))
        for year in range(2012, 2016)
        for number in range(1, 13)
    ]
    years = [_table(f"wet/{year}.csv", weather.wet_days(days, year)) for year in range(2012, 2015)]
    hottest = _table("top/hottest.jsonl", weather.top(days, "temp_max"))
    return [*months, *years, hottest, _table("top/windiest.csv", weather.top(days, "wind"))]


def _table(output: str, question: Question) -> Order:
    payload = {"input": weather.FILE, "output": output, **question.payload}
    return Order(name=f"table {output}", job_type=DATA, payload=payload, rows=question.rows)


def _slow(receiver: str) -> Order:
    """It takes twenty seconds, so it is cancelled while it runs."""
    url = f"http://{receiver}/slow"
    payload = {"url": url, "data": {"never": "read to the end"}}
    return Order(name="webhook to cancel", job_type=WEBHOOK, payload=payload, ending=CANCELLED, priority=100)


def _scheduled(days: Sequence[Day]) -> list[Order]:
    """A table that is scheduled, and a mail that depends on it."""
    table = replace(
        _table("wet/2015.csv", weather.wet_days(days, 2015)),
        name="scheduled table",
        way=Way.SEND,
        delay_s=AHEAD_S,
    )
    mail = replace(_mail("editor@demo.example", days[-1]), name="mail after the table", after=table.name)
    return [table, mail]


def _special(receiver: str) -> list[Order]:
    refused = {"to": "nobody@demo.example", "subject": "To nobody", "body": "This comes back.\n"}
    once = {"url": f"http://{receiver}/steady", "data": {"order": "A-1001"}, "event": "order.paid"}
    return [
        Order(name="mail that is refused", job_type=MAIL, payload=refused, way=Way.SEND, ending=REFUSED),
        Order(name="webhook that is submitted twice", job_type=WEBHOOK, payload=once, key="order A-1001 was paid"),
    ]
