"""What a job type is: its name, its defaults, and the schema of its payload, read off the handler's signature."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic_core import PydanticSerializationError, to_jsonable_python

from aeon_jobs.persistence.core import payloads
from aeon_jobs.persistence.core.errors import InvalidJob, Violation
from aeon_jobs.persistence.queue.states import Backoff, Rules
from aeon_jobs.persistence.queue.submissions import MOST_RETRIES, MOST_TIMEOUT_MS, NO_TIMEOUT_MS, NewJob, Template

Isolation = Literal["thread", "process"]


@dataclass(frozen=True)
class Definition:
    """A job type. Satisfies `aeon_jobs.persistence.queue.jobs.Defaults`."""

    name: str
    handler: Callable[..., Any]
    queue_name: str = "default"
    priority: int = 50
    max_retries: int = 3
    timeout_ms: int = 300_000
    description: str = ""
    example: Mapping[str, Any] = field(default_factory=dict)
    backoff: Backoff = field(default_factory=Backoff)
    rules: Rules = field(default_factory=Rules)
    isolation: Isolation = "thread"
    waits_for_record: bool = False
    keep_logs: bool = True
    heartbeat_ms: int | None = None
    """How long the handler may be silent. With it, timeout_ms may be NO_TIMEOUT_MS."""
    limits: dict[str, Any] | None = None
    """See persistence.queue.limits.shape."""

    uniqueness: dict[str, Any] | None = None
    """See persistence.queue.unique.shape."""

    @property
    def limits_in_force(self) -> dict[str, Any] | None:
        return self.limits

    def verify(self) -> None:
        """
        Raises:
            ValueError, TypeError: says which part of the declaration is not usable, and why.
        """
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.:-]{0,99}", self.name):
            raise ValueError(f"job {self.name!r}: a name is 1 to 100 letters, digits, _ . : or -")
        for what, value, low, high in (
            ("priority", self.priority, 0, 100),
            ("max_retries", self.max_retries, 0, MOST_RETRIES),
            ("timeout in ms", self.timeout_ms, 1_000, NO_TIMEOUT_MS if self.heartbeat_ms else MOST_TIMEOUT_MS),
            ("heartbeat in ms", self.heartbeat_ms or 1_000, 1_000, MOST_TIMEOUT_MS),
        ):
            if not low <= value <= high:
                raise ValueError(f"job {self.name}: {what} must be {low} to {high}, is {value}")
        if self.isolation == "process" and self.heartbeat_ms:
            raise ValueError(
                f"job {self.name}: heartbeat needs isolation='thread': it cannot look into a child process"
            )
        if self.isolation == "process":
            self._verify_isolated()
        if self.example:
            self.payload((), self.example)
        _ = self.payload_schema

    def _verify_isolated(self) -> None:
        """A child process must be able to find the handler."""
        name = self.handler.__qualname__
        if "<locals>" in name or self.handler.__module__ == "__main__":
            raise ValueError(f"job {name}: isolation='process' needs a handler at the top of a module")

    @cached_property
    def model(self) -> type[BaseModel]:
        """The handler's signature as a pydantic model; what is not in it is refused.

        Raises:
            TypeError: a parameter has no name in a payload (*args, **kwargs, positional-only) or no annotation.
        """
        return _model(self.name, self.handler)

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """Names of the handler's parameters, in their order."""
        return tuple(self.model.model_fields)

    @cached_property
    def payload_schema(self) -> dict[str, Any]:
        """JSON Schema (2020-12) of the payload."""
        schema = self.model.model_json_schema()
        schema.pop("title", None)
        return schema

    @cached_property
    def schema_digest(self) -> str:
        """Tells whether two services define this job type alike; 12 hexadecimal digits."""
        return hashlib.sha256(json.dumps(self.payload_schema, sort_keys=True).encode()).hexdigest()[:12]

    @cached_property
    def template(self) -> Template:
        """A submission that leaves all but the payload to the job type."""
        return Template(NewJob(job_type=self.name), self)

    def payload(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], *, later: Collection[str] = ()
    ) -> dict[str, Any]:
        """The JSON payload of a call. Arguments in `later` may be missing: they come when the job begins.

        Raises:
            InvalidJob: names every argument at fault.
        """
        given = self._named(args, kwargs) if args else dict(kwargs)
        try:
            self._parsed(given)
        except InvalidJob as error:
            missing = {f"payload.{name}" for name in later if name not in given}
            if faults := [fault for fault in error.violations if fault.field not in missing]:
                raise InvalidJob(faults) from None
        jsonable: dict[str, Any] = to_jsonable_python(given)
        return jsonable

    def _named(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        names = self.parameters
        if len(args) > len(names):
            raise InvalidJob.at("payload", f"takes {len(names)} arguments, got {len(args)}")
        if twice := set(names[: len(args)]) & set(kwargs):
            raise InvalidJob.at(f"payload.{twice.pop()}", "is given twice")
        return {**dict(zip(names, args, strict=False)), **kwargs}

    def arguments(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """The handler's arguments: the payload, parsed into the annotated types.

        Raises:
            InvalidJob: names every field at fault.
        """
        parsed = self._parsed(payload)
        return {name: getattr(parsed, name) for name in self.parameters}

    def _parsed(self, payload: Mapping[str, Any]) -> BaseModel:
        try:
            return self.model.model_validate(dict(payload))
        except ValidationError as error:
            raise InvalidJob(self._violations(payload, error)) from None

    def _violations(self, payload: Mapping[str, Any], error: ValidationError) -> list[Violation]:
        """In the schema's words, as whoever submits over HTTP hears them; in pydantic's what no schema can say."""
        said: list[Violation] = []
        try:
            payloads.validate(to_jsonable_python(payload), self.payload_schema)
        except InvalidJob as refused:
            said += refused.violations
        except (PydanticSerializationError, ValueError):
            pass
        fields = {_top(violation) for violation in said}
        own = [_violation(fault) for fault in error.errors(include_input=False, include_url=False)]
        return said + [violation for violation in own if _top(violation) not in fields]


def _top(violation: Violation) -> str:
    return re.split(r"[.\[]", violation.field.removeprefix("payload."))[0]


def _violation(fault: Any) -> Violation:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"])
    return Violation(f"payload{path}", re.sub(r"^(Value error, |[\w ]+? should )", _plain, fault["msg"]))


def _plain(opening: re.Match[str]) -> str:
    """Pydantic's openings, such as "Input should", in our words."""
    return "" if opening[1] == "Value error, " else "must "


def _model(name: str, handler: Callable[..., Any]) -> type[BaseModel]:
    hints = get_type_hints(handler, include_extras=True)
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(handler).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise TypeError(f"job {name}: parameter {parameter.name} has no name in a payload")
        if parameter.name not in hints:
            raise TypeError(f"job {name}: parameter {parameter.name} has no annotation, which is its schema")
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hints[parameter.name], default)
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=False)
    return create_model(name, __config__=config, **fields)
