"""Mails as files: 0001.eml, 0002.eml … in one folder. `mail_sink` writes them, `aeon-jobs mails` shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from aeon_jobs.persistence.core.errors import JobsError

RECIPIENTS = "X-RcptTo"
"""Header with the recipients of the SMTP session; the other headers need not name them."""

KEPT = 1_000
"""The newest mails of a folder; older ones are deleted."""


class MailNotFound(JobsError):
    def __init__(self, number: int) -> None:
        super().__init__(f"there is no mail {number}")


@dataclass(frozen=True, slots=True)
class Mail:
    number: int
    received_at: datetime
    message: EmailMessage

    @property
    def text(self) -> str:
        """The plain text; of a mail without one, the HTML."""
        body = self.message.get_body(("plain", "html"))
        return str(body.get_content()) if body else ""


class MailFolder:
    """A folder of mails. One process writes; any number may read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, recipients: Sequence[str], content: bytes) -> None:
        """Store a mail under the next number."""
        number = max(self._numbers(), default=0) + 1
        file = self._file(number)
        # Under its name only when it is whole: a reader never sees a part.
        part = file.with_suffix(".part")
        part.write_bytes(f"{RECIPIENTS}: {', '.join(recipients)}\r\n".encode() + content)
        part.rename(file)
        self._file(number - KEPT).unlink(missing_ok=True)

    def all(self) -> list[Mail]:
        """Every mail, oldest first."""
        return [self.get(number) for number in sorted(self._numbers())]

    def get(self, number: int) -> Mail:
        """
        Raises:
            MailNotFound
        """
        file = self._file(number)
        try:
            content, modified = file.read_bytes(), file.stat().st_mtime
        except FileNotFoundError:
            raise MailNotFound(number) from None
        return Mail(number, datetime.fromtimestamp(modified, UTC), message_from_bytes(content, policy=policy.default))

    def _numbers(self) -> list[int]:
        return [int(file.stem) for file in self._path.glob("*.eml") if file.stem.isdigit()]

    def _file(self, number: int) -> Path:
        return self._path / f"{number:04d}.eml"
