"""Signatures after the Standard Webhooks specification 1.0.0 (https://www.standardwebhooks.com), for both
sides.

A sender signs `{id}.{timestamp}.{body}` with HMAC-SHA256 and puts three headers beside the body:

    webhook-id          the same on every retry: the receiver's idempotency key
    webhook-timestamp   seconds since 1970 of this attempt
    webhook-signature   `v1,` and the base64 of the HMAC; several, separated by spaces, while secrets rotate

A secret is `whsec_` and the base64 of 24 to 64 random bytes. Several secrets, separated by spaces, all sign;
and any of them verifies. A receiver calls `verify` with the raw body, before parsing it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping

TOLERANCE_SECONDS = 300
_PREFIX = "whsec_"


class SecretError(ValueError):
    """The secret is not `whsec_` and the base64 of 24 to 64 bytes. The message never shows it."""


class SignatureError(ValueError):
    """The request is not what a holder of the secret sent just now."""


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers for one attempt.

    Raises:
        SecretError: `secret` is malformed.
    """
    signatures = (_signature(key, message_id, str(timestamp), body) for key in _keys(secret))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def verify(
    secret: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: float | None = None,
    tolerance: float = TOLERANCE_SECONDS,
) -> None:
    """Return if the request is genuine and was signed within `tolerance` seconds of `now`.

    Raises:
        SignatureError: a header is missing, the timestamp is too far away, or no signature matches.
        SecretError: `secret` is malformed.
    """
    given = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, timestamp = given["webhook-id"], given["webhook-timestamp"]
        candidates = given["webhook-signature"].split(" ")
    except KeyError as missing:
        raise SignatureError(f"the header {missing.args[0]} is missing") from None
    _check_age(timestamp, time.time() if now is None else now, tolerance)
    expected = [_signature(key, message_id, timestamp, body) for key in _keys(secret)]
    if not _any_equal(candidates, expected):
        raise SignatureError("no signature matches")


def _keys(secret: str) -> list[bytes]:
    keys = [_key(part) for part in secret.split()]
    if not keys:
        raise SecretError("the secret is empty")
    return keys


def _key(secret: str) -> bytes:
    encoded = secret.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise SecretError("a secret is `whsec_` and base64; this one is not base64") from None
    if not 24 <= len(key) <= 64:
        raise SecretError(f"a secret is the base64 of 24 to 64 bytes; this one has {len(key)}")
    return key


def _signature(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def _check_age(timestamp: str, now: float, tolerance: float) -> None:
    # isdecimal alone admits other scripts' digits, and int() of a very long string is slow or refused.
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        raise SignatureError("the timestamp is not a number of seconds")
    if abs(now - int(timestamp)) > tolerance:
        raise SignatureError(f"the timestamp is more than {tolerance:.0f} s away")


def _any_equal(candidates: list[str], expected: list[str]) -> bool:
    """Every pair is compared, each in constant time: how long that takes tells nothing about a guess."""
    pairs = [
        hmac.compare_digest(candidate.encode(), wanted.encode()) for candidate in candidates for wanted in expected
    ]
    return any(pairs)
