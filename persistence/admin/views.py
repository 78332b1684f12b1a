"""Views of the dashboard: filters of the list of jobs that somebody gave a name."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from aeon_jobs.persistence.core.database import run
from aeon_jobs.persistence.core.errors import InvalidJob
from aeon_jobs.persistence.core.payloads import is_storable

MOST = 50
LONGEST_NAME, LONGEST_QUERY = 60, 4_000


@dataclass(frozen=True, slots=True)
class View:
    name: str
    query: str
    """As in the address of the list."""


def of(connection: Connection, owner: str) -> list[View]:
    """By name."""
    return [View(row.name, row.query) for row in run(connection, "admin/list_views", {"owner": owner})]


def save(connection: Connection, owner: str, name: str, query: str) -> None:
    """One of that name is replaced.

    Raises:
        InvalidJob
    """
    if not 0 < len(name) <= LONGEST_NAME or not is_storable(name):
        raise InvalidJob.at("name", f"must have 1 to {LONGEST_NAME} characters")
    if not 0 < len(query) <= LONGEST_QUERY:
        raise InvalidJob.at("filter", "is empty, or too long to be saved")
    given = {"owner": owner, "name": name, "query": query, "most": MOST}
    if not run(connection, "admin/save_view", given).rowcount:
        raise InvalidJob.at("name", f"is one too many: {MOST} views are saved")


def remove(connection: Connection, owner: str, name: str) -> None:
    """One that does not exist is gone already."""
    run(connection, "admin/remove_view", {"owner": owner, "name": name})
