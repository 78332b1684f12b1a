"""Job ids are UUIDs of version 7, in the order of time."""

from __future__ import annotations

import time
from uuid import RFC_4122

from aeon_jobs.persistence.core.ids import new_job_id


def test_an_id_is_a_uuid_of_version_7():
    for _ in range(200):
        job_id = new_job_id()
        assert (job_id.version, job_id.variant) == (7, RFC_4122)


def test_an_id_begins_with_the_milliseconds_of_its_making(monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: 1_645_557_742_000 * 1_000_000 + 999_999)
    # RFC 9562, appendix A.6.
    assert str(new_job_id()).startswith("017f22e2-79b0-7")


def test_ids_of_later_milliseconds_are_greater(monkeypatch):
    ids = []
    for moment in (1, 2, 2**47):
        monkeypatch.setattr(time, "time_ns", lambda ms=moment: ms * 1_000_000)
        ids.append(new_job_id())
    assert ids == sorted(ids)


def test_ids_of_one_millisecond_differ(monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert len({new_job_id() for _ in range(10_000)}) == 10_000


def test_every_random_bit_is_used(monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    seen = 0
    for _ in range(2_000):
        seen |= new_job_id().int
    random_bits = (1 << 80) - 1
    # Of the version, 0111; of the variant, 10; all other 74 bits must have been 1 at some time.
    assert seen & random_bits == 0x7FFF_BFFF_FFFF_FFFF_FFFF
