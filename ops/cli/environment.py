"""The environment of a command: settings, database, warnings about misspelt variables."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aeon_jobs.ops.cli.output.console import error, warning

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


def settings_for(process: str) -> Settings:
    """The settings of a process of the system. Its warnings are lines of its log.

    Raises:
        SettingsError
    """
    from aeon_jobs.persistence.core.settings import get_settings, misspelt

    found = get_settings()
    if wrong := misspelt(os.environ):
        log_as(process)
        import structlog

        for name, meant in wrong.items():
            structlog.get_logger(__name__).warning(f"{name} is not a setting; did you mean {meant}?")
    return found


def log_as(process: str) -> None:
    """Set the log of this process up."""
    from aeon_jobs.middleware.execution.logging import configure_process
    from aeon_jobs.persistence.core.settings import get_settings

    configure_process(get_settings(), process)


def report_fatal(process: str, message: str) -> None:
    """Say why a process of the system does not start. Perhaps its settings are wrong: so the log cannot be set up by them."""
    if os.environ.get("LOG_FORMAT", "json") == "console" or sys.stderr.isatty():
        error(message)
        return
    moment = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    line = {"event": message, "level": "critical", "logger": __name__, "timestamp": moment, "process": process}
    print(json.dumps(line), file=sys.stderr)


def warn_of_misspelt_variables() -> None:
    from aeon_jobs.persistence.core.settings import misspelt

    for name, meant in misspelt(os.environ).items():
        warning(f"{name} is not a setting; did you mean {meant}?")
