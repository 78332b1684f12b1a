from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aeon_jobs.actors.data_processing.excerpt import excerpt


@given(st.text() | st.binary())
def test_an_excerpt_is_short_and_postgres_takes_it(text):
    short = excerpt(text, 10)
    assert len(short) <= 10
    assert "\0" not in short
    short.encode("utf-8")


def test_readable_text_stays_as_it_is():
    assert excerpt("Zeile 1\nZeile 2\tü") == "Zeile 1\nZeile 2\tü"
    assert excerpt(b"caf\xc3\xa9 \xff\x00") == "café \ufffd\ufffd"
