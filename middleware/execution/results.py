"""What a handler's return value must be to become its job's result."""

from __future__ import annotations

from typing import Any

from pydantic_core import PydanticSerializationError, to_jsonable_python

from aeon_jobs.middleware.execution.outcomes import PermanentError
from aeon_jobs.persistence.core import payloads

MAX_RESULT_BYTES = 1_048_576


def storable(value: object) -> Any:
    """The value as JSON; dates, UUIDs, dataclasses and pydantic models become their JSON forms.

    Raises:
        PermanentError: it cannot be stored. The work is done; doing it again would not help.
    """
    if value is None:
        return None
    try:
        result = to_jsonable_python(value)
        payloads.encode(result, "result", limit=MAX_RESULT_BYTES)
    except (ValueError, RecursionError, PydanticSerializationError) as error:
        raise PermanentError(f"the handler's return value cannot be stored: {error}") from None
    return result
