"""Parameters of lists: pages, and which jobs; and the words for one that breaks its rule."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin
from uuid import UUID

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.params import ParameterKwarg, QueryParameter
from litestar.typing import FieldDefinition

from aeon_jobs.api.contract import JobFilter, Status
from aeon_jobs.api.contract.fields import nested
from aeon_jobs.api.http.strict_json import MalformedJson, parse
from aeon_jobs.api.service.core.validation import read
from aeon_jobs.persistence.core.errors import InvalidJob, Violation
from aeon_jobs.persistence.reads.listing import MAX_LIMIT, MAX_OFFSET

Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, description="rows of a page")]
Offset = Annotated[int, QueryParameter(ge=0, le=MAX_OFFSET, description="rows to leave out; slower than `cursor`")]
Cursor = Annotated[
    str | None, QueryParameter(max_length=1_000, description="`next_cursor` of the page before; nothing is twice")
]
Reason = Annotated[str | None, QueryParameter(min_length=1, max_length=1_000, description="is stored")]
Moment = Annotated[str | None, QueryParameter(format="date-time", max_length=40, description="with a time zone")]
Text = Annotated[str | None, QueryParameter(min_length=1, max_length=255)]
OfWorkflow = Annotated[UUID | None, QueryParameter(description="jobs of a workflow or a batch")]
Archived = Annotated[bool, QueryParameter(description="what is in the archive instead")]
IdPrefix = Annotated[
    str | None, QueryParameter(min_length=4, max_length=36, description="the first digits of the id, 4 or more")
]
Statuses = Annotated[list[Status] | None, QueryParameter(description="may be repeated")]
Metadata = Annotated[
    list[str] | None, QueryParameter(max_items=20, description="`key:value`, may be repeated, or a JSON object")
]
Payload = Annotated[
    list[str] | None,
    QueryParameter(
        max_items=20,
        description="`path:value` (`customer.id:7`), may be repeated, or a JSON object; a page looks at 10,000 jobs",
    ),
]
SortBy = Annotated[Literal["created_at", "updated_at", "priority"], QueryParameter()]
Order = Annotated[Literal["asc", "desc"], QueryParameter()]


def job_filter(
    status: Statuses = None,
    id_prefix: IdPrefix = None,
    job_type: Text = None,
    queue_name: Text = None,
    created_by: Text = None,
    workflow_id: OfWorkflow = None,
    created_after: Moment = None,
    created_before: Moment = None,
    updated_after: Moment = None,
    updated_before: Moment = None,
    metadata: Metadata = None,
    payload: Payload = None,
    archived: Archived = False,
) -> JobFilter:
    """Which jobs; conditions combine with AND. `…_after` is inclusive, `…_before` is not."""
    given = {
        "status": status or [],
        "id_prefix": id_prefix,
        "job_type": job_type,
        "queue_name": queue_name,
        "created_by": created_by,
        "workflow_id": workflow_id,
        "created_after": moment(created_after),
        "created_before": moment(created_before),
        "updated_after": moment(updated_after),
        "updated_before": moment(updated_before),
        "metadata": _metadata(metadata or []),
        "payload": payload_of(payload or []),
        "archived": archived,
    }
    return read(JobFilter, given)


def moment(text: str | None) -> str | None:
    """As it was meant: an offset's plus sign that was not escaped arrives as a space."""
    return text.replace(" ", "+") if text and "T" in text else text


async def refuse_unknown(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """A guard: a misspelt filter must not quietly mean "all".

    Raises:
        InvalidJob: names every parameter that the route does not have.
    """
    if connection.route_handler.opt.get("any_parameters"):
        return
    # Litestar hands every guard a new copy of the handler: what is remembered of a copy is never found again.
    if unknown := sorted(set(connection.query_params) - _known(connection.route_handler)):
        raise InvalidJob([Violation(name[:100], "is not a parameter of this address") for name in unknown])


def rule_of(handler: BaseRouteHandler | None, parameter: str) -> str | None:
    """What a parameter of the route must be, in words; None when the route has none of that name."""
    definition = _definitions(handler).get(parameter) if handler else None
    return _rule(definition) if definition else None


@cache
def _known(handler: BaseRouteHandler) -> frozenset[str]:
    model = handler.create_kwargs_model(path_parameters={})
    return frozenset(parameter.field_alias for parameter in model.expected_query_params)


def _definitions(handler: BaseRouteHandler) -> dict[str, FieldDefinition]:
    """By name, of the handler and of what it depends on."""
    signatures = [handler.parsed_fn_signature]
    signatures += [provide.parsed_fn_signature for provide in handler.resolve_dependencies().values()]
    return {
        _alias(name, definition): definition
        for signature in signatures
        for name, definition in signature.parameters.items()
    }


def _alias(name: str, definition: FieldDefinition) -> str:
    kwarg = definition.kwarg_definition
    return (kwarg.name or name) if isinstance(kwarg, ParameterKwarg) else name


def _rule(definition: FieldDefinition) -> str:
    kinds = [kind for kind in _alternatives(definition.annotation) if kind is not type(None)]
    kind = get_args(kinds[0])[0] if get_origin(kinds[0]) is list else kinds[0]
    kwarg = definition.kwarg_definition
    if get_origin(kind) is Literal:
        *others, last = map(str, get_args(kind))
        return f"must be {', '.join(others)} or {last}"
    if kind is bool:
        return "must be true or false"
    if kind is UUID:
        return "must be an id, such as 019460bc-8d3f-7c1a-9a52-3f0e8d6a4b21"
    if kind is int:
        low, high = getattr(kwarg, "ge", None), getattr(kwarg, "le", None)
        return "must be a whole number" + (f" from {low} to {high}" if low is not None and high is not None else "")
    low, high = getattr(kwarg, "min_length", None) or 0, getattr(kwarg, "max_length", None)
    return f"must be {low} to {high} characters" if high else "is not valid"


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if type(None) in get_args(annotation) else (annotation,)


def _metadata(texts: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in texts:
        found |= _json_object(text) if text.startswith("{") else _pair(text)
    return found


def payload_of(texts: list[str]) -> dict[str, Any]:
    """A value that is JSON is taken as such: 7, true, null, "7"; any other is text."""
    objects = [_json_object(text, "payload") for text in texts if text.startswith("{")]
    found = nested(_payload_field(text) for text in texts if not text.startswith("{"))
    for value in objects:
        found |= value
    return found


def _payload_field(text: str) -> tuple[str, Any]:
    path, separator, value = text.partition(":")
    if not separator or not all(path.split(".")):
        raise InvalidJob.at("payload", "must be path:value or a JSON object")
    return path, _scalar(value)


def _scalar(text: str) -> Any:
    try:
        return parse(text.encode())
    except MalformedJson:
        return text


def _json_object(text: str, name: str = "metadata") -> dict[str, Any]:
    try:
        value: dict[str, Any] = parse(text.encode())
    except MalformedJson as error:
        raise InvalidJob.at(name, error.violation.rule) from None
    return value


def _pair(text: str) -> dict[str, str]:
    key, separator, value = text.partition(":")
    if not separator or not key:
        raise InvalidJob.at("metadata", "must be key:value or a JSON object")
    return {key: value}
