"""COPY: many rows by one statement, made while they are sent.

PostgreSQL stores the first while the last is not made yet, and plans nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any

from aeon_jobs.persistence.core.database import driver_errors, qualified, time_limit

if TYPE_CHECKING:
    from sqlalchemy import Connection

_CHUNK = 50
"""Rows that are sent at a time."""
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def can_copy(connection: Connection) -> bool:
    """Whether the driver is one whose way of COPY is known here: psycopg2 or psycopg, not asynchronous."""
    return connection.dialect.driver in ("psycopg2", "psycopg") and not connection.dialect.is_async


def copy(
    connection: Connection, table: str, columns: Sequence[str], lines: Iterator[str], *, schema: str | None = None
) -> None:
    """Append lines of `copy_fields` to a table of ours. What making them raises ends it.

    On an exception, or when one is raised by `lines`, the transaction has to be rolled back.
    `schema`: ours, on somebody else's connection.
    """
    sql = f"COPY {qualified(connection, table, schema)} ({', '.join(columns)}) FROM STDIN"
    chunks = _Chunks(lines)
    with driver_errors(connection, sql), closing(connection.connection.cursor()) as cursor:
        if connection.dialect.driver == "psycopg2":
            cursor.copy_expert(time_limit(connection) + sql, chunks)
        else:
            with cursor.copy(sql) as copying:
                while chunk := chunks.read():
                    copying.write(chunk)
    if chunks.error is not None:
        raise chunks.error


def copy_fields(values: Iterable[Any]) -> str:
    """Values of neighbouring columns, in the text format of COPY."""
    return "\t".join("\\N" if value is None else str(value).translate(_ESCAPES) for value in values)


class _Chunks:
    """Lines as the file that psycopg2 reads. An exception is kept: of what a file raises, psycopg2 keeps only the text."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.error: BaseException | None = None

    def read(self, _size: int = 0) -> str:
        try:
            return "".join(islice(self._lines, _CHUNK))
        except BaseException as error:  # noqa: BLE001 (raised again when the COPY is over)
            self.error = error
            return ""
