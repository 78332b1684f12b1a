"""The environment of a command: the settings, the database, and a word about what is misspelt."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ops.cli.screen import err

if TYPE_CHECKING:
    from persistence.database import Database
    from persistence.settings import Settings


def settings() -> Settings:
    """
    Raises:
        SettingsError
    """
    from persistence.settings import get_settings

    warn_of_misspelt_variables()
    return get_settings()


def database() -> Database:
    """The database of the settings, once it answers.

    Raises:
        SettingsError
        sqlalchemy.exc.OperationalError: it does not.
    """
    from persistence.database import get_database

    settings()
    with get_database().connection():
        return get_database()


def log_as(process: str) -> Settings:
    """The settings, once the log is set up by them."""
    from middleware.logging import configure_logging

    found = settings()
    configure_logging(found, process)
    return found


def warn_of_misspelt_variables() -> None:
    from persistence.settings import misspelt

    for name, meant in misspelt(os.environ).items():
        err.print(f"warning: {name} is not a setting; did you mean {meant}?", style="yellow")
