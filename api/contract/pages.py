"""The one shape of every list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    items: list[T]
    next_cursor: str | None = None
    """Give it as `cursor` to get the next page; null on the last one."""
    total: int | None = None
    """With `total=true`: how many match, counted up to 10,000."""
    total_is_capped: bool = False
    """There are more than `total`."""
    is_cut_off: bool = False
    """A search of payloads looked at as many jobs as one page may: `next_cursor` goes on with the jobs after them."""
