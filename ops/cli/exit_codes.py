"""Exit codes, and which error means which.

0  done
1  it failed: a job failed, a check found an error, permission was denied, the answer to a question was no
2  wrong usage, wrong settings, or input that breaks a rule
3  there is no such job, dead letter, schedule, queue, key …
4  the state of the thing does not allow it, or its name is taken
5  PostgreSQL or the API cannot be reached, or is not ready
"""

from __future__ import annotations

import sys
from enum import IntEnum

from aeon_jobs.persistence.core import errors


class Exit(IntEnum):
    DONE = 0
    FAILED = 1
    INVALID_INPUT = 2
    NOT_FOUND = 3
    WRONG_STATE = 4
    UNAVAILABLE = 5
    INTERRUPTED = 130


class InvalidInput(errors.JobsError):
    """What was typed breaks a rule."""


class NotFound(errors.JobsError, LookupError):
    """There is no such thing."""


def classify(error: BaseException) -> tuple[Exit, str] | None:
    """The exit code and the one line that says why; None for an unexpected error."""
    return _of_service(error) or _of_ours(error) or _of_client(error) or _of_driver(error) or _of_system(error)


def _of_ours(error: BaseException) -> tuple[Exit, str] | None:
    if not isinstance(error, errors.JobsError):
        return None
    kinds: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], Exit], ...] = (
        ((errors.SettingsError, errors.InvalidJob, errors.IdempotencyConflict, InvalidInput), Exit.INVALID_INPUT),
        (errors.DatabaseUnavailable, Exit.UNAVAILABLE),
        ((errors.WrongState, errors.NameTaken), Exit.WRONG_STATE),
        (LookupError, Exit.NOT_FOUND),
        (ValueError, Exit.INVALID_INPUT),
    )
    code = next((code for kind, code in kinds if isinstance(error, kind)), Exit.FAILED)
    return code, str(error)


def _of_service(error: BaseException) -> tuple[Exit, str] | None:
    if "aeon_jobs.api.service" not in sys.modules:
        return None
    from aeon_jobs.api.service.core.errors import VersionChanged

    return (Exit.WRONG_STATE, str(error)) if isinstance(error, VersionChanged) else None


def _of_client(error: BaseException) -> tuple[Exit, str] | None:
    if "aeon_jobs.api.client" not in sys.modules:
        return None
    from aeon_jobs.api import client

    if not isinstance(error, client.ApiError):
        return None
    kinds: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], Exit], ...] = (
        ((client.InvalidRequest, client.IdempotencyKeyReused), Exit.INVALID_INPUT),
        (client.NotFound, Exit.NOT_FOUND),
        (client.Conflict, Exit.WRONG_STATE),
        ((client.ConnectionFailed, client.Unavailable, client.UnexpectedAnswer, client.ServerFailed), Exit.UNAVAILABLE),
    )
    code = next((code for kind, code in kinds if isinstance(error, kind)), Exit.FAILED)
    return code, _with_request_id(error)


def _with_request_id(error: BaseException) -> str:
    problem = getattr(error, "problem", None)
    return f"{error} (request {problem.request_id})" if problem and problem.status >= 500 else str(error)


def _of_driver(error: BaseException) -> tuple[Exit, str] | None:
    if "sqlalchemy" not in sys.modules:
        return None
    from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

    from aeon_jobs.persistence.core.database import is_transient

    code = str(getattr(getattr(error, "orig", None), "pgcode", None) or "")
    if code in _NO_SCHEMA:
        return Exit.UNAVAILABLE, "the tables of aeon-jobs are missing or too old: run aeon-jobs migrate up"
    if is_transient(error):
        return Exit.UNAVAILABLE, " ".join(
            [f"PostgreSQL: {getattr(error, 'orig', error)}", *getattr(error, "__notes__", [])]
        )
    if not isinstance(error, DBAPIError):
        return None
    # Only the first sentence: the others show rows.
    words = getattr(getattr(error.orig, "diag", None), "message_primary", None) or error.orig
    return Exit.INVALID_INPUT if isinstance(error, DataError | IntegrityError) else Exit.FAILED, f"PostgreSQL: {words}"


def _of_system(error: BaseException) -> tuple[Exit, str] | None:
    if not isinstance(error, OSError):
        return None
    where = f"{error.filename}: " if error.filename else ""
    return Exit.FAILED, f"{where}{error.strerror or error}"


_NO_SCHEMA = {"42P01", "42703", "42883", "3F000"}
"""Undefined table, column, function; no such schema."""
