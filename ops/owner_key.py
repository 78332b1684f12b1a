"""The API key of whoever runs `aeon-jobs up`: made once, kept in a file that nobody else can read."""

from __future__ import annotations

import os
from pathlib import Path

from aeon_jobs.persistence.admin import api_keys
from aeon_jobs.persistence.core.database import Database

FILE = "api-key"
NAME = "owner of this up"


def ensure(data_dir: Path, database: Database) -> Path:
    """The file with a valid key of role admin. One that was revoked, or is of another database, gives way to a new one."""
    file = data_dir / FILE
    with database.transaction() as connection:
        if file.exists() and api_keys.authenticate(connection, file.read_text().strip()):
            return file
        key = api_keys.create(connection, NAME, "admin", by="up")
    file.unlink(missing_ok=True)
    # Never, not even for a moment, readable by others.
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(f"{key}\n")
    return file
