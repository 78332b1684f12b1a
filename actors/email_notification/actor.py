"""`email_notification`: one message through the SMTP server of the settings.

The Message-ID comes from the job's id: if an attempt was accepted but its outcome was lost, the second copy
carries the same one and mail systems recognise it. Header injection is impossible: what could break a line is
refused by the payload's schema, and again by EmailMessage.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from aeon_jobs.actors.email_notification import mail_relay
from aeon_jobs.middleware.execution.outcomes import PermanentError
from aeon_jobs.middleware.execution.running import current_job
from aeon_jobs.middleware.job import job
from aeon_jobs.persistence.core.settings import get_settings

# Everything that any reader takes for the end of a line, and the other control characters.
_BREAKS = r"[\x00-\x1f\x7f\x85\u2028\u2029]"
# An atom of RFC 5322 without `?`, so that no address can be read as an encoded word.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=^_`{|}~-]+"

# `not` beside `pattern`: in Python's regular expressions `$` lets a final newline pass.
EmailAddress = Annotated[
    str,
    Field(
        description="a bare address such as ann@example.com; international domains in their xn-- form",
        max_length=254,
        pattern=rf"^{_ATOM}(?:\.{_ATOM})*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*$",
        json_schema_extra={"not": {"pattern": _BREAKS}},
    ),
]
EmailAddresses = EmailAddress | Annotated[list[EmailAddress], Field(min_length=1, max_length=100)]
Subject = Annotated[
    str,
    Field(
        description="one line",
        min_length=1,
        max_length=998,
        pattern=r"^[^\x00-\x1f\x7f\x85\u2028\u2029]+$",
        json_schema_extra={"not": {"pattern": _BREAKS}},
    ),
]


@job(
    name="email_notification",
    queue="default",
    priority=50,
    max_retries=3,
    timeout=timedelta(seconds=60),
    description="Send an e-mail through the SMTP server of the settings.",
    example={"to": "ann@example.com", "subject": "Your order", "body": "It is on its way."},
)
def email_notification(
    to: EmailAddresses,
    subject: Subject,
    body: Annotated[str, Field(description="plain text")],
    html: Annotated[str | None, Field(description="the same as a web page, shown where the reader prefers it")] = None,
    cc: EmailAddresses | None = None,
    reply_to: EmailAddress | None = None,
) -> dict[str, Any]:
    """Send it; return message_id, accepted recipients, and refused ones with the server's reply."""
    current, settings = current_job(), get_settings()
    current.check()
    recipients, copies = _listed(to), _listed(cc)
    message = compose(settings.smtp_from, current.id, recipients, subject, body, html, copies, reply_to)
    everybody = list(dict.fromkeys(recipients + copies))
    refused = mail_relay.send(settings, message, _sender(settings.smtp_from), everybody)
    return {
        "message_id": str(message["Message-ID"]),
        "accepted": [address for address in everybody if address not in refused],
        "refused": refused,
    }


def compose(
    sender: str,
    job_id: UUID,
    to: list[str],
    subject: str,
    body: str,
    html: str | None = None,
    cc: list[str] | None = None,
    reply_to: str | None = None,
) -> EmailMessage:
    """The message as it goes over the transport.

    Raises:
        PermanentError: a part of it can not be written as e-mail.
    """
    message = EmailMessage(policy=SMTP)
    try:
        message["From"] = sender
        message["To"] = ", ".join(to)
        if cc:
            message["Cc"] = ", ".join(cc)
        if reply_to:
            message["Reply-To"] = reply_to
        message["Subject"] = subject
        message["Date"] = format_datetime(datetime.now(UTC))
        message["Message-ID"] = f"<{job_id}@{_sender(sender).rpartition('@')[2]}>"
        # RFC 3834: vacation responders keep quiet.
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(body)
        if html is not None:
            message.add_alternative(html, subtype="html")
        # An encoded word whose bytes are no text is noticed here, or at the server, at every try.
        message.as_bytes()
    except ValueError:
        raise PermanentError("the message can not be written as e-mail") from None
    _refuse_breaks(message)
    return message


def _refuse_breaks(message: EmailMessage) -> None:
    """EmailMessage decodes encoded words (`=?utf-8?q?a=0D=0ABcc:…?=`) in what it is given, and writes a line break
    that comes out of one as it is: a header of the sender's choice. The schema can not see those.
    """
    for name, value in message.items():
        if re.search(_BREAKS, str(value)):
            raise PermanentError(f"{name}: holds an encoded line break")


def _listed(addresses: str | list[str] | None) -> list[str]:
    if addresses is None:
        return []
    return [addresses] if isinstance(addresses, str) else addresses


def _sender(smtp_from: str) -> str:
    """The bare address of SMTP_FROM, which may carry a display name."""
    address = parseaddr(smtp_from)[1]
    if "@" not in address:
        raise PermanentError("SMTP_FROM is not an address")
    return address
