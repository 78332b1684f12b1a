"""What is tested: a database and a Redis, as the settings name them; or an API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aeon_jobs.api.contract import JobsApi
    from aeon_jobs.persistence.core.settings import Settings


@dataclass(frozen=True, slots=True)
class Target:
    """`jobs` answers for either. `address` and `key` are those of an API; `settings` is None then."""

    jobs: JobsApi
    settings: Settings | None = None
    address: str = ""
    key: str | None = None
