"""What every use case has: the context of the process, who acts, and under which conditions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from sqlalchemy import Connection

from aeon_jobs.api.contract import Page
from aeon_jobs.api.service.core.context import Context
from aeon_jobs.api.service.core.principals import Principal
from aeon_jobs.persistence.admin import audit
from aeon_jobs.persistence.core.tracing import NO_TRACE, TraceContext

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Conditions:
    """What came with a request beside what it asks for."""

    request_id: str | None = None
    """Stands in the audit log."""
    trace: TraceContext = NO_TRACE
    """The span that the request is part of."""
    if_match: str | None = None
    """Versions that may be changed, as in the header of that name."""


NO_CONDITIONS = Conditions()


class UseCases:
    """Belongs to one principal; the context may be shared by threads."""

    def __init__(self, context: Context, principal: Principal, conditions: Conditions = NO_CONDITIONS) -> None:
        self.context, self.principal, self.conditions = context, principal, conditions

    def _audit(
        self,
        connection: Connection,
        action: str,
        subject: tuple[str, object],
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
        reason: str | None = None,
    ) -> None:
        """A line in the audit log (``job.cancel`` of ``("job", id)``), in the transaction of the change."""
        audit.record(
            connection,
            actor=self.principal.name,
            action=action,
            subject=subject,
            before=before,
            after=after,
            reason=reason,
            request_id=self.conditions.request_id,
        )


def shown(kind: type[T], source: Any, **derived: Any) -> T:
    """A response from an object or a mapping with fields of the same names; `derived` gives those that have others."""
    names = [field.name for field in fields(kind) if field.name not in derived]  # type: ignore[arg-type]
    take = source.__getitem__ if isinstance(source, Mapping) else lambda name: getattr(source, name)
    return kind(**{name: take(name) for name in names}, **derived)


def pages(read: Callable[[str | None], Page[T]]) -> Iterator[T]:
    """The items of all pages, each read (by its cursor) when it is needed."""
    cursor: str | None = None
    while True:
        page = read(cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return
