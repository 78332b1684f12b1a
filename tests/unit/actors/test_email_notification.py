"""The payload's rules, and that no accepted text can add a line to the message's head."""

from __future__ import annotations

from email.message import EmailMessage
from uuid import uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from aeon_jobs.actors import email_notification
from aeon_jobs.actors.email_notification.actor import compose
from aeon_jobs.middleware.execution.outcomes import PermanentError

SCHEMA = Draft202012Validator(email_notification.definition.payload_schema)
PAYLOAD = {"to": "ann@example.com", "subject": "Hi", "body": ""}
HEADERS = {
    *(b"From", b"To", b"Cc", b"Reply-To", b"Subject", b"Date", b"Message-ID", b"Auto-Submitted"),
    *(b"Content-Type", b"Content-Transfer-Encoding", b"MIME-Version"),
}
FRAGMENTS = ["=?utf-8?q?", "=?utf-8?b?", "=0D=0A", "=0A", "DQpC", "?=", "Bcc:", " ", "\t", "x" * 70, "ü", ",", '"', "<"]


def head(message: EmailMessage) -> list[bytes]:
    return message.as_bytes().partition(b"\r\n\r\n")[0].splitlines()


def is_continuation(line: bytes) -> bool:
    return line.startswith((b" ", b"\t"))


@given(st.text(min_size=1, max_size=200) | st.lists(st.sampled_from(FRAGMENTS), min_size=1).map("".join))
@example("=?utf-8?q?a=0D=0ABcc:_eve@example.com?=")
@example("=?utf-8?b?YQ0KQmNjOiBlQHguZGU=?=")
@example("ü =?utf-8?b?=0A")
def test_no_subject_that_is_accepted_adds_a_header(subject):
    if not SCHEMA.is_valid(PAYLOAD | {"subject": subject}):
        return
    try:
        message = compose("shop@example.org", uuid4(), ["ann@example.com"], subject, "body")
    except PermanentError:
        return
    names = [line.partition(b":")[0] for line in head(message) if not is_continuation(line)]
    assert len(names) == len(set(names))
    assert set(names) <= HEADERS


@given(st.text(max_size=40).map("a{}@example.com".format) | st.text(max_size=40).map("a@example.com{}".format))
def test_no_address_that_is_accepted_adds_a_header(address):
    if not SCHEMA.is_valid(PAYLOAD | {"reply_to": address}):
        return
    message = compose("shop@example.org", uuid4(), [address], "Hi", "body", cc=[address], reply_to=address)
    names = [line.partition(b":")[0] for line in head(message) if not is_continuation(line)]
    assert set(names) <= HEADERS
    assert str(message["To"]) == address


@pytest.mark.parametrize(
    "address", ["ann@example.com", "a.b+c=d@mail.example.co.uk", "root@localhost", "x@xn--bcher-kva.example"]
)
def test_bare_addresses_are_accepted(address):
    for to in (address, [address], [address, "bob@example.com"]):
        assert SCHEMA.is_valid(PAYLOAD | {"to": to})


@pytest.mark.parametrize(
    "address",
    [
        *("", "ann", "@example.com", "ann@", "a@b@c", "Ann <ann@example.com>", "a@b, c@d", "ann@example.com\n"),
        *("ann@example.com\r\nBcc: eve@example.com", ".a@example.com", "a..b@example.com", "a@example..com"),
        *("=?utf-8?q?=0ABcc?=@example.com", "jörg@example.com", "a b@example.com", "a" * 250 + "@example.com"),
    ],
)
def test_anything_else_is_refused(address):
    for change in ({"to": address}, {"to": [address]}, {"cc": address}, {"reply_to": address}):
        assert not SCHEMA.is_valid(PAYLOAD | change)


@pytest.mark.parametrize(
    "change",
    [
        *({"to": []}, {"to": ["ann@example.com"] * 101}, {"subject": ""}, {"subject": "x" * 999}, {"body": None}),
        *({"bcc": "eve@example.com"}, {"subject": "two\nlines"}, {"subject": "end\n"}, {"subject": "tab\tbed"}),
    ],
)
def test_payloads_outside_the_rules_are_refused(change):
    assert not SCHEMA.is_valid(PAYLOAD | change)


def test_a_body_that_is_no_text_is_permanent():
    with pytest.raises(PermanentError, match="can not be written"):
        compose("shop@example.org", uuid4(), ["ann@example.com"], "Hi", "\ud800")


def test_a_sender_that_is_no_address_is_permanent():
    with pytest.raises(PermanentError, match="SMTP_FROM"):
        compose("shop", uuid4(), ["ann@example.com"], "Hi", "body")
