"""Batches in Python: all in one transaction, or open; closed, cancelled, brought back."""

from __future__ import annotations

import getpass

import pytest

from aeon_jobs import Batch, InvalidJob, OpenBatch, WrongState, job
from aeon_jobs.persistence.queue import workflows
from tests.harness import Harness
from tests.rows import rows, value


@pytest.fixture
def note(harness: Harness):
    @job
    def note(number: int) -> None: ...

    return note


def test_a_batch_is_stored_with_its_jobs_by_copy_and_is_closed(harness, note):
    batch = Batch("import", on_success=note.message(number=1), metadata={"a": 1}).add(note, number=0)
    stored = batch.add_many(note, ({"number": n} for n in range(1_500)), priority=70).submit()
    status = stored.status()
    assert (status.kind, status.name, status.total, status.metadata) == ("batch", "import", 1_501, {"a": 1})
    assert status.closed_at is not None
    assert status.on_success == {"job_type": "note", "payload": {"number": 1}}
    assert (
        value(harness.database, "SELECT count(*) FROM jobs WHERE workflow_id = :id AND priority = 70", id=stored.id)
        == 1_500
    )
    assert value(harness.database, "SELECT max(total) FROM workflow_changes") == 1_000


def test_nothing_is_stored_of_a_batch_with_a_fault(harness, note):
    with pytest.raises(InvalidJob, match=r"jobs\[1\]"):
        Batch("import").add_many(note, [{"number": 1}, {"number": "x"}]).submit()
    with pytest.raises(InvalidJob, match="on_success"):
        Batch("import", on_success=note.message(number="x")).submit()
    assert rows(harness.database, "SELECT FROM workflows") == rows(harness.database, "SELECT FROM jobs") == []


def test_an_open_batch_takes_jobs_until_it_is_closed(harness, note):
    with Batch("import").open() as batch:
        batch.add_many(note, [{"number": 1}])
        OpenBatch(str(batch.id)).add_many(note, [(2,)])
        assert batch.status().closed_at is None
    assert batch.status().total == 2
    with pytest.raises(WrongState, match="is closed"):
        batch.add_many(note, [{"number": 3}])
    assert batch.status().total == 2


def test_an_exception_while_jobs_are_added_cancels_the_batch(harness, note):
    with pytest.raises(ZeroDivisionError), Batch("import").add(note, number=1).open() as batch:
        raise ZeroDivisionError
    assert batch.status().cancel_reason == "ZeroDivisionError while jobs were added"


def test_who_closes_cancels_and_retries_a_batch_in_python_is_in_the_audit_log(harness, note):
    batch = Batch("import").add(note, number=1).open()
    batch.close()
    batch.cancel("wrong")
    with harness.database.connection() as connection:
        workflows.cancel_overdue(connection)
    assert batch.retry_failed() == 1
    found = rows(harness.database, "SELECT action, actor, subject_id, reason FROM job_audit_log ORDER BY id")
    who = (f"python:{getpass.getuser()}", str(batch.id))
    assert found == [
        ("workflow.close", *who, None),
        ("workflow.cancel", *who, "wrong"),
        ("workflow.retry", *who, None),
    ]


def test_a_unique_key_brings_a_batch_back_and_adds_nothing(harness, note):
    first = Batch("import", unique_key="k").add(note, number=1).submit()
    again = Batch("import", unique_key="k").add(note, number=2).submit()
    assert (again.id, again.is_new, again.status().total) == (first.id, False, 1)
