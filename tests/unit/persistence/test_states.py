"""The life of an attempt: backoff, verdicts, and what is kept of an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aeon_jobs.persistence.core.models import JobStatus
from aeon_jobs.persistence.queue import states
from aeon_jobs.persistence.queue.states import MAX_TEXT, Backoff, Failure, Rules

FAILURE = Failure("ValueError", "no")


def never() -> float:
    return 0.0


def nearly_always() -> float:
    return 1.0 - 2**-53


def test_by_default_retries_wait_1_2_4_8_16_seconds():
    backoff = Backoff()
    assert [backoff.delay_ms(n, never) for n in range(1, 6)] == [1_000, 2_000, 4_000, 8_000, 16_000]


def test_base_and_multiplier_are_the_callers():
    assert [Backoff(base_ms=100, multiplier=3).delay_ms(n, never) for n in (1, 2, 3)] == [100, 300, 900]


def test_a_delay_never_passes_the_cap_however_late_the_retry():
    assert Backoff(max_ms=60_000).delay_ms(100_000, never) == 60_000
    assert Backoff(multiplier=10).delay_ms(2_000_000, never) == 3_600_000


@given(
    retry=st.integers(1, 10_000),
    base=st.integers(1, 100_000),
    multiplier=st.floats(1, 10),
    cap=st.integers(1, 10**7),
    jitter=st.floats(0, 1),
    chance=st.floats(0, 1, exclude_max=True),
)
def test_jitter_only_ever_shortens_and_by_no_more_than_its_share(retry, base, multiplier, cap, jitter, chance):
    plain = Backoff(base, multiplier, cap, 0).delay_ms(retry, never)
    jittered = Backoff(base, multiplier, cap, jitter).delay_ms(retry, lambda: chance)
    assert plain * (1 - jitter) - 1 <= jittered <= plain <= cap


def test_jitter_spreads_a_crowd():
    assert Backoff(jitter=0.5).delay_ms(1, nearly_always) == 500


def test_listed_delays_are_taken_in_turn_and_the_last_is_repeated():
    backoff = Backoff(delays=[1, 0.5, 30], jitter=0)
    assert [backoff.delay_ms(n) for n in (1, 2, 3, 4, 99)] == [1_000, 500, 30_000, 30_000, 30_000]


def test_a_function_gives_delays_by_number_of_the_retry():
    assert [Backoff(delays=lambda n: n * n, jitter=0).delay_ms(n) for n in (1, 3)] == [1_000, 9_000]


def test_the_same_time_always_or_more_with_each_retry() -> None:
    assert [Backoff.constant(2.5).delay_ms(n, never) for n in (1, 5)] == [2_500, 2_500]
    assert [Backoff.linear(2.5).delay_ms(n, never) for n in (1, 2, 4)] == [2_500, 5_000, 10_000]


def test_a_negative_delay_is_none():
    assert Backoff(delays=[-5], jitter=0).delay_ms(1) == 0


def test_a_failure_with_retries_left_goes_back_to_pending():
    verdict = states.failed(FAILURE, retries_left=1, delay_ms=1_000)
    assert (verdict.outcome, verdict.status, verdict.delay_ms) == ("retried", JobStatus.PENDING, 1_000)
    assert verdict.uses_retry
    assert verdict.reason is None


@pytest.mark.parametrize("left", [0, -1])
def test_a_failure_without_retries_is_dead_as_exhausted(left):
    verdict = states.failed(FAILURE, retries_left=left, delay_ms=1_000)
    assert (verdict.outcome, verdict.status, verdict.reason) == ("failed", JobStatus.FAILED, "exhausted")
    assert not verdict.uses_retry


def test_a_last_time_out_is_dead_as_timeout():
    verdict = states.failed(Failure("JobTimedOut", ""), retries_left=0, delay_ms=0)
    assert verdict.reason == "timeout"


def test_a_hopeless_failure_is_dead_whatever_retries_are_left():
    verdict = states.failed(FAILURE, retries_left=9, delay_ms=0, hopeless="permanent")
    assert (verdict.status, verdict.reason, verdict.uses_retry) == (JobStatus.FAILED, "permanent", False)


def test_neither_a_snooze_nor_a_release_uses_a_retry():
    for verdict in (states.snoozed(5_000, "later"), states.released("shutdown")):
        assert verdict.status is JobStatus.PENDING
        assert not verdict.uses_retry
    assert states.snoozed(5_000).failure is None


def test_a_discard_fails_without_a_dead_letter():
    verdict = states.discarded("too late")
    assert (verdict.outcome, verdict.status, verdict.reason) == ("discarded", JobStatus.FAILED, None)


def test_completion_and_cancellation_are_final():
    assert states.completed({"n": 1}).status.is_final
    assert states.completed({"n": 1}).result == {"n": 1}
    assert states.cancelled("asked").status is JobStatus.CANCELLED


def test_exactly_the_states_at_the_end_of_the_road_are_final():
    assert {status for status in JobStatus if status.is_final} == {"completed", "failed", "cancelled"}


def test_failures_of_one_cause_have_one_fingerprint():
    def fingerprint(**changes: str) -> str | None:
        cause = {"error_type": "ValueError", "job_type": "mail", "place": "smtp:send", **changes}
        error_type = cause.pop("error_type")
        return Failure.of(error_type, "message 1", "trace", **cause).fingerprint

    assert fingerprint() == fingerprint()
    others = {
        fingerprint(),
        fingerprint(error_type="KeyError"),
        fingerprint(job_type="web"),
        fingerprint(place="smtp:quit"),
    }
    assert len(others) == 4


@given(st.text(st.characters()))
def test_whatever_an_error_says_can_be_stored(text):
    failure = Failure.of("E", text, text, job_type="t", place="p")
    for kept in (failure.message, failure.traceback):
        assert "\0" not in kept
        kept.encode()


def test_of_a_very_long_error_head_and_tail_are_kept():
    kept = Failure.of("E" * 999, "m", "head" + "x" * 10 * MAX_TEXT + "tail", job_type="t", place="p")
    assert kept.traceback.startswith("head")
    assert kept.traceback.endswith("tail")
    assert len(kept.traceback) <= MAX_TEXT + 3
    assert len(kept.error_type) == 255


def test_an_error_in_neither_list_is_unknown_and_transient_wins_over_permanent():
    rules = Rules(permanent=(LookupError,), transient=(KeyError,))
    assert rules.is_permanent(IndexError())
    assert not rules.is_permanent(KeyError())
    assert not rules.is_permanent(OSError())
