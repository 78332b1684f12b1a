"""Rules of the API that need no server: strict JSON, moments, cursors, versions, traces, reasons."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aeon_jobs.api.contract.fields import parse_moment
from aeon_jobs.api.http.errors import problem_of
from aeon_jobs.api.http.strict_json import MAX_DEPTH, MalformedJson, parse
from aeon_jobs.api.http.traces import trace_of
from aeon_jobs.api.service.core.principals import Role
from aeon_jobs.api.service.core.versions import version
from aeon_jobs.api.service.events import position
from aeon_jobs.persistence.admin.api_keys import key_id_of
from aeon_jobs.persistence.core.errors import InvalidJob
from aeon_jobs.persistence.reads import cursors
from aeon_jobs.persistence.reads.explain import reasons_for

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"\xff", "body"),
        (b"[NaN]", "body"),
        (b"[-Infinity]", "body"),
        (b"[1e999]", "body"),
        (b'{"a": {"b": 1, "b": 2}}', "b"),
        (b'{"a": ["x", {"b": "\\u0000"}]}', "a[1].b"),
        (b'{"a": "\\udfff"}', "a"),
        (b'{"\\u0000": 1}', "\N{SYMBOL FOR NULL}"),
        (b"[" * 100_000, "body"),
        (b"[" * (MAX_DEPTH + 1) + b"1" + b"]" * (MAX_DEPTH + 1), "body"),
        (b"9" * 5_000, "body"),
    ],
)
def test_json_that_cannot_be_stored_is_refused_by_name(body: bytes, field: str) -> None:
    with pytest.raises(MalformedJson) as refused:
        parse(body)
    assert refused.value.violation.field == field
    refused.value.violation.field.encode()


@given(st.binary())
def test_any_bytes_are_parsed_or_refused(body: bytes) -> None:
    try:
        parse(body)
    except MalformedJson as refused:
        str(refused).encode()


def test_json_that_can_be_stored_is_parsed() -> None:
    assert parse(b'{"a": [1, 2.5, "\\ud83d\\ude00", null, true]}') == {"a": [1, 2.5, "😀", None, True]}
    assert parse(b"[" * MAX_DEPTH + b"1" + b"]" * MAX_DEPTH)


@pytest.mark.parametrize("text", ["2026-01-01T00:00:00Z", "2026-01-01T02:00:00+02:00", "2025-12-31T19:00:00-05:00"])
def test_moments_mean_the_same_in_every_zone(text: str) -> None:
    assert parse_moment(text) == NOW


@pytest.mark.parametrize(
    "value", ["", "now", "2026-01-01", "2026-01-01T00:00:00", 0, None, "0001-01-01T00:00:00+23:59"]
)
def test_a_moment_without_a_zone_or_sense_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="must"):
        parse_moment(value)


@given(st.text())
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    with pytest.raises(InvalidJob):
        cursors.decode(text, "a list")


def test_a_cursor_leads_back_to_its_place_and_only_in_its_list() -> None:
    cursor = cursors.encode((NOW, 7), "a list")
    assert cursors.decode(cursor, "a list") == [str(NOW), 7]
    with pytest.raises(InvalidJob):
        cursors.decode(cursor, "another list")


def test_a_version_changes_with_every_microsecond_and_no_zone() -> None:
    later = NOW + timedelta(microseconds=1)
    assert version(NOW) != version(later)
    assert version(NOW) == version(NOW.astimezone(timezone(timedelta(hours=5))))


def test_event_ids_are_read_back() -> None:
    job_id = uuid4()
    assert position(f"1767225600000001-{job_id}") == (NOW + timedelta(microseconds=1), job_id)


@pytest.mark.parametrize(
    ("parent", "is_kept"),
    [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", True),
        ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", False),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", False),
        ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", False),
        ("", False),
    ],
)
def test_only_a_well_formed_trace_is_kept(parent: str, is_kept: bool) -> None:
    assert trace_of({"traceparent": parent, "tracestate": "a=1"}) == ((parent, "a=1") if is_kept else (None, None))


def test_roles_contain_those_below_them() -> None:
    assert Role.VIEWER < Role.SUBMITTER < Role.OPERATOR < Role.ADMIN


@given(st.text())
def test_any_text_is_a_key_or_not(text: str) -> None:
    assert key_id_of(text) is None


def test_an_unknown_fault_says_nothing_of_itself() -> None:
    problem = problem_of(RuntimeError("password=hunter2"))
    assert (problem.status, "hunter2" in problem.detail) == (500, False)


def _job(**changes: Any) -> Any:
    fields: dict[str, Any] = {
        "status": "pending",
        "job_type": "echo",
        "queue_name": "default",
        "scheduled_at": None,
        "retry_count": 0,
        "blocked_by": 0,
        "schedule": None,
        "waits_for": [],
        "waits_for_count": 0,
        "hold_kind": None,
        "hold_opened_at": None,
        "hold_due_at": None,
        "workflow_id": "w",
        "step_name": "ok",
        "cancel_requested_at": None,
        "paused_at": None,
        "max_running": None,
        "type_paused_at": None,
        "gated": False,
        "in_motion": None,
        "type_known": True,
        "queue_workers": 1,
        "type_workers": 1,
        "dispatchers": 1,
        "threads": 8,
        "ahead": 0,
        "counted": 1_000,
    }
    return SimpleNamespace(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({}, ["ready"]),
        ({"ahead": 3}, ["behind_others"]),
        ({"scheduled_at": NOW + timedelta(hours=1)}, ["not_due"]),
        ({"scheduled_at": NOW - timedelta(hours=1)}, ["ready"]),
        ({"type_known": False, "type_workers": 0}, ["unknown_job_type"]),
        ({"type_workers": 0}, ["no_worker_for_type"]),
        ({"queue_workers": 0}, ["no_worker_for_queue"]),
        ({"queue_workers": 0, "dispatchers": 0}, ["no_worker_for_queue", "no_dispatcher"]),
        ({"max_running": 2, "in_motion": 2}, ["limit_reached"]),
        ({"cancel_requested_at": NOW}, ["cancel_requested"]),
        ({"hold_kind": "signal", "hold_opened_at": NOW, "type_known": False}, ["waits_for_signal"]),
        ({"hold_kind": "timer", "hold_opened_at": NOW, "hold_due_at": NOW}, ["waits_for_time"]),
    ],
)
def test_a_waiting_job_names_its_reasons(changes: dict[str, Any], codes: list[str]) -> None:
    assert [reason.code for reason in reasons_for(_job(**changes), NOW)] == codes


def test_a_job_that_waits_for_a_failed_one_says_what_to_do() -> None:
    waits_for = [{"job_id": "x", "status": "failed", "on_failure": "wait"}]
    reason = reasons_for(_job(blocked_by=1, waits_for=waits_for), NOW)[0]
    assert "requeue it, or cancel this job" in reason.message
