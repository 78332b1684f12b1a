"""The demo's SMTP server: each mail that it accepts becomes a file. It refuses some:

nobody@…    always: 550
grey…@…     the first time: 451, as greylisting servers do
"""

from __future__ import annotations

from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from aeon_jobs.ops.mail_sink import Mailbox

REFUSAL = "550 5.1.1 there is no such mailbox"
NOT_YET = "451 4.7.1 greylisted, try again in a moment"


class DemoMailbox(Mailbox):
    """
    Args:
        folder: an existing folder, for the mails.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._greylisted: set[str] = set()

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("nobody@"):
            return REFUSAL
        if address.startswith("grey") and address not in self._greylisted:
            self._greylisted.add(address)
            return NOT_YET
        envelope.rcpt_tos.append(address)
        return "250 OK"
