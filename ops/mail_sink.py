"""A real SMTP server that delivers nothing: each mail becomes a file. `aeon-jobs up` runs one, the demo another.

python -m aeon_jobs.ops.mail_sink FOLDER PORT
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from aeon_jobs.ops.mails import MailFolder

HOST = "127.0.0.1"
SERVER_NAME = "mail.localhost"


class Mailbox:
    """The hooks that aiosmtpd calls, all of them in its one event loop. It accepts every recipient."""

    def __init__(self, folder: Path) -> None:
        self._folder = MailFolder(folder)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        content: Any = envelope.content
        self._folder.add(envelope.rcpt_tos, content)
        return "250 accepted"


class MailSink:
    """Listens while its `with` block lasts.

    Args:
        mailbox: decides what is accepted, and stores it.
        port: 0 for one that the system chooses.
    """

    def __init__(self, mailbox: Mailbox, port: int = 0) -> None:
        # With a name given, aiosmtpd does not ask DNS for one at every connection.
        self._controller = _OnAnyPort(mailbox, hostname=HOST, port=port, server_hostname=SERVER_NAME)

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


class _OnAnyPort(Controller):
    def _trigger_server(self) -> None:
        # aiosmtpd connects to itself before it reports that it is ready, and needs the port for that.
        server: Any = self.server
        self.port = server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


def run(folder: Path, port: int) -> None:
    """Serve until TERM or INT."""
    stops = {signal.SIGTERM, signal.SIGINT}
    # Blocked before the server's thread starts, which inherits that: the signals wait for sigwait.
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    with MailSink(Mailbox(folder), port):
        signal.sigwait(stops)


if __name__ == "__main__":
    run(Path(sys.argv[1]), int(sys.argv[2]))
