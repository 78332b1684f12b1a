"""Parameters of lists: pages, and which jobs."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal

from litestar.handlers import BaseRouteHandler
from litestar.params import QueryParameter

from aeon_jobs.api.auth import Connection
from aeon_jobs.api.errors import ProblemError, invalid, refused
from aeon_jobs.api.schemas import Status, parse_moment
from aeon_jobs.api.strict_json import MalformedJson, parse
from aeon_jobs.persistence.core.errors import Violation
from aeon_jobs.persistence.reads.listing import MAX_LIMIT, MAX_OFFSET, Filter

Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, description="rows of a page")]
Offset = Annotated[int, QueryParameter(ge=0, le=MAX_OFFSET, description="rows to leave out; slower than `cursor`")]
Cursor = Annotated[
    str | None, QueryParameter(max_length=1_000, description="`next_cursor` of the page before; nothing is twice")
]
Reason = Annotated[str | None, QueryParameter(min_length=1, max_length=1_000, description="is stored")]
Moment = Annotated[str | None, QueryParameter(format="date-time", max_length=40, description="with a time zone")]
_Name = Annotated[str | None, QueryParameter(min_length=1, max_length=255)]
Statuses = Annotated[list[Status] | None, QueryParameter(description="may be repeated")]
Metadata = Annotated[
    list[str] | None, QueryParameter(max_items=20, description="`key:value`, may be repeated, or a JSON object")
]
SortBy = Annotated[Literal["created_at", "updated_at", "priority"], QueryParameter()]
Order = Annotated[Literal["asc", "desc"], QueryParameter()]


def job_filter(
    status: Statuses = None,
    job_type: _Name = None,
    queue_name: _Name = None,
    created_by: _Name = None,
    created_after: Moment = None,
    created_before: Moment = None,
    updated_after: Moment = None,
    updated_before: Moment = None,
    metadata: Metadata = None,
) -> Filter:
    """Which jobs; conditions combine with AND. `…_after` is inclusive, `…_before` is not."""
    return Filter(
        status=tuple(dict.fromkeys(status or ())),
        job_type=job_type,
        queue_name=queue_name,
        created_by=created_by,
        created_after=moment_in("created_after", created_after),
        created_before=moment_in("created_before", created_before),
        updated_after=moment_in("updated_after", updated_after),
        updated_before=moment_in("updated_before", updated_before),
        metadata=_metadata(metadata or []),
    )


async def refuse_unknown(connection: Connection, _: BaseRouteHandler) -> None:
    """A guard: a misspelt filter must not quietly mean "all".

    Raises:
        ProblemError: 400, names every parameter that the route does not have.
    """
    # Litestar hands every guard a new copy of the handler: what is remembered of a copy is never found again.
    if unknown := sorted(set(connection.query_params) - _known(connection.route_handler)):
        raise ProblemError(invalid(Violation(name[:100], "is not a parameter of this address") for name in unknown))


@cache
def _known(handler: BaseRouteHandler) -> frozenset[str]:
    model = handler.create_kwargs_model(path_parameters={})
    return frozenset(parameter.field_alias for parameter in model.expected_query_params)


def moment_in(parameter: str, text: str | None) -> datetime | None:
    """The moment that a parameter names.

    Raises:
        ProblemError: 400.
    """
    if text is None:
        return None
    try:
        # An offset's plus sign that was not escaped arrives as a space.
        return parse_moment(text.replace(" ", "+") if "T" in text else text)
    except ValueError as error:
        raise refused(parameter, str(error)) from None


def _metadata(texts: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in texts:
        found |= _json_object(text) if text.startswith("{") else _pair(text)
    return found


def _json_object(text: str) -> dict[str, Any]:
    try:
        value: dict[str, Any] = parse(text.encode())
    except MalformedJson as error:
        raise refused("metadata", error.violation.rule) from None
    return value


def _pair(text: str) -> dict[str, str]:
    key, separator, value = text.partition(":")
    if not separator or not key:
        raise refused("metadata", "must be key:value or a JSON object")
    return {key: value}
