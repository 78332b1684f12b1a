"""A real SMTP server for the demo. Each mail that it accepts becomes a file; some it does not accept.

nobody@…    refused for good: 550
grey…@…     told to come back, the first time: 451, as greylisting servers do
"""

from __future__ import annotations

from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

HOST = "127.0.0.1"
REFUSAL = "550 5.1.1 there is no such mailbox"
NOT_YET = "451 4.7.1 greylisted, come back in a moment"
RECIPIENT_HEADER = "X-RcptTo"


class MailServer:
    """Listens while its `with` block lasts, on a port that the system chose.

    Args:
        outbox: an existing folder; the mails are written there as 0001.eml, 0002.eml …
    """

    def __init__(self, outbox: Path) -> None:
        # Given a name, aiosmtpd need not ask DNS for one at every connection.
        self._controller = _OnAnyPort(Mailbox(outbox), hostname=HOST, port=0, server_hostname="mail.demo.example")

    @property
    def port(self) -> int:
        return int(self._controller.port)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._controller.stop()


class Mailbox:
    """The hooks that aiosmtpd calls; all of them in its one event loop."""

    def __init__(self, outbox: Path) -> None:
        self._outbox = outbox
        self._numbers = count(1)
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

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        # The envelope is written down too, as mail servers do: headers need not name the real recipients.
        recipients = f"{RECIPIENT_HEADER}: {', '.join(envelope.rcpt_tos)}\r\n".encode()
        content: Any = envelope.content
        self._outbox.joinpath(f"{next(self._numbers):04d}.eml").write_bytes(recipients + content)
        return "250 accepted"


class _OnAnyPort(Controller):
    def _trigger_server(self) -> None:
        # aiosmtpd connects to itself before it says that it is ready, and needs to know where.
        server: Any = self.server
        self.port = server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]
