"""The OpenAPI 3.1 document: what Litestar reads from the handlers, and what holds for all of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import is_dataclass
from http import HTTPStatus
from importlib import metadata
from typing import Any, Literal, cast

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

from aeon_jobs.api import contract
from aeon_jobs.api.http.errors import MEDIA_TYPE
from aeon_jobs.api.http.examples import EXAMPLES
from aeon_jobs.api.service.core.validation import adapter

PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457",
    "required": ["type", "title", "status", "detail", "instance", "request_id"],
    "properties": {
        "type": {"type": "string", "description": "what programs switch on", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "request_id": {"type": ["string", "null"]},
        "errors": {
            "type": "array",
            "description": "with 400: every rule that is broken",
            "items": {
                "type": "object",
                "required": ["field", "rule"],
                "properties": {"field": {"type": "string"}, "rule": {"type": "string"}},
            },
        },
        "state": {"type": "string", "description": "with 409: the state that forbids it"},
        "job_id": {"type": "string", "format": "uuid", "description": "with 422: the job that holds the key"},
    },
    "examples": [
        {
            "type": "urn:aeon-jobs:problem:invalid-request",
            "title": "Invalid request",
            "status": 400,
            "detail": "payload.to: is required",
            "instance": "/api/jobs",
            "request_id": "5f0c8b1e9d7a4c52",
            "errors": [{"field": "payload.to", "rule": "is required"}],
        }
    ],
}

_DESCRIPTIONS = {
    400: "A parameter or the body breaks rules; `errors` names them all.",
    401: "No valid API key.",
    403: "The key's role may not do this.",
    404: "There is no such thing.",
    405: "The address has no such method.",
    409: "The state does not allow it; `state` names it.",
    412: "If-Match names another version.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "The idempotency key was used with another request.",
    429: "The key's rate limit is used up.",
    500: "A fault of the server; its log has the cause under `request_id`.",
    503: "PostgreSQL cannot be reached.",
}
_HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-ID": {"description": "yours, or one of ours", "schema": {"type": "string"}},
    "RateLimit-Limit": {"description": "requests per minute", "schema": {"type": "integer"}},
    "RateLimit-Remaining": {"description": "requests left now", "schema": {"type": "integer"}},
    "RateLimit-Reset": {"description": "seconds until all are back", "schema": {"type": "integer"}},
    "Retry-After": {"description": "seconds to wait", "schema": {"type": "integer"}},
    "ETag": {"description": "the version, for If-Match and If-None-Match", "schema": {"type": "string"}},
    "Location": {"description": "address of what was made", "schema": {"type": "string"}},
    "WWW-Authenticate": {"description": "how to authenticate", "schema": {"type": "string"}},
    "Idempotency-Replayed": {"description": "`true`: an earlier answer", "schema": {"type": "string"}},
    "Allow": {"description": "the methods that there are", "schema": {"type": "string"}},
}
_OF_STATUS = {401: ["WWW-Authenticate"], 429: ["Retry-After"], 503: ["Retry-After"], 405: ["Allow"]}


def config() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="aeon-jobs",
        version=metadata.version("aeon-jobs"),
        description=(
            "Jobs that are never lost: submit, watch, cancel, retry, schedule.\n\n"
            "Every error is `application/problem+json`. Lists continue with `cursor`. Send `Idempotency-Key` with a "
            "submission, and sending it again is safe."
        ),
        use_handler_docstrings=True,
        operation_id_creator=_operation_id,
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(type="http", scheme="bearer", description="an API key"),
                "header": SecurityScheme(
                    type="apiKey", name="X-API-Key", security_scheme_in="header", description="the same key"
                ),
            }
        ),
        # One of the two is enough.
        security=[{"bearer": []}, {"header": []}],
    )


def document(app: Litestar) -> dict[str, Any]:
    """The complete document, as JSON would hold it."""
    found = _plainly_named(app.openapi_schema.to_schema())
    found["components"]["schemas"] |= {**_shapes(), "Problem": PROBLEM}
    found["components"]["headers"] = _HEADERS
    found["components"]["responses"] = {_name(status): _problem(status) for status in _DESCRIPTIONS}
    handlers = dict(_handlers(app))
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            _complete(operation, handlers[operation["operationId"]], method, path)
    return found


def _shapes() -> dict[str, Any]:
    """The contract in pydantic's words. Litestar leaves out descriptions, limits of optional fields, and what is refused."""
    found: dict[str, Any] = {}
    for kind in vars(contract).values():
        if is_dataclass(kind) and kind is not contract.Page:
            mode: Literal["validation", "serialization"] = (
                "validation" if issubclass(kind, contract.Request) else "serialization"  # type: ignore[arg-type]
            )
            schema = adapter(cast(type, kind)).json_schema(ref_template="#/components/schemas/{model}", mode=mode)
            found |= schema.pop("$defs", {})
            found[kind.__name__] = schema  # type: ignore[union-attr]
    return {name: _without_null_defaults(schema) for name, schema in found.items()}


