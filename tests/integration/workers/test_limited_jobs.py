"""Jobs of limited types, run by a real worker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from aeon_jobs import InvalidJob, Limit, Rate, current_job, job
from aeon_jobs.middleware.dispatch.dispatcher import Dispatcher
from tests.harness import Harness


class Present:
    """How many handlers run at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.now = self.most = 0

    def __enter__(self) -> None:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.now -= 1


@contextmanager
def told_by_hints_alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Dispatchers rest until a hint comes. They do not poll, and their background tasks do not wake them."""
    is_over = threading.Event()

    def rest(self: Dispatcher, *_times: float) -> None:
        while not (is_over.is_set() or self._wakeup.wait(0.02)):
            pass

    monkeypatch.setattr(Dispatcher, "_rest", rest)
    monkeypatch.setattr(Dispatcher, "_heed", lambda _self, _seen: None)
    try:
        yield
    finally:
        is_over.set()


@pytest.mark.parametrize("is_transactional", [False, True], ids=["recorded later", "recorded by the handler"])
def test_the_end_of_a_job_starts_the_next_one_of_its_limit_and_they_never_overlap(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, is_transactional: bool
):
    present = Present()

    @job(concurrency=Limit(1))
    def alone(n: int) -> None:
        with present:
            if is_transactional:
                with current_job().transaction():
                    pass

    with harness.working(threads=4), told_by_hints_alone(monkeypatch):
        ids = alone.send_many((n,) for n in range(30))
        assert {harness.finished(id_).status for id_ in ids} == {"completed"}
    assert present.most == 1


def test_each_key_has_its_own_places(harness: Harness):
    both_run = threading.Barrier(2, timeout=30)

    @job(concurrency=Limit(1, key="payload.tenant"), rate=Rate(1_000, per=timedelta(minutes=1)))
    def of_tenant(tenant: str) -> None:
        both_run.wait()

    with harness.working(threads=2):
        sent = [of_tenant.send(tenant) for tenant in "ab"]
        assert {harness.finished(message).status for message in sent} == {"completed"}


def test_a_job_that_is_not_begun_in_time_is_cancelled(harness: Harness):
    @job
    def late() -> None: ...

    @job(concurrency=Limit(1))
    def gated() -> None: ...

    gone = [late.options(expires_in=1).send(), gated.options(expires_in=timedelta(milliseconds=1)).send()]
    harness.execute("SELECT pg_sleep(0.01)")
    with harness.working():
        for message in gone:
            ended = harness.finished(message)
            assert (ended.status, ended.cancel_reason, ended.attempt) == ("cancelled", "it expired", 0)
        assert harness.finished(late.options(expires_in=600_000).send()).status == "completed"


def test_an_expiry_is_a_moment_or_a_time_from_now(harness: Harness):
    @job
    def note() -> None: ...

    moment = datetime(2040, 1, 1, tzinfo=UTC)
    assert harness.job_of(note.options(expires_at=moment).send()).expires_at == moment
    many = note.options(expires_in=timedelta(hours=1)).send_many([()])
    stored = harness.job_of(many[0])
    assert timedelta(minutes=59) < stored.expires_at - stored.created_at < timedelta(minutes=61)
    with pytest.raises(InvalidJob, match="expires_in: must be 1 to"):
        note.options(expires_in=0).send()
    with pytest.raises(InvalidJob, match="expires_in: give either expires_in or expires_at"):
        note.options(expires_in=1, expires_at=moment).send()
    with pytest.raises(InvalidJob, match="expires_at: must be a point in time that carries a time zone"):
        note.options(expires_at=datetime(2040, 1, 1)).send()


def test_limits_that_cannot_be_kept_are_refused_where_they_are_declared():
    with pytest.raises(ValueError, match="job note: running must be a whole number from 1 to 1000000"):

        @job(concurrency=Limit(0))
        def note() -> None: ...
