"""A primary of PostgreSQL and a streaming standby, with or without synchronous replication."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2

from aeon_jobs.ops.benchmarks.system import wait_until
from aeon_jobs.ops.embedded import EmbeddedPostgres, EmbeddedServerError
from aeon_jobs.ops.embedded.tether import bare_environment, run_to_end
from aeon_jobs.ops.rehearsals.failover.ports import free_ports


class Node(EmbeddedPostgres):
    """A server on a TCP port of this machine; with `source`, a standby of it."""

    def __init__(self, data_dir: Path, port: int, source: Node | None = None) -> None:
        super().__init__(data_dir)
        self.port, self._source = port, source

    def url_of(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(self.url_of("postgres"), connect_timeout=2)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return list(cursor.fetchall()) if cursor.description else []

    def set(self, name: str, value: str) -> None:
        self.ask(f"ALTER SYSTEM SET {name} = '{value}'")
        self.ask("SELECT pg_reload_conf()")

    def _settings(self) -> dict[str, str]:
        return super()._settings() | {"listen_addresses": "127.0.0.1", "port": str(self.port)}

    def _initdb(self, directory: Path) -> None:
        if self._source is None:
            super()._initdb(directory)
            return
        # -R: what makes it a standby is written as well.
        options = ["-D", str(directory), "-d", self._source.url_of("postgres"), "-R", "-X", "stream", "-c", "fast"]
        done = run_to_end(
            [str(self._binaries / "pg_basebackup"), *options], environ=bare_environment(), run_as=self._run_as
        )
        if done.returncode != 0:
            raise EmbeddedServerError(f"pg_basebackup failed: {done.stderr.strip()}")


class PostgresPair:
    def __init__(self, primary: Node, standby: Node) -> None:
        self._primary, self._standby = primary, standby

    @property
    def url(self) -> str:
        database = self._primary.database
        return f"postgresql://postgres@127.0.0.1:{self._primary.port},127.0.0.1:{self._standby.port}/{database}"

    def cut(self) -> None:
        """The standby hears no more of the primary."""
        self._standby.set("primary_conninfo", "")
        wait_until(lambda: not self._standby.ask("SELECT 1 FROM pg_stat_wal_receiver"), "the end of the replication")

    def fail_over(self) -> None:
        """kill -9 of the primary, promotion of the standby."""
        self._primary.kill()
        self._standby.ask("SELECT pg_promote()")


@contextmanager
def postgres_pair(directory: Path, *, is_synchronous: bool) -> Iterator[PostgresPair]:
    first, second = free_ports(2)
    with Node(directory / "primary", first) as primary, Node(directory / "standby", second, primary) as standby:
        if is_synchronous:
            primary.set("synchronous_standby_names", "*")
        wanted = [("streaming", "sync" if is_synchronous else "async")]
        wait_until(lambda: primary.ask("SELECT state, sync_state FROM pg_stat_replication") == wanted, "replication")
        yield PostgresPair(primary, standby)
        # A killed server leaves a piece of shared memory, and its next start removes it.
        primary.restart()
