"""What `aeon-jobs up` provides for the built-in job types: a mail server, a webhook secret, a folder with a sample file.

It does so only beside its own PostgreSQL, where every job is the owner's. With a shared database, it would take mails of other
users and keep them here. A variable that the environment sets is never replaced.
"""

from __future__ import annotations

import base64
import importlib.util
import secrets
import sys
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from aeon_jobs.ops import environment_file, private_file
from aeon_jobs.ops.demo import weather
from aeon_jobs.ops.ports import first_free
from aeon_jobs.ops.programs import GRACE_S, Program, StopRank
from aeon_jobs.ops.up_messages import short

HOST = "127.0.0.1"
FIRST_SMTP_PORT = 1025
"""The usual port of mail servers for development."""

LOOPBACK = "localhost, 127.0.0.1, [::1]"


@dataclass(frozen=True, slots=True)
class LocalServices:
    programs: tuple[Program, ...]
    summary: tuple[str, ...]
    """Lines for the person who started `up`."""


def provide(data_dir: Path, environ: MutableMapping[str, str]) -> LocalServices:
    """Make the files, and put the variables into `environ`."""
    mail_sink = _mail_sink(mail_folder(data_dir), environ)
    summary = (*_mail_lines(mail_sink, environ), *_webhooks(data_dir, environ), *_files(data_dir / "files", environ))
    return LocalServices((mail_sink,) if mail_sink else (), summary)


def mail_folder(data_dir: Path) -> Path:
    return data_dir / "mails"


def _mail_sink(folder: Path, environ: MutableMapping[str, str]) -> Program | None:
    if _is_set(environ, environment_file.SMTP) or importlib.util.find_spec("aiosmtpd") is None:
        return None
    if (port := first_free(HOST, FIRST_SMTP_PORT)) is None:
        return None
    folder.mkdir(mode=0o700, exist_ok=True)
    environ.update({"SMTP_HOST": HOST, "SMTP_PORT": str(port), "SMTP_TLS": "none"})
    argv = (sys.executable, "-P", "-m", "aeon_jobs.ops.mail_sink", str(folder), str(port))
    return Program("mails", argv, StopRank.DELIVERY, stop_limit=GRACE_S)


def _mail_lines(mail_sink: Program | None, environ: MutableMapping[str, str]) -> Iterator[str]:
    if mail_sink:
        yield f"Mails       kept here, not sent (SMTP {HOST}:{environ['SMTP_PORT']}); show them: aeon-jobs mails"
    elif not _is_set(environ, environment_file.SMTP):
        yield "Mails       no local mail server: pip install 'aeon-jobs[demo]', or set SMTP_HOST"


def _webhooks(data_dir: Path, environ: MutableMapping[str, str]) -> Iterator[str]:
    if not _is_set(environ, ("WEBHOOK_SECRET",)):
        file = data_dir / "webhook-secret"
        private_file.read_or_create(file, _new_webhook_secret)
        environ["WEBHOOK_SECRET_FILE"] = str(file)
        yield f"Webhooks    signed with the secret in {short(file)}"
    if "WEBHOOK_ALLOW_HOSTS" not in environ and _is_loopback(environ.get("API_HOST") or HOST):
        environ["WEBHOOK_ALLOW_HOSTS"] = LOOPBACK
        yield "            may call programs on this machine; WEBHOOK_ALLOW_HOSTS= forbids it"


def _files(folder: Path, environ: MutableMapping[str, str]) -> Iterator[str]:
    if _is_set(environ, ("DATA_ROOT",)):
        return
    folder.mkdir(exist_ok=True)
    sample = folder / weather.FILE
    if not sample.exists():
        sample.write_bytes(weather.content())
    environ["DATA_ROOT"] = str(folder)
    yield f"Files       in {short(folder)}; a sample: {weather.FILE}"


def _new_webhook_secret() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def _is_set(environ: MutableMapping[str, str], names: tuple[str, ...]) -> bool:
    return any(environ.get(name) or environ.get(f"{name}_FILE") for name in names)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
