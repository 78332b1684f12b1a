"""The Retry-After header of RFC 9110, section 10.2.3: a number of seconds or an HTTP date."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after(header: str, now: datetime, cap: float) -> float | None:
    """Seconds to wait, at most `cap`; None when the header says nothing usable or names a time gone by."""
    seconds = _seconds(header.strip(), now)
    return min(seconds, cap) if seconds is not None and seconds > 0 else None


def _seconds(header: str, now: datetime) -> float | None:
    if header.isascii() and header.isdecimal():
        # A number too long for a float is longer than any cap.
        return float(header[:18])
    try:
        when = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    # "-0000" leaves the time zone open; RFC 9110 dates are always GMT.
    return ((when if when.tzinfo else when.replace(tzinfo=UTC)) - now).total_seconds()
