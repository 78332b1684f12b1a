"""What a command works with: the system (PostgreSQL, or an API), and the output."""

from __future__ import annotations

import os
from contextlib import ExitStack
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING

from aeon_jobs.ops.cli.environment import settings
from aeon_jobs.ops.cli.exit_codes import InvalidInput
from aeon_jobs.ops.cli.output.console import Output

if TYPE_CHECKING:
    from aeon_jobs.api.client import Client
    from aeon_jobs.api.contract import JobsApi

ADDRESS = "AEON_JOBS_API"
MOST_CONNECTIONS = 2
"""One command runs at a time: two connections are more than enough."""


class Context:
    def __init__(self, output: Output, api: str | None) -> None:
        self.output = output
        self.address = api or os.environ.get(ADDRESS)
        self._closing = ExitStack()

    @cached_property
    def jobs(self) -> JobsApi:
        """The API that --api or AEON_JOBS_API names; else the database of the settings.

        Raises:
            SettingsError, InvalidInput
        """
        jobs = client(self.address) if self.address else _service()
        self._closing.callback(jobs.close)
        return jobs

    def __enter__(self) -> Context:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()


def _service() -> JobsApi:
    from aeon_jobs.api.service import Jobs
    from aeon_jobs.persistence.admin.audit import login

    return Jobs.from_settings(settings(), name=f"cli:{login()}", pool_size=MOST_CONNECTIONS)


def client(address: str) -> Client:
    """
    Raises:
        InvalidInput: the address is not a URL, or the key is given twice.
    """
    from aeon_jobs.api.client import Client, Retries
    from aeon_jobs.api.client.messages import key_from

    if not address.startswith(("http://", "https://")):
        raise InvalidInput(f"--api (or {ADDRESS}): must start with http:// or https://")
    try:
        # A person waits: a few seconds of retries are enough.
        return Client(address, key_from(os.environ), retries=Retries(most=3, longest_wait_s=5))
    except ValueError as error:
        raise InvalidInput(str(error)) from None
