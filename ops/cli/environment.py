"""The environment of a command: settings, database, warnings about misspelt variables."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from aeon_jobs.ops.cli.output.console import warning

if TYPE_CHECKING:
    from aeon_jobs.persistence.core.database import Database
    from aeon_jobs.persistence.core.settings import Settings


def settings() -> Settings:
    """
    Raises:
        SettingsError
    """
    from aeon_jobs.persistence.core.settings import get_settings

    warn_of_misspelt_variables()
    return get_settings()


def database() -> Database:
    """The database of the settings, once it answers.

    Raises:
        SettingsError
        sqlalchemy.exc.OperationalError: it does not.
    """
    from aeon_jobs.persistence.core.database import get_database

    settings()
    with get_database().connection():
        return get_database()


def log_as(process: str) -> Settings:
    """The settings, once the log is set up by them."""
    from aeon_jobs.middleware.execution.logging import configure_logging

    found = settings()
    configure_logging(found, process)
    return found


def warn_of_misspelt_variables() -> None:
    from aeon_jobs.persistence.core.settings import misspelt

    for name, meant in misspelt(os.environ).items():
        warning(f"{name} is not a setting; did you mean {meant}?")
