"""The body of a bulk submission, in pieces of any size."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from aeon_jobs.api.contract import NewJob, NewJobs
from aeon_jobs.api.http.intake.bulk import BulkReader
from aeon_jobs.api.http.strict_json import MalformedJson
from aeon_jobs.api.service.core.compact import PORTION, CompactJobs, portions
from aeon_jobs.api.service.core.validation import read
from aeon_jobs.persistence.core.errors import InvalidJob

JOB = {"job_type": "echo", "payload": {"text": "Grüße, \U0001f600, 日本", "n": [1, -2.5, 10**30, None, True]}}
FULL = {
    **JOB,
    "scheduled_at": "2030-01-31T09:00:00+02:00",
    "depends_on": ["0198c3c8-0000-7000-8000-000000000001"],
    "metadata": {"a": {"b": "c"}},
    "idempotency_window_s": 1.5,
}


def read_in_pieces(body: bytes, size: int, most_job_bytes: int = 1_000_000) -> NewJobs:
    reader = BulkReader(most_job_bytes, 10_000_000)
    for start in range(0, len(body), size):
        reader.feed(body[start : start + size])
    return reader.finish()


def fault(body: bytes | str, size: int = 7, **options: Any) -> str:
    with pytest.raises((MalformedJson, InvalidJob)) as refusal:
        read_in_pieces(body.encode() if isinstance(body, str) else body, size, **options)
    return str(refusal.value)


@given(size=some.integers(1, 400), escaped=some.booleans(), indent=some.sampled_from([None, 2]))
def test_pieces_of_any_size_are_the_same_jobs(size: int, escaped: bool, indent: int | None) -> None:
    body = json.dumps({"jobs": [JOB, FULL, {"job_type": "echo"}]}, ensure_ascii=escaped, indent=indent).encode()
    jobs = read_in_pieces(body, size).jobs
    assert msgspec.json.encode(list(jobs)) == msgspec.json.encode(read(NewJobs, json.loads(body)).jobs)


_JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False, allow_infinity=False) | some.text(),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(payload=some.dictionaries(some.text(max_size=5), _JSON, max_size=4))
def test_what_is_kept_as_text_comes_back_the_same(payload: dict[str, Any]) -> None:
    try:
        payload_is = msgspec.json.decode(msgspec.json.encode(payload))
    except UnicodeEncodeError:
        return  # half a surrogate pair, which is refused before
    job = NewJob(job_type="echo", payload=payload, depends_on=[UUID(int=1)])
    jobs = CompactJobs()
    jobs.append(job)
    assert payload_is == payload
    assert jobs[0] == job


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ("[1]", "is not complete"),
        ('{"job": []}' + " " * 2_000, "must begin with"),
        ('{"jobs": []}', "jobs: must have at least 1 item"),
        ('{"jobs": [{"job_type": "echo"}', "is not complete"),
        ('{"jobs": [{"job_type": "echo"}]} x', "is not complete, or has more than the field jobs"),
        ('{"jobs": [{"job_type": "echo"}], "jobs": [{}]}', "has more than the field jobs"),
        ('{"jobs": [{"job_type": "echo"}] ' + " " * 2_000, "has more than the field jobs"),
        ('{"jobs": [{"job_type": "echo"},]}' + " " * 20, "is not JSON: Expecting value at character 31"),
        ('{"jobs": [{"job_type": "echo"} {"job_type": "echo"}]}', "is not JSON at character 30"),
        ('{"jobs": [{"job_type" "echo", "payload": {"text": "x"}}]}', "Expecting ':' delimiter at character 22"),
        ('{"jobs": [{"job_type": "echo", "job_type": "echo"}]}', "job_type: appears twice"),
        ('{"jobs": [{"job_type": "echo", "payload": {"a": NaN}}]}', "contains NaN"),
        ('{"jobs": [{"job_type": "echo", "payload": {"a": "\\u0000"}}]}', "jobs[0].payload.a: contains a NUL"),
        ('{"jobs": [{"job_type": "echo", "payload": {"a": "\\ud800"}}]}', "half of a surrogate pair"),
        ('{"jobs": [{"job_type": "echo", "payload": {"a": 1' + "0" * 5_000 + "}}]}", "too many digits"),
        ('{"jobs": [{"payload": {"a": ' + "[" * 62 + "]" * 62 + "}}]}", "nested deeper than 64 levels"),
        ('{"jobs": [' + "[" * 100_000, "nested deeper than 64 levels"),
        ('{"jobs": [{"job_type": "echo"}, 7, {"priority": 101}]}', "jobs[1]: must be a JSON object; jobs[2].job_type"),
        (b'{"jobs": [{"job_type": "\xff"}]}', "is not UTF-8"),
    ],
)
def test_a_fault_is_told_with_its_place(body: str | bytes, rule: str) -> None:
    assert rule in fault(body)
    assert rule in fault(body, size=100_000)


def test_a_job_that_is_too_large_is_told_before_all_of_it_is_there() -> None:
    reader = BulkReader(1_000, 10_000_000)
    with pytest.raises(MalformedJson, match=r"jobs\[1\]: must be at most 1000 bytes"):
        reader.feed(b'{"jobs": [{"job_type": "echo"}, {"job_type": "' + b"x" * 2_000)


def test_too_many_jobs_are_told_before_all_of_them_are_there() -> None:
    reader = BulkReader(1_000, 100_000_000)
    with pytest.raises(InvalidJob, match="jobs: must have at most 10000 items"):
        reader.feed(b'{"jobs": [' + b'{"job_type": "echo"},' * 10_001)


def test_a_hundred_faults_are_enough() -> None:
    reader = BulkReader(1_000, 10_000_000)
    with pytest.raises(InvalidJob) as refusal:
        reader.feed(b'{"jobs": [' + b"7," * 5_000)
    assert len(refusal.value.violations) == 100


def test_what_is_kept_is_bounded() -> None:
    reader = BulkReader(1_000, 10_000)
    with pytest.raises(MalformedJson, match="send them in several requests"):
        reader.feed(b'{"jobs": [' + b'{"job_type": "echo"},' * 1_000)


def test_portions_are_small_in_number_and_in_bytes() -> None:
    jobs = CompactJobs()
    for size in [1] * 1_000 + [400_000, 1, 400_000]:
        jobs.append(NewJob(job_type="echo", payload={"text": "x" * size}))
    found = [len(jobs[places]) for places in portions(jobs)]
    assert sum(found) == 1_003
    assert max(found) <= PORTION
    assert found[-3:] == [1, 1, 1]
    assert [places.start for places in portions([NewJob(job_type="echo")] * 1_001)] == [0, 500, 1_000]
