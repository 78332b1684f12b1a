"""The mail server of `up`: it takes every mail and keeps it as a file."""

from __future__ import annotations

import signal
import smtplib
import subprocess
import sys
from pathlib import Path

import pytest

from aeon_jobs.ops import mails
from aeon_jobs.ops.mail_sink import HOST, Mailbox, MailSink
from aeon_jobs.ops.mails import RECIPIENTS, MailFolder, MailNotFound
from aeon_jobs.ops.ports import first_free
from tests.waiting import wait_for

MAIL = b"From: shop@example.com\r\nSubject: hello\r\n\r\nfirst\r\n.\r\nlast\r\n"


def send(port: int, *recipients: str) -> None:
    with smtplib.SMTP(HOST, port) as smtp:
        smtp.sendmail("shop@example.com", recipients, MAIL)


def test_a_mail_becomes_a_file_with_its_recipients(tmp_path: Path) -> None:
    with MailSink(Mailbox(tmp_path)) as sink:
        send(sink.port, "ann@example.com", "ben@example.com")
        send(sink.port, "nobody@example.com")
    folder = MailFolder(tmp_path)
    assert [mail.number for mail in folder.all()] == [1, 2]
    mail = folder.get(1)
    assert mail.message[RECIPIENTS] == "ann@example.com, ben@example.com"
    assert mail.text.splitlines() == ["first", ".", "last"]
    with pytest.raises(MailNotFound, match="there is no mail 3"):
        folder.get(3)


def test_numbers_go_on_after_a_restart_and_old_mails_are_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mails, "KEPT", 2)
    for _ in range(4):
        MailFolder(tmp_path).add(["ann@example.com"], MAIL)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["0003.eml", "0004.eml"]


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_the_program_serves_until_it_is_told_to_stop(tmp_path: Path, stop: signal.Signals) -> None:
    port = first_free(HOST, 40_000)
    assert port
    program = subprocess.Popen([sys.executable, "-m", "aeon_jobs.ops.mail_sink", str(tmp_path), str(port)])

    def sent() -> bool:
        try:
            send(port, "ann@example.com")
        except ConnectionRefusedError:
            return False
        return True

    try:
        wait_for(sent)
    finally:
        program.send_signal(stop)
        status = program.wait(20)
    assert status == 0
    assert len(MailFolder(tmp_path).all()) == 1
