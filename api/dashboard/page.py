"""What a page and an action are.

A page reads: `read(jobs, ask)` returns what its template shows. It must not depend on who asks, but for `ask.may` and
`ask.name`: what it returns is shown to all who have the same role.
An action changes: `act(jobs, ask)` returns where to go next, or another page to show.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlencode

from aeon_jobs.api.service import Jobs
from aeon_jobs.api.service.core.principals import Role
from aeon_jobs.persistence.core.errors import InvalidJob, Violation

BASE = "/dashboard"
MOST_FIELDS = 20_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Viewer:
    """What a page may know of who looks at it."""

    role: Role
    name: str | None
    """Of a submitter, who may cancel jobs of its own; None for all others."""
    read_only: bool


@dataclass(frozen=True)
class Ask:
    """A request for a page or an action."""

    path: str
    """Below /dashboard, percent-encoded."""
    parts: Mapping[str, str]
    """What the path names: `{job_id}`."""
    given: Mapping[str, Sequence[str]]
    """Parameters of the address, or fields of the form."""
    viewer: Viewer
    errors: Sequence[Violation] = field(default_factory=tuple)
    """Why the form that was sent is shown again."""

    def get(self, name: str, default: str = "") -> str:
        """The last value of that name, without spaces around it."""
        values = self.given.get(name)
        return values[-1].strip() if values else default

    def all(self, name: str) -> list[str]:
        """Every value of that name that is not empty."""
        return [value for value in self.given.get(name, ()) if value]

    def may(self, role: str | Role) -> bool:
        """Whether who looks may do what needs this role."""
        needed = role if isinstance(role, Role) else Role.named(role)
        return self.viewer.role >= needed and not self.viewer.read_only

    def link(self, **changes: Any) -> str:
        """This page with other parameters; None removes one."""
        return link(self.path, {**self.given, **changes})

    @cached_property
    def query(self) -> str:
        """The parameters, in one order: two addresses of the same page are one page."""
        return urlencode([(name, value) for name in sorted(self.given) for value in self.given[name] if value])

    def with_errors(self, errors: Sequence[Violation]) -> Ask:
        return replace(self, errors=tuple(errors))


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    path: str
    """Such as ``/jobs/{job_id}``."""
    title: str
    template: str
    read: Callable[[Jobs, Ask], Mapping[str, Any]]
    """May return `title`, which then replaces the title."""
    role: Role = Role.VIEWER
    menu: bool = False
    """It stands in the menu, by its title."""
    live: bool = True
    """It renews itself when its content changes."""
    views: bool = False
    """Its filters can be saved."""


@dataclass(frozen=True, slots=True)
class Done:
    """Go there, and tell this."""

    to: str
    """Below /dashboard."""
    message: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Show:
    """Show this, as the answer to a form."""

    template: str
    title: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    path: str
    role: Role
    act: Callable[[Jobs, Ask], Done | Show]
    form: Page | None = None
    """The page with its form: it is shown again when what was entered breaks a rule."""


class Routes:
    """Finds pages, and actions, by path."""

    def __init__(self, pages: Sequence[Page], actions: Sequence[Action]) -> None:
        self.pages = tuple(pages)
        self.actions = tuple(actions)
        self._pages = [(_pattern(page.path), page) for page in pages]
        self._actions = [(_pattern(action.path), action) for action in actions]

    def page(self, path: str) -> tuple[Page, dict[str, str]] | None:
        """With the parts of the path."""
        return _find(self._pages, path)

    def is_answer(self, path: str) -> bool:
        """Whether only an action has this path: ``/jobs/preview`` looks like the page of a job, and is none."""
        page, action = self.page(path), self.action(path)
        if action is None or page is None:
            return action is not None
        is_below = action[0].path.count("/") > page[0].path.count("/")
        return is_below or action[0].path == path != page[0].path

    def action(self, path: str) -> tuple[Action, dict[str, str]] | None:
        return _find(self._actions, path)


def link(path: str, given: Mapping[str, Any] | None = None) -> str:
    """An address of the dashboard; values may be lists, empty ones are left out."""
    pairs = [
        (name, str(value))
        for name, values in (given or {}).items()
        for value in (values if isinstance(values, list | tuple) else [values])
        if value not in (None, "")
    ]
    return f"{BASE}{path}" + (f"?{urlencode(pairs)}" if pairs else "")


def parameters(encoded: str) -> dict[str, list[str]]:
    """Of a query or a form.

    Raises:
        InvalidJob
    """
    found: dict[str, list[str]] = {}
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise InvalidJob.at("form", f"must have at most {MOST_FIELDS:,} fields") from None
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _pattern(path: str) -> re.Pattern[str]:
    """Names of job types and steps may contain `/`; behind some proxies it is not encoded any more."""
    pattern = re.sub(r"\\{(name|step)\\}", r"(?P<\1>.+)", re.escape(path))
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", pattern), re.DOTALL)


def _find(known: Sequence[tuple[re.Pattern[str], T]], path: str) -> tuple[T, dict[str, str]] | None:
    for pattern, found in known:
        if match := pattern.fullmatch(path):
            return found, {name: unquote(part) for name, part in match.groupdict().items()}
    return None
