"""One session with the SMTP server that SMTP_HOST names, and what its replies mean.

A reply says by its first digit whether trying again can help (RFC 5321, 4.2.1): 4 may pass, 5 will not.
Whatever breaks the connection may pass too. Once the server has accepted the message the job is done: what
happens to the QUIT after it must not send the message a second time.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any, NoReturn

from aeon_jobs.actors.data_processing.excerpt import excerpt
from aeon_jobs.middleware.execution.outcomes import PermanentError, TransientError
from aeon_jobs.persistence.core.settings import Settings

Refusals = dict[str, dict[str, Any]]


def send(
    settings: Settings,
    message: EmailMessage,
    sender: str,
    recipients: list[str],
    tls: ssl.SSLContext | None = None,
) -> Refusals:
    """Hand `message` to the server; return the recipients that it refused while it accepted others.

    Raises:
        PermanentError: a 5xx reply, every recipient refused for good, or no STARTTLS where it is demanded.
        TransientError: a 4xx reply, or no connection.
    """
    try:
        with _connection(settings, tls or ssl.create_default_context()) as smtp:
            refused = smtp.send_message(message, sender, recipients)
    except (smtplib.SMTPException, OSError) as error:
        _classify(error, f"{settings.smtp_host}:{settings.smtp_port}")
    return {address: _refusal(*reply) for address, reply in refused.items()}


@contextmanager
def _connection(settings: Settings, tls: ssl.SSLContext) -> Iterator[smtplib.SMTP]:
    smtp = _dial(settings, tls)
    try:
        if settings.smtp_tls == "starttls":
            # Raises when the server does not offer it: never on without the encryption that was asked for.
            smtp.starttls(context=tls)
        if settings.smtp_user and settings.smtp_password:
            smtp.login(settings.smtp_user, settings.smtp_password.get_secret_value())
        yield smtp
    finally:
        # Not smtplib's own `with`: that raises on a bad reply to QUIT, after the message was accepted.
        with suppress(smtplib.SMTPException, OSError):
            smtp.quit()
        smtp.close()


def _dial(settings: Settings, tls: ssl.SSLContext) -> smtplib.SMTP:
    address = (settings.smtp_host, settings.smtp_port)
    seconds = settings.smtp_timeout / 1000
    # Named, or smtplib asks the DNS for it at every mail, which no timeout bounds.
    name = parseaddr(settings.smtp_from)[1].rpartition("@")[2] or "localhost"
    if settings.smtp_tls == "tls":
        return smtplib.SMTP_SSL(*address, local_hostname=name, timeout=seconds, context=tls)
    return smtplib.SMTP(*address, local_hostname=name, timeout=seconds)


def _classify(error: Exception, server: str) -> NoReturn:
    match error:
        case smtplib.SMTPRecipientsRefused(recipients=replies):
            _raise_for(
                min(code for code, _ in replies.values()),
                f"{server} refused every recipient",
                _first(replies),
            )
        case smtplib.SMTPAuthenticationError():
            _raise_for(error.smtp_code, f"{server} refused the login", error.smtp_error)
        case smtplib.SMTPResponseException():
            _raise_for(error.smtp_code, f"{server} refused the message", error.smtp_error)
        case smtplib.SMTPNotSupportedError():
            raise PermanentError(f"{server} can not do what is asked: {excerpt(str(error))}") from None
    raise TransientError(
        f"the SMTP session with {server} failed: {excerpt(str(error)) or type(error).__name__}"
    ) from None


def _raise_for(code: int, what: str, text: bytes | str) -> NoReturn:
    """smtplib uses code -1 for a reply that was no reply; that is a connection gone bad."""
    kind = PermanentError if 500 <= code < 600 else TransientError
    raise kind(f"{what}: {code} {excerpt(text)}") from None


def _first(replies: dict[str, tuple[int, bytes]]) -> bytes:
    return next(iter(replies.values()))[1]


def _refusal(code: int, text: bytes) -> dict[str, Any]:
    return {"code": code, "message": excerpt(text)}
