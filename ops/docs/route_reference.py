"""docs page reference/routes.md: every route with parameters, bodies and answers, from the OpenAPI document."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from aeon_jobs.api.http.app import create_app
from aeon_jobs.ops.docs.markdown import code, table
from aeon_jobs.persistence.core.settings import Settings

Json = dict[str, Any]
_INTRODUCTION = """# Routes

Every route, made from the OpenAPI document of the API. [HTTP API](../api.md) explains keys, lists, errors and limits. A
running API has the same reference at `/api/docs`, with examples that you can send.

"""
_SHAPES = "## Objects\n\nFields that are not required may be left out of a request.\n\n"


def page() -> str:
    """Nothing is connected to."""
    document = create_app(Settings.model_construct()).document()
    routes: dict[str, list[str]] = defaultdict(list)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            routes[operation.get("tags", ["Other"])[0]].append(_route(method, path, operation))
    sections = [f"## {tag}\n\n" + "".join(routes[tag]) for tag in sorted(routes)]
    shapes = [_shape(name, schema) for name, schema in sorted(document["components"]["schemas"].items())]
    return _INTRODUCTION + "".join(sections) + _SHAPES + "".join(shapes)


def _route(method: str, path: str, operation: Json) -> str:
    parameters = [
        (code(p["name"]), p["in"], _type(p["schema"]), p.get("description", ""))
        for p in operation.get("parameters", [])
    ]
    text = (
        f"### {method.upper()} {path}\n\n{operation['summary']}. {operation.get('description', '')}".rstrip() + "\n\n"
    )
    text += table(["parameter", "in", "type", "meaning"], parameters)
    if "requestBody" in operation:
        text += f"Body: {_type(_schema(operation['requestBody']))}\n\n"
    return text + f"Answers: {', '.join(_answers(operation['responses']))}\n\n"


def _answers(responses: Json) -> list[str]:
    """Errors by number only: all have the shape `Problem`."""
    return [
        f"{status} {shape}" if (shape := _type(_schema(responses[status]))) else status for status in sorted(responses)
    ]


def _schema(content: Json) -> Json:
    for media in content.get("content", {}).values():
        schema: Json = media.get("schema", {})
        return schema
    return {}


def _shape(name: str, schema: Json) -> str:
    required = schema.get("required", [])
    rows = [
        (code(field), _type(rule), "yes" if field in required else "", rule.get("description", ""))
        for field, rule in schema.get("properties", {}).items()
    ]
    head = f"### {name}\n\n{schema.get('description', '')}".rstrip() + "\n\n"
    return head + table(["field", "type", "required", "meaning"], rows)


def _type(schema: Json) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "enum" in schema:
        return ", ".join(code(value) for value in schema["enum"])
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(filter(None, map(_type, choices))))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {})) or 'any'}"
    kind = schema.get("type", "")
    words = [" or ".join(kind) if isinstance(kind, list) else kind, schema.get("format", ""), _range(schema)]
    return " ".join(filter(None, words))


def _range(schema: Json) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    bounds = [f"from {low:g}" if low is not None else "", f"to {high:g}" if high is not None else ""]
    return " ".join(filter(None, bounds))
