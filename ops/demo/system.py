"""The system that the demo runs, in a temporary directory that is removed at the end.

`started` starts PostgreSQL, Redis, the mail server and the webhook receiver. `DemoSystem.supervisor` runs the programs: API,
scheduler, dispatcher, workers.
"""

from __future__ import annotations

import base64
import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from aeon_jobs.middleware.execution.logging import configure_logging
from aeon_jobs.ops.demo import weather
from aeon_jobs.ops.demo.deadline import Deadline
from aeon_jobs.ops.demo.mail_server import DemoMailbox
from aeon_jobs.ops.demo.webhook_receiver import WebhookReceiver
from aeon_jobs.ops.embedded import EmbeddedPostgres, EmbeddedRedis, EmbeddedServer
from aeon_jobs.ops.embedded.tether import signals_deferred
from aeon_jobs.ops.lines import Lines
from aeon_jobs.ops.mail_sink import HOST, MailSink
from aeon_jobs.ops.ports import any_free
from aeon_jobs.ops.programs import Program, programs
from aeon_jobs.ops.supervisor import Supervisor
from aeon_jobs.persistence.admin import api_keys
from aeon_jobs.persistence.core import migrate
from aeon_jobs.persistence.core.database import Database, get_database
from aeon_jobs.persistence.core.settings import Settings, get_settings, variable_names

KEY_NAME = "demo"
"""Name of the API key. Jobs that are submitted with it have it as created_by."""

TAIL = 15
"""Lines of each program that are shown after a failure."""


@dataclass(frozen=True, slots=True)
class DemoSystem:
    directory: Path
    settings: Settings
    database: Database
    servers: tuple[EmbeddedServer, ...]
    receiver: WebhookReceiver
    api_key: str
    log: TextIOWrapper
    deadline: Deadline

    @property
    def mails(self) -> Path:
        return self.directory / "mails"

    @property
    def data_root(self) -> Path:
        return self.settings.data_root

    @property
    def api_url(self) -> str:
        return f"http://{self.settings.api_host}:{self.settings.api_port}"

    def supervisor(self) -> Supervisor:
        """A supervisor of the programs. Their output goes to the log."""
        specs: list[Program] = programs(self.settings)
        lines = Lines(Console(file=self.log, color_system=None), [spec.name for spec in specs])
        return Supervisor(specs, environ=os.environ, lines=lines, servers=self.servers)

    def last_lines(self) -> list[str]:
        """The last lines of each program's output."""
        by_program: dict[str, list[str]] = {}
        for line in Path(self.log.name).read_text(errors="replace").splitlines():
            name, bar, _ = line.partition("│")
            by_program.setdefault(name if bar else "", []).append(line)
        return [line for lines in by_program.values() for line in lines[-TAIL:]]


@contextmanager
def started(deadline: Deadline) -> Iterator[DemoSystem]:
    """A system with its servers running. Sets the environment variables of this process, which the programs inherit."""
    with ExitStack() as stack:
        with signals_deferred():
            directory = Path(stack.enter_context(TemporaryDirectory(prefix="aeon-demo-")))
        # Embedded PostgreSQL may run under another account, which needs access.
        directory.chmod(0o711)
        for folder in ("mails", "data"):
            directory.joinpath(folder).mkdir()
        directory.joinpath("data", weather.FILE).write_bytes(weather.content())

        postgres = stack.enter_context(EmbeddedPostgres(directory / "pg"))
        redis = stack.enter_context(EmbeddedRedis(directory / "redis"))
        with signals_deferred():
            mail = stack.enter_context(MailSink(DemoMailbox(directory / "mails")))
        secret = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
        with signals_deferred():
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
            "API_PORT": str(any_free(HOST)),
            "METRICS_PORT": str(any_free(HOST)),
            "WORKER_SHUTDOWN_TIMEOUT": "3000",
            "LOG_FORMAT": "console",
            "PYTHONUNBUFFERED": "1",
        }
        settings, database = get_settings(), get_database()
        stack.callback(_close_connections, database)
        log = stack.enter_context((directory / "programs.log").open("w", buffering=1))
        _log_to(log, settings, stack)
        migrate.up(database)
        yield DemoSystem(
            directory=directory,
            settings=settings,
            database=database,
            servers=(postgres, redis),
            receiver=receiver,
            api_key=_api_key(database),
            log=log,
            deadline=deadline,
        )


def _forget_settings() -> None:
    """Variables such as DATABASE_URL name real servers. The demo must not touch them."""
    for name in variable_names():
        os.environ.pop(name, None)
    get_settings.cache_clear()
    get_database.cache_clear()


def _api_key(database: Database) -> str:
    with database.transaction() as connection:
        return api_keys.create(connection, KEY_NAME, "submitter")


def _log_to(log: TextIOWrapper, settings: Settings, stack: ExitStack) -> None:
    """Log lines of this process go to the log file: the terminal shows the progress."""
    root, handler = logging.getLogger(), logging.StreamHandler(log)
    handler.setLevel(logging.WARNING)  # aiosmtpd logs every step of every connection
    root.addHandler(handler)
    stack.callback(root.removeHandler, handler)
    configure_logging(settings, "demo")


def _close_connections(database: Database) -> None:
    # Imported late: see `submission`.
    from aeon_jobs.middleware.job import broker

    broker().database.dispose()
    broker().close()
    database.dispose()
