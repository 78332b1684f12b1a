"""What a command works with: the backend behind it, the screen before it."""

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
    from aeon_jobs.api.contract import JobsApi

ADDRESS = "AEON_JOBS_API"


class Desk:
    def __init__(self, screen: Output, api: str | None) -> None:
        self.screen = screen
        self._address = api or os.environ.get(ADDRESS)
        self._closing = ExitStack()

    @cached_property
    def backend(self) -> JobsApi:
        """The API that --api or AEON_JOBS_API names, else the database of the settings.

        Raises:
            SettingsError, InvalidInput
        """
        backend = _of_api(self._address) if self._address else _of_database()
        self._closing.callback(backend.close)
        return backend

    def __enter__(self) -> Desk:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()


def _of_database() -> JobsApi:
    from aeon_jobs.api.service import Jobs
    from aeon_jobs.api.service.service import login

    # One command at a time: two connections are one more than enough.
    return Jobs.from_settings(settings(), name=f"cli:{login()}", pool_size=2)


def _of_api(address: str) -> JobsApi:
    from aeon_jobs.api.client import Client, Retries
    from aeon_jobs.api.client.exchange import key_from

    if not address.startswith(("http://", "https://")):
        raise InvalidInput(f"--api (or {ADDRESS}): must start with http:// or https://")
    try:
        # A person waits: a few seconds of trying again are enough.
        return Client(address, key_from(os.environ), retries=Retries(most=3, longest_wait_s=5))
    except ValueError as error:
        raise InvalidInput(str(error)) from None