def _without_null_defaults(schema: dict[str, Any]) -> dict[str, Any]:
    """A default that is null says nothing, and is wrong where null is refused."""
    for field in schema.get("properties", {}).values():
        if field.get("default", ...) is None:
            del field["default"]
    return schema


def _plainly_named(found: dict[str, Any]) -> dict[str, Any]:
    """``Page_aeon_jobs.api.contract.jobs.JobSummary_`` is a JobSummaryPage."""
    text = re.sub(
        r"Page_(?:[\w.]+\.)?(\w+?)_(?=[\"/])", lambda name: f"{name[1][0].upper()}{name[1][1:]}Page", json.dumps(found)
    )
    plain: dict[str, Any] = json.loads(text)
    return plain


def _complete(operation: dict[str, Any], handler: HTTPRouteHandler, method: str, path: str) -> None:
    public = bool(handler.opt.get("public"))
    if public:
        operation["security"] = []
    else:
        operation["x-role"] = str(handler.opt["role"])
    example = EXAMPLES.get(f"{method.upper()} {path}")
    if example is not None:
        operation["requestBody"]["content"]["application/json"]["examples"] = {"example": {"value": example}}
    own = {str(status) for status in handler.responses or {}}
    answers = {
        status: answer for status, answer in operation["responses"].items() if int(status) < 400 or status in own
    }
    if handler.opt.get("stream"):
        answers["200"]["content"] = {"text/event-stream": {"schema": {"type": "string"}}}
    names = ["X-Request-ID", *([] if public else ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"])]
    for status, answer in answers.items():
        extra = handler.opt.get("headers", ())
        answer["headers"] = {name: _header(name) for name in [*names, *extra]}
        if status in {"204", "304"}:
            answer.pop("content", None)
    statuses = sorted({*_errors(operation, method, path, public=public), *handler.opt.get("errors", ())})
    operation["responses"] = {
        **{str(status): {"$ref": f"#/components/responses/{_name(status)}"} for status in statuses},
        **answers,
    }


def _errors(operation: dict[str, Any], method: str, path: str, *, public: bool) -> Iterator[int]:
    yield from (400, 500, 503)
    if not public:
        yield from (401, 403, 429)
    if "{" in path:
        yield 404
    if "requestBody" in operation:
        yield from (413, 415)
    if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", [])):
        yield 422


def _problem(status: int) -> dict[str, Any]:
    headers = ["X-Request-ID", *_OF_STATUS.get(status, [])]
    return {
        "description": _DESCRIPTIONS[status],
        "headers": {name: _header(name) for name in headers},
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def _header(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/headers/{name}"}


def _name(status: int) -> str:
    return HTTPStatus(status).phrase.title().replace(" ", "").replace("-", "")


def _handlers(app: Litestar) -> Iterator[tuple[str, HTTPRouteHandler]]:
    for route in app.routes:
        for handler in getattr(route, "route_handlers", []):
            yield _operation_id(handler, "", []), handler


def _operation_id(handler: HTTPRouteHandler, _method: Any, _path: Any) -> str:
    # A sync handler comes wrapped.
    function = getattr(handler.fn, "func", handler.fn)
    return f"{function.__module__.rpartition('.')[2]}_{function.__name__}"
