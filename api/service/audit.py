"""The audit log as a list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from aeon_jobs.api.contract import AuditEntry, AuditFilter, Page
from aeon_jobs.api.service.core.use_cases import UseCases, pages, shown
from aeon_jobs.api.service.core.validation import checked
from aeon_jobs.persistence.reads.audit_list import EntryFilter, entries


class AuditUseCases(UseCases):
    def audit_page(
        self, which: AuditFilter | None = None, *, limit: int = 200, cursor: str | None = None
    ) -> Page[AuditEntry]:
        """Who changed what, newest first.

        Raises:
            InvalidJob: the filter, or a cursor of another list.
        """
        chosen = EntryFilter(**asdict(checked(which or AuditFilter())))
        with self.context.database.connection() as connection:
            page = entries(connection, chosen, limit=limit, cursor=cursor)
        return Page(
            items=[shown(AuditEntry, row, archived_at=row.get("archived_at")) for row in page.rows],
            next_cursor=page.next_cursor,
        )

    def audit_log(self, which: AuditFilter | None = None, *, limit: int = 200) -> Iterator[AuditEntry]:
        """Every entry that matches, page by page of `limit`, each read when it is needed."""
        return pages(lambda cursor: self.audit_page(which, limit=limit, cursor=cursor))
