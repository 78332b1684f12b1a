"""Which error ends with which exit code."""

from __future__ import annotations

import psycopg2.errors
import pytest
from sqlalchemy.exc import DataError, IntegrityError, OperationalError, ProgrammingError

from aeon_jobs.api.client import errors as client
from aeon_jobs.api.client.errors import ConnectionFailed, UnexpectedAnswer, refusal
from aeon_jobs.api.service.core.errors import StillInUse, VersionChanged
from aeon_jobs.ops.cli.exit_codes import Exit, InvalidInput, NotFound, classify
from aeon_jobs.persistence.admin.api_keys import KeyNotFound, UnknownRole
from aeon_jobs.persistence.core import errors
from aeon_jobs.persistence.reads.dead_letter_lists import DeadLetterNotFound


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.SettingsError("X: is wrong"), Exit.INVALID_INPUT),
        (errors.InvalidJob.at("payload.to", "is required"), Exit.INVALID_INPUT),
        (errors.UnknownJobType("x"), Exit.INVALID_INPUT),
        (errors.IdempotencyConflict("t", "k", 1), Exit.INVALID_INPUT),
        (UnknownRole("king"), Exit.INVALID_INPUT),
        (InvalidInput("no"), Exit.INVALID_INPUT),
        (errors.JobNotFound(1), Exit.NOT_FOUND),
        (DeadLetterNotFound(1), Exit.NOT_FOUND),
        (KeyNotFound("x"), Exit.NOT_FOUND),
        (NotFound("x"), Exit.NOT_FOUND),
        (errors.WrongState(1, "completed", "be cancelled"), Exit.WRONG_STATE),
        (errors.NameTaken("schedule", "s"), Exit.WRONG_STATE),
        (StillInUse("w", "running"), Exit.WRONG_STATE),
        (VersionChanged("1"), Exit.WRONG_STATE),
        (errors.DatabaseUnavailable("x"), Exit.UNAVAILABLE),
        (errors.MigrationError("x"), Exit.FAILED),
        (ConnectionFailed("x", was_sent=False), Exit.UNAVAILABLE),
        (UnexpectedAnswer("x"), Exit.UNAVAILABLE),
        (OperationalError("s", {}, psycopg2.OperationalError("connection refused")), Exit.UNAVAILABLE),
        (ProgrammingError("s", {}, psycopg2.errors.InsufficientPrivilege("denied")), Exit.FAILED),
        (DataError("s", {}, psycopg2.errors.UntranslatableCharacter("no such text")), Exit.INVALID_INPUT),
        (IntegrityError("s", {}, psycopg2.errors.CheckViolation("no such name")), Exit.INVALID_INPUT),
        (OSError(28, "No space left on device"), Exit.FAILED),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_every_expected_error_has_its_code(error: Exception, code: Exit) -> None:
    found = classify(error)
    assert found
    assert found[0] is code


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, 2), (413, 2), (422, 2), (401, 1), (403, 1), (404, 3), (409, 4), (412, 4), (429, 1), (500, 5), (503, 5)],
)
def test_every_answer_of_an_api_has_its_code(status: int, code: int) -> None:
    found = classify(refusal(status, {}, {"detail": "so it is", "request_id": "r-1"}))
    assert found
    assert found[0] == code
    assert ("request r-1" in found[1]) == (status >= 500)


def test_an_unexpected_error_has_none() -> None:
    assert classify(ZeroDivisionError()) is None
    assert classify(KeyError("x")) is None
    assert issubclass(client.WrongState, client.Conflict)
