"""The signature, against the specification's own test vector and against forgers."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aeon_jobs.actors.webhook_delivery.standard_webhooks import SecretError, SignatureError, sign, verify

# From the test suites of the reference libraries of the specification.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE_ID, TIMESTAMP, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
OTHER_SECRET = "whsec_" + base64.b64encode(b"x" * 32).decode()


def test_the_published_vector_comes_out():
    headers = sign(SECRET, MESSAGE_ID, TIMESTAMP, BODY)
    assert headers == {
        "webhook-id": MESSAGE_ID,
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    verify(SECRET, headers, BODY, now=TIMESTAMP)


@given(body=st.binary(), message_id=st.from_regex(r"\Amsg_[0-9a-f]{32}\Z"), at=st.integers(0, 2**33))
def test_what_is_signed_verifies(body, message_id, at):
    verify(SECRET, sign(SECRET, message_id, at, body), body, now=at)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("webhook-id", "msg_other"),
        ("webhook-timestamp", str(TIMESTAMP + 1)),
        ("webhook-signature", "v1,"),
        ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OF="),
        ("webhook-signature", "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ("webhook-signature", "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ("webhook-signature", "v1,\xfc"),
        ("webhook-timestamp", "hello"),
        ("webhook-timestamp", "-1"),
        ("webhook-timestamp", "٣"),
        ("webhook-timestamp", "9" * 5000),
    ],
)
def test_a_changed_header_is_refused(header, value):
    headers = sign(SECRET, MESSAGE_ID, TIMESTAMP, BODY) | {header: value}
    with pytest.raises(SignatureError):
        verify(SECRET, headers, BODY, now=TIMESTAMP)


def test_a_changed_body_is_refused():
    with pytest.raises(SignatureError, match="no signature matches"):
        verify(SECRET, sign(SECRET, MESSAGE_ID, TIMESTAMP, BODY), BODY + b" ", now=TIMESTAMP)


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_named(missing):
    headers = sign(SECRET, MESSAGE_ID, TIMESTAMP, BODY)
    del headers[missing]
    with pytest.raises(SignatureError, match=missing):
        verify(SECRET, headers, BODY, now=TIMESTAMP)


@pytest.mark.parametrize("away", [-301, 301])
def test_an_old_or_future_timestamp_is_refused(away):
    headers = sign(SECRET, MESSAGE_ID, TIMESTAMP, BODY)
    with pytest.raises(SignatureError, match="away"):
        verify(SECRET, headers, BODY, now=TIMESTAMP + away)
    verify(SECRET, headers, BODY, now=TIMESTAMP + away, tolerance=301)


def test_header_names_are_matched_in_any_case():
    headers = {name.title(): value for name, value in sign(SECRET, MESSAGE_ID, TIMESTAMP, BODY).items()}
    verify(SECRET, headers, BODY, now=TIMESTAMP)


def test_while_secrets_rotate_either_side_may_be_the_first_to_change():
    both = f"{SECRET} {OTHER_SECRET}"
    from_both = sign(both, MESSAGE_ID, TIMESTAMP, BODY)
    assert len(from_both["webhook-signature"].split(" ")) == 2
    verify(SECRET, from_both, BODY, now=TIMESTAMP)
    verify(OTHER_SECRET, from_both, BODY, now=TIMESTAMP)
    verify(both, sign(OTHER_SECRET, MESSAGE_ID, TIMESTAMP, BODY), BODY, now=TIMESTAMP)
    with pytest.raises(SignatureError):
        verify(SECRET, sign(OTHER_SECRET, MESSAGE_ID, TIMESTAMP, BODY), BODY, now=TIMESTAMP)


@pytest.mark.parametrize(
    "secret", ["", "  ", "whsec_", "whsec_geheim!!", "whsec_c2hvcnQ=", "whsec_" + "A" * 120, "pässword"]
)
def test_a_malformed_secret_is_refused_and_not_shown(secret):
    with pytest.raises(SecretError) as caught:
        sign(secret, MESSAGE_ID, TIMESTAMP, BODY)
    assert secret.strip() == "" or secret.removeprefix("whsec_") == "" or secret not in str(caught.value)
