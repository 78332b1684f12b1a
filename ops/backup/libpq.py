"""How a client program reaches the database: all but the password in a service file, the password in its environment.

Nothing stands in its arguments, for every user of the machine can read those.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import make_url
from sqlalchemy.dialects.postgresql import psycopg2

from aeon_jobs.ops.backup.errors import BackupError

SERVICE = "aeon_jobs"
CONNECTION = f"service={SERVICE}"
"""What such a program is told to connect to."""


@dataclass(frozen=True, slots=True)
class Client:
    directory: Path
    """For files that the programs read."""
    _environment: dict[str, str]

    def run(self, program: Path, arguments: Sequence[str]) -> str:
        """Its output.

        Raises:
            BackupError: it failed; with its own words.
        """
        done = subprocess.run(  # noqa: S603
            [program, *arguments], env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            words = [line for line in done.stderr.splitlines() if line.strip()][:3]
            raise BackupError(f"{program.name} failed: {' '.join(words) or f'exit code {done.returncode}'}")
        return done.stdout


@contextmanager
def client(dsn: str) -> Iterator[Client]:
    """Runs programs with a connection to `dsn`, a SQLAlchemy URL."""
    _, options = psycopg2.dialect().create_connect_args(make_url(dsn))  # type: ignore[no-untyped-call]
    password = options.pop("password", None)
    # The counts of workflows are in the backup: their triggers must not count restored jobs again.
    options["options"] = f"{options.get('options', '')} -c aeon_jobs.counts_jobs=on".strip()
    with TemporaryDirectory(prefix="aeon-jobs-") as name:
        directory = Path(name)  # mkdtemp: closed to other users
        lines = [f"[{SERVICE}]", *(f"{key}={value}" for key, value in options.items())]
        (directory / "service").write_text("\n".join(lines) + "\n")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        environment |= {"PGSERVICEFILE": str(directory / "service"), "PGAPPNAME": "aeon-jobs backup"}
        if password is not None:
            environment["PGPASSWORD"] = password
        yield Client(directory, environment)
