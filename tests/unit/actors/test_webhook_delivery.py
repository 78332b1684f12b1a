"""The payload's rules, the composed request, and what each status means."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from aeon_jobs.actors import webhook_delivery
from aeon_jobs.actors.webhook_delivery.delivery import Answer, compose, judge, parse_target, request_headers
from aeon_jobs.middleware.execution.outcomes import PermanentError, TransientError
from aeon_jobs.persistence.core.errors import InvalidJob

DEFINITION = webhook_delivery.definition
SCHEMA = Draft202012Validator(DEFINITION.payload_schema)
PAYLOAD = {"url": "https://example.com/hook", "data": {}}
TARGET = httpx.URL("https://example.com:8443/hook/s3cret?token=s3cret")


def both_refuse(payload: dict[str, object]) -> bool:
    """The API's rule and the worker's."""
    try:
        DEFINITION.arguments(payload)
    except InvalidJob:
        return not SCHEMA.is_valid(payload)
    return False


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://example.com/", "file:///etc/passwd", "//example.com", "example.com", "https://", "https:///x"),
        *("https://user:password@example.com/", "https://user@example.com/", "https://a\\@example.com/", "gopher://x"),
        *("https://example.com/ x", "https://example.com/\n", "https://example.com/\r\nHost: x", "https://e.com#f"),
        *("https://example.com\n", "https://example.com/\u2028", " https://example.com", "HTTPS//x", "x" * 3000),
    ],
)
def test_urls_outside_the_rules_are_refused(url):
    assert both_refuse(PAYLOAD | {"url": url})


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "https://[::1]/x", "https://example.com/a?b=c&d=%20"])
def test_ordinary_urls_are_accepted(url):
    assert SCHEMA.is_valid(PAYLOAD | {"url": url})
    assert parse_target(url).host


@pytest.mark.parametrize(
    "url", ["http://[::1", "https://example.com:99999999999/", "http://u:p@example.com/", "x:y", "http://xn--/"]
)
def test_a_url_that_can_not_be_called_is_permanent(url):
    with pytest.raises(PermanentError) as caught:
        parse_target(url)
    assert url not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        *("Host", "host", "HOST", "Content-Length", "Content-Type", "Transfer-Encoding", "Connection", "Upgrade"),
        *("webhook-id", "Webhook-Timestamp", "WEBHOOK-SIGNATURE", "Expect", "TE", "Proxy-Authorization"),
        *("", "a b", "a:b", "a\n", "ü", "a" * 101),
    ],
)
def test_headers_that_are_not_the_callers_are_refused(name):
    assert both_refuse(PAYLOAD | {"headers": {name: "x"}})


@pytest.mark.parametrize("value", ["", " x", "x ", "x\n", "x\r\nHost: y", "\x00", "ü", "x" * 5000])
def test_header_values_that_could_break_a_line_are_refused(value):
    assert both_refuse(PAYLOAD | {"headers": {"x-any": value}})


@pytest.mark.parametrize("event", ["", ".", "a.", "a b", "a\n", "order.paid\n", "ü"])
def test_event_types_follow_the_specification(event):
    assert both_refuse(PAYLOAD | {"event": event})
    assert not both_refuse(PAYLOAD | {"event": "order.paid_2"})


def test_too_many_headers_are_refused():
    assert both_refuse(PAYLOAD | {"headers": {f"x-{n}": "x" for n in range(51)}})
    assert not both_refuse(PAYLOAD | {"headers": {f"x-{n}": "x" for n in range(50)}})


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=5))
def test_whatever_headers_are_asked_for_ours_win(custom):
    ours = {"webhook-id": "1", "webhook-timestamp": "2", "webhook-signature": "3"}
    sent = request_headers({**custom, "Webhook-ID": "forged", "Content-Type": "text/html"}, ours)
    assert {name: sent[name] for name in ours} == ours
    assert sent["content-type"] == "application/json"
    assert len({name.lower() for name in sent}) == len(sent)


def test_the_body_is_the_same_bytes_each_time_and_follows_the_specification():
    when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    body = compose("order.paid", {"id": 7, "name": "ü"}, when)
    assert body == compose("order.paid", {"id": 7, "name": "ü"}, when)
    assert json.loads(body) == {
        "type": "order.paid",
        "timestamp": "2026-01-02T03:04:05Z",
        "data": {"id": 7, "name": "ü"},
    }
    assert "timestamp" not in json.loads(compose("order.paid", {}, None))


def test_a_number_that_json_does_not_know_is_permanent():
    with pytest.raises(PermanentError, match="data"):
        compose("a", {"x": float("nan")}, None)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_is_delivered(status):
    judge(Answer(status, "", b""), TARGET, cap=60)


@pytest.mark.parametrize("status", [300, 301, 302, 304, 307, 308, 400, 401, 403, 404, 405, 409, 410, 413, 422, 451])
def test_what_will_not_change_is_permanent(status):
    with pytest.raises(PermanentError, match=f"example.com:8443 answered {status}") as caught:
        judge(Answer(status, "5", b""), TARGET, cap=60)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_what_may_pass_is_transient(status):
    with pytest.raises(TransientError, match=f"example.com:8443 answered {status}") as caught:
        judge(Answer(status, "", b""), TARGET, cap=60)
    assert caught.value.retry_after is None
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("header", "expected"), [("7", 7), ("100000", 60), (format_datetime(datetime(2099, 1, 1, tzinfo=UTC), True), 60)]
)
def test_the_receiver_may_name_the_time_of_the_next_try(header, expected):
    with pytest.raises(TransientError) as caught:
        judge(Answer(503, header, b""), TARGET, cap=60)
    assert caught.value.retry_after == expected
