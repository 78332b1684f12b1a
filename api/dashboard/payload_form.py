"""A form for a payload, made from the JSON Schema of its job type.

Texts, numbers, switches and choices get a field of their own; whatever else there is, is written as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from aeon_jobs.api.dashboard.json_view import json_text
from aeon_jobs.api.dashboard.page import Ask
from aeon_jobs.api.http.strict_json import MalformedJson, parse
from aeon_jobs.persistence.core.errors import InvalidJob, Violation
from aeon_jobs.persistence.core.stored_json import RULE, is_cut

Kind = Literal["text", "long", "integer", "number", "switch", "choice", "json"]
PREFIX = "payload."
LONG = 200
MOST_EDITED = 50_000
"""Characters of a payload in a form. A larger one is a file."""
_KINDS: Mapping[str, Kind] = {"string": "text", "integer": "integer", "number": "number", "boolean": "switch"}


@dataclass(frozen=True, slots=True)
class FormField:
    name: str
    kind: Kind
    required: bool
    description: str
    choices: Sequence[Any]
    value: str
    """As the form shows it."""

    @property
    def key(self) -> str:
        """Its name in the form."""
        return PREFIX + self.name


def fits_a_form(payload: Mapping[str, Any] | None) -> bool:
    """Whether it can be edited in a page: it is whole, and not too large."""
    return not is_cut(payload) and len(json_text(payload)) <= MOST_EDITED


def form_fields(schema: Mapping[str, Any], payload: Mapping[str, Any], ask: Ask | None = None) -> list[FormField]:
    """The fields, filled from `payload`; or from a form that was sent, and is shown again."""
    was_sent = ask is not None and any(name.startswith(PREFIX) for name in ask.given)
    required = schema.get("required") or []
    found = []
    for name, part in (schema.get("properties") or {}).items():
        known = _resolved(part, schema)
        kind = _kind(known)
        value = ask.get(PREFIX + name) if was_sent and ask else _shown(payload[name], kind) if name in payload else ""
        if kind == "text" and ("\n" in value or len(value) > LONG):
            kind = "long"
        description = str(known.get("description") or "")
        found.append(FormField(name, kind, name in required, description, known.get("enum") or [], value))
    # PostgreSQL keeps no order of properties.
    return sorted(found, key=lambda field: not field.required)


def sent_payload(schema: Mapping[str, Any], ask: Ask) -> dict[str, Any]:
    """What the form says, as a payload. An empty field that is not required is left out.

    Raises:
        InvalidJob
    """
    payload: dict[str, Any] = {}
    broken: list[Violation] = []
    for field in form_fields(schema, {}, ask):
        try:
            if field.kind == "switch":
                if field.required or field.value:
                    payload[field.name] = field.value == "true"
            elif field.value or (field.required and field.kind in ("text", "long")):
                payload[field.name] = _read(field)
        except (MalformedJson, ValueError) as error:
            rule = error.violation.rule if isinstance(error, MalformedJson) else str(error)
            broken.append(Violation(field.key, rule))
    if broken:
        raise InvalidJob(broken)
    return payload


def refuse_cut(payload: Mapping[str, Any]) -> None:
    """
    Raises:
        InvalidJob: it is not whole.
    """
    if is_cut(payload):
        raise InvalidJob.at("payload", RULE)


def json_value(text: str, name: str) -> Any:
    """None for an empty text.

    Raises:
        InvalidJob
    """
    try:
        return parse(text.encode()) if text else None
    except MalformedJson as error:
        raise InvalidJob.at(name, error.violation.rule) from None


def json_object(text: str, name: str) -> dict[str, Any]:
    """
    Raises:
        InvalidJob
    """
    value = json_value(text or "{}", name)
    if not isinstance(value, dict):
        raise InvalidJob.at(name, "must be a JSON object")
    return value


def _read(field: FormField) -> Any:
    match field.kind:
        case "integer":
            return _number(field.value, int, "must be a whole number")
        case "number":
            return _number(field.value, float, "must be a number")
        case "choice":
            return next((choice for choice in field.choices if str(choice) == field.value), field.value)
        case "json":
            return parse(field.value.encode())
    return field.value


def _number(text: str, kind: Any, rule: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise ValueError(rule) from None


def _kind(schema: Mapping[str, Any]) -> Kind:
    if schema.get("enum"):
        return "choice"
    kind = schema.get("type")
    return _KINDS.get(kind, "json") if isinstance(kind, str) else "json"


def _resolved(part: Any, root: Mapping[str, Any]) -> dict[str, Any]:
    """Without references, and without `or null`."""
    found: dict[str, Any] = dict(part) if isinstance(part, Mapping) else {}
    for _ in range(8):
        reference = found.get("$ref")
        options = [option for option in found.get("anyOf") or [] if option != {"type": "null"}]
        if isinstance(reference, str) and reference.startswith("#/$defs/"):
            found = {**(root.get("$defs") or {}).get(reference.removeprefix("#/$defs/"), {}), **_without(found, "$ref")}
        elif len(options) == 1:
            found = {**options[0], **_without(found, "anyOf")}
        else:
            break
    return found


def _without(part: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key != name}


def _shown(value: Any, kind: Kind) -> str:
    if kind == "switch":
        return "true" if value else ""
    if kind == "json" or isinstance(value, dict | list):
        return json_text(value)
    return "" if value is None else str(value)
