from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aeon_jobs.actors.webhook_delivery.retry_after import retry_after

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 5 ", 5),
        ("Thu, 01 Jan 2026 00:01:30 GMT", 90),
        ("Thursday, 01-Jan-26 00:01:30 GMT", 90),
        ("Thu, 01 Jan 2026 00:01:30 -0000", 90),
        ("9999", 3600),
        ("9" * 400, 3600),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600),
        ("0", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("", None),
        ("soon", None),
        ("Wed, 31 Dec 2025 23:59:59 GMT", None),
    ],
)
def test_seconds_and_dates_are_read_and_capped(header, seconds):
    assert retry_after(header, NOW, cap=3600) == seconds


@given(st.text())
def test_no_header_can_break_it(header):
    delay = retry_after(header, NOW, cap=3600)
    assert delay is None or 0 < delay <= 3600
