"""The demo's mail server and webhook receiver, used as workers use them."""

from __future__ import annotations

import base64
import smtplib
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from aeon_jobs.actors.webhook_delivery.standard_webhooks import sign
from aeon_jobs.ops.demo.mail_server import DemoMailbox
from aeon_jobs.ops.demo.webhook_receiver import ANSWERS, RETRY_AFTER_S, WebhookReceiver
from aeon_jobs.ops.mail_sink import HOST, MailSink
from aeon_jobs.ops.mails import RECIPIENTS, MailFolder

SECRET = f"whsec_{base64.b64encode(bytes(32)).decode()}"
SENDER = "demo@demo.example"
MAIL = b"Subject: hello\r\n\r\nfirst\r\n.\r\nlast\r\n"


@pytest.fixture
def mail_server(tmp_path: Path) -> Iterator[MailSink]:
    with MailSink(DemoMailbox(tmp_path)) as server:
        yield server


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver(SECRET) as receiver:
        yield receiver


def test_an_accepted_mail_becomes_a_file_with_its_recipients(mail_server: MailSink, tmp_path: Path) -> None:
    with smtplib.SMTP(HOST, mail_server.port) as smtp:
        smtp.sendmail(SENDER, ["ann@demo.example", "ben@demo.example"], MAIL)
    [mail] = MailFolder(tmp_path).all()
    assert mail.message[RECIPIENTS] == "ann@demo.example, ben@demo.example"
    assert mail.text.splitlines() == ["first", ".", "last"]


def test_an_unknown_recipient_is_always_refused(mail_server: MailSink, tmp_path: Path) -> None:
    with smtplib.SMTP(HOST, mail_server.port) as smtp:
        for _ in range(2):
            with pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
                smtp.sendmail(SENDER, "nobody@demo.example", MAIL)
            assert refusal.value.recipients["nobody@demo.example"][0] == 550
    assert MailFolder(tmp_path).all() == []


def test_a_greylisted_recipient_is_accepted_the_second_time(mail_server: MailSink, tmp_path: Path) -> None:
    with smtplib.SMTP(HOST, mail_server.port) as smtp:
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
            smtp.sendmail(SENDER, "grey-1@demo.example", MAIL)
        assert refusal.value.recipients["grey-1@demo.example"][0] == 451
        smtp.sendmail(SENDER, "grey-1@demo.example", MAIL)
    assert len(MailFolder(tmp_path).all()) == 1


def post(receiver: WebhookReceiver, path: str, webhook_id: str = "msg_1", secret: str = SECRET) -> httpx.Response:
    headers = sign(secret, webhook_id, int(time.time()), b"{}")
    return httpx.post(f"http://{receiver.address}{path}", content=b"{}", headers=headers)


@pytest.mark.parametrize("path", ["/steady", "/busy", "/flaky"])
def test_answers_go_by_path_and_try(receiver: WebhookReceiver, path: str) -> None:
    wanted = ANSWERS[path]
    assert tuple(post(receiver, path).status_code for _ in wanted) == wanted
    # Another webhook begins from the beginning.
    assert post(receiver, path, "msg_2").status_code == wanted[0]
    assert [delivery.answer for delivery in receiver.deliveries] == [*wanted, wanted[0]]
    assert all(delivery.genuine for delivery in receiver.deliveries)


def test_busy_sends_retry_after(receiver: WebhookReceiver) -> None:
    assert post(receiver, "/busy").headers["retry-after"] == str(RETRY_AFTER_S)


def test_a_wrong_signature_is_refused_and_recorded(receiver: WebhookReceiver) -> None:
    forged = f"whsec_{base64.b64encode(bytes([1] * 32)).decode()}"
    assert post(receiver, "/steady", secret=forged).status_code == 401
    assert httpx.post(f"http://{receiver.address}/steady", content=b"{}").status_code == 401
    assert [delivery.genuine for delivery in receiver.deliveries] == [False, False]


def test_the_slow_answer_ends_when_the_receiver_does(receiver: WebhookReceiver) -> None:
    headers = sign(SECRET, "msg_1", int(time.time()), b"{}")
    began = time.monotonic()
    with httpx.stream("POST", f"http://{receiver.address}/slow", content=b"{}", headers=headers) as response:
        chunks = response.iter_raw()
        assert next(chunks) == b"."
        receiver.stopping.set()
        for _ in chunks:
            pass
    assert time.monotonic() - began < 10
