"""Everything the demo plays on, built in a temporary directory and gone with it.

PostgreSQL, Redis, the mail server and the webhook receiver run from `Stage.open` to its end; the programs (API,
scheduler, dispatcher, workers) are `Stage.programs`, for a supervisor to run.
"""

from __future__ import annotations

import base64
import logging
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from aeon_jobs.middleware.execution.logging import configure_logging
from aeon_jobs.ops.demo import weather
from aeon_jobs.ops.demo.mail_server import HOST, MailServer
from aeon_jobs.ops.demo.patience import Patience
from aeon_jobs.ops.demo.webhook_receiver import WebhookReceiver
from aeon_jobs.ops.embedded import EmbeddedPostgres, EmbeddedRedis, EmbeddedServer
from aeon_jobs.ops.lines import Lines
from aeon_jobs.ops.programs import Program, programs
from aeon_jobs.ops.supervisor import Supervisor
from aeon_jobs.persistence.admin import api_keys
from aeon_jobs.persistence.core import migrate
from aeon_jobs.persistence.core.database import Database, get_database
from aeon_jobs.persistence.core.settings import Settings, get_settings, variable_names

CALLER = "demo"
"""Name of the API key, which jobs submitted with it carry as created_by."""

TAIL = 15


@dataclass(frozen=True, slots=True)
class Stage:
    directory: Path
    settings: Settings
    database: Database
    servers: tuple[EmbeddedServer, ...]
    receiver: WebhookReceiver
    api_key: str
    log: TextIOWrapper
    patience: Patience

    @property
    def outbox(self) -> Path:
        return self.directory / "outbox"

    @property
    def data_root(self) -> Path:
        return self.settings.data_root

    @property
    def api_url(self) -> str:
        return f"http://{self.settings.api_host}:{self.settings.api_port}"

    def supervisor(self) -> Supervisor:
        """Of the programs, whose output goes to the log."""
        specs: list[Program] = programs(self.settings)
        lines = Lines(Console(file=self.log, color_system=None), [spec.name for spec in specs])
        return Supervisor(specs, environ=os.environ, lines=lines, servers=self.servers)

    def last_lines(self) -> list[str]:
        """The end of what each program said."""
        said: dict[str, list[str]] = {}
        for line in Path(self.log.name).read_text(errors="replace").splitlines():
            name, bar, _ = line.partition("│")
            said.setdefault(name if bar else "", []).append(line)
        return [line for lines in said.values() for line in lines[-TAIL:]]


@contextmanager
def built(patience: Patience) -> Iterator[Stage]:
    """A stage with its servers running. The environment of this process becomes the programs' own."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="aeon-demo-")))
        # Embedded PostgreSQL may run under another account, which has to get through.
        directory.chmod(0o711)
        for folder in ("outbox", "data"):
            directory.joinpath(folder).mkdir()
        directory.joinpath("data", weather.FILE).write_bytes(weather.content())

        postgres = stack.enter_context(EmbeddedPostgres(directory / "pg"))
        redis = stack.enter_context(EmbeddedRedis(directory / "redis"))
        mail = stack.enter_context(MailServer(directory / "outbox"))
        secret = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
        receiver = stack.enter_context(WebhookReceiver(secret))

        _forget_settings()
        os.environ |= {
            "DATABASE_URL": postgres.url,
            "REDIS_URL": redis.url,
            "WEBHOOK_SECRET": secret,
            "WEBHOOK_ALLOW_HOSTS": receiver.address,
            "WEBHOOK_TIMEOUT": "30000",
            "SMTP_HOST": HOST,
            "SMTP_PORT": str(mail.port),
            "SMTP_TLS": "none",
            "SMTP_FROM": "Aeon Demo <demo@demo.example>",
            "DATA_ROOT": str(directory / "data"),
            "API_PORT": str(_free_port()),
            "METRICS_PORT": str(_free_port()),
            "WORKER_SHUTDOWN_TIMEOUT": "3000",
            "LOG_FORMAT": "console",
            "PYTHONUNBUFFERED": "1",
        }
        settings, database = get_settings(), get_database()
        stack.callback(_close_connections, database)
        log = stack.enter_context((directory / "programs.log").open("w", buffering=1))
        _log_to(log, settings, stack)
        migrate.up(database)
        yield Stage(
            directory=directory,
            settings=settings,
            database=database,
            servers=(postgres, redis),
            receiver=receiver,
            api_key=_api_key(database),
            log=log,
            patience=patience,
        )


def _forget_settings() -> None:
    """What the caller's environment says of databases and servers is about real ones: not for a demo to touch."""
    for name in variable_names():
        os.environ.pop(name, None)
    get_settings.cache_clear()
    get_database.cache_clear()


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _api_key(database: Database) -> str:
    with database.transaction() as connection:
        return api_keys.create(connection, CALLER, "submitter")


def _log_to(log: TextIOWrapper, settings: Settings, stack: ExitStack) -> None:
    """What libraries in this process have to say goes to the log: the terminal is the board's."""
    root, handler = logging.getLogger(), logging.StreamHandler(log)
    handler.setLevel(logging.WARNING)  # aiosmtpd tells every step of every conversation
    root.addHandler(handler)
    stack.callback(root.removeHandler, handler)
    configure_logging(settings, "demo")


def _close_connections(database: Database) -> None:
    # Late, as in `submission`.
    from aeon_jobs.actors.job import broker

    broker().database.dispose()
    broker().close()
    database.dispose()
