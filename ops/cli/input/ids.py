"""Ids as people type them: whole, or the first characters that only one thing has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from aeon_jobs.ops.cli.exit_codes import InvalidInput, NotFound

if TYPE_CHECKING:
    from aeon_jobs.api.contract import JobsApi

T = TypeVar("T")
SHORTEST = 4
"""Hexadecimal digits."""
_BEGINNING = re.compile(r"[0-9a-fA-F-]+")


def job_id(jobs: JobsApi, text: str) -> UUID:
    """The job whose id begins with `text`.

    Raises:
        InvalidInput: `text` is not the beginning of an id, or several ids begin so.
        NotFound: no id begins so.
    """
    try:
        return UUID(text)
    except ValueError:
        pass
    if not _BEGINNING.fullmatch(text) or len(text.replace("-", "")) < SHORTEST:
        raise InvalidInput(f"JOB: must be an id, or its first characters ({SHORTEST} at least), is {text!r:.80}")
    return UUID(one(text, [str(job.job_id) for job in jobs.find(text.replace("-", ""))], "job"))


def job_ids(jobs: JobsApi, texts: Iterable[str] | None) -> list[UUID]:
    """
    Raises:
        InvalidInput, NotFound: see `job_id`.
    """
    return [job_id(jobs, text) for text in texts or ()]


def one(text: str, found: Sequence[str], noun: str) -> str:
    """The only id that was found.

    Raises:
        InvalidInput: there are several.
        NotFound: there is none.
    """
    if not found:
        raise NotFound(f"no {noun} with an id that begins with {text}")
    if len(found) > 1:
        raise InvalidInput(f"{noun}: several ids begin with {text}: {', '.join(found)}")
    return found[0]


def beginning_with(text: str, known: Iterable[str], noun: str) -> str:
    """The id among `known` that is `text`, or the only one that begins with it. One that is not known stays as it is:
    the system says so in its own words.

    Raises:
        InvalidInput: several begin with it.
    """
    ids = list(known)
    found = [text] if text in ids else [one_id for one_id in ids if text and one_id.startswith(text)]
    return one(text, found, noun) if found else text
