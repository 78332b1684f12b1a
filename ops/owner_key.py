"""The API key of the owner of `aeon-jobs up`: created once, kept in a file that other users cannot read."""

from __future__ import annotations

from pathlib import Path

from aeon_jobs.ops import private_file
from aeon_jobs.persistence.admin import api_keys
from aeon_jobs.persistence.core.database import Database

FILE = "api-key"
NAME = "owner of this up"


def ensure(data_dir: Path, database: Database) -> Path:
    """The file with a valid key of role admin. A key that was revoked, or is of another database, is replaced."""
    file = data_dir / FILE
    with database.transaction() as connection:
        if file.exists() and api_keys.authenticate(connection, file.read_text().strip()):
            return file
        key = api_keys.create(connection, NAME, "admin", by="up")
    private_file.write(file, f"{key}\n")
    return file
