"""Real sessions with real SMTP servers: aiosmtpd where a server behaves, a scripted one where it does not."""

from __future__ import annotations

import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from aeon_jobs.actors import email_notification
from aeon_jobs.middleware.execution.outcomes import PermanentError, TransientError
from aeon_jobs.middleware.execution.running import CurrentJob, set_current
from aeon_jobs.persistence.core.errors import InvalidJob
from aeon_jobs.persistence.core.settings import get_settings

PAYLOAD: dict[str, Any] = {"to": "ann@example.com", "subject": "Your order", "body": "It is on its way.\n"}


class Mailbox:
    """Takes mail as aiosmtpd's handler does; `refuse` maps a recipient to the reply that it gets."""

    def __init__(self, refuse: dict[str, str] | None = None, data_reply: str = "250 OK") -> None:
        self.refuse, self.data_reply = refuse or {}, data_reply
        self.envelopes: list[Envelope] = []
        self.were_encrypted: list[bool] = []

    async def handle_RCPT(  # noqa: N802 (the name that aiosmtpd looks for)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if reply := self.refuse.get(address):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.were_encrypted.append(session.ssl is not None)
        if self.data_reply.startswith("2"):
            self.envelopes.append(envelope)
        return self.data_reply

    def message(self) -> EmailMessage:
        (envelope,) = self.envelopes
        parsed = message_from_bytes(envelope.content, policy=default)  # type: ignore[arg-type]
        assert isinstance(parsed, EmailMessage)
        return parsed


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def set_variables(port: int, **variables: str) -> None:
        given = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(port), "SMTP_TLS": "none", "SMTP_TIMEOUT": "5000"}
        for name, value in {**given, "SMTP_FROM": "Shop <shop@example.org>", **variables}.items():
            monkeypatch.setenv(name, value)
        get_settings.cache_clear()

    return set_variables


@contextmanager
def serving(mailbox: Mailbox, **options: Any) -> Iterator[int]:
    controller = Controller(mailbox, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


@contextmanager
def scripted(replies: dict[str, str | None], greeting: str | None = "220 ready") -> Iterator[int]:
    """A server that answers each verb as told; None hangs up. After DATA the reply to `.` is told too."""

    class Conversation(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            if not self.say(greeting):
                return
            in_data = False
            for line in self.rfile:
                verb = line.strip().decode().split(" ")[0].split(":")[0].upper()
                if in_data and verb != ".":
                    continue
                reply = replies.get(verb, "354 go on" if verb == "DATA" else "250 OK")
                if not self.say(reply):
                    return
                in_data = reply == "354 go on"
                if verb == "QUIT":
                    return

        def say(self, reply: str | None) -> bool:
            if reply is not None:
                self.wfile.write(reply.encode() + b"\r\n")
            return reply is not None

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Conversation) as server:
        server.block_on_close = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def test_a_message_arrives_as_it_was_written(configure):
    mailbox = Mailbox()
    with serving(mailbox) as port:
        configure(port)
        result = email_notification(
            to=["ann@example.com", "bob@example.com"],
            subject="Ihre Bestellung Nº 5 ✓",
            body="Grüße\n.\nend\n",
            html="<p>Grüße</p>",
            cc="carl@example.com",
            reply_to="help@example.org",
        )
    message, (envelope,) = mailbox.message(), mailbox.envelopes
    assert envelope.mail_from == "shop@example.org"
    assert envelope.rcpt_tos == ["ann@example.com", "bob@example.com", "carl@example.com"]
    assert message["From"] == "Shop <shop@example.org>"
    assert message["To"] == "ann@example.com, bob@example.com"
    assert message["Cc"] == "carl@example.com"
    assert message["Reply-To"] == "help@example.org"
    assert message["Subject"] == "Ihre Bestellung Nº 5 ✓"
    assert message["Date"].datetime.tzinfo is not None
    assert message["Message-ID"] == result["message_id"]
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().replace("\r\n", "\n") == "Grüße\n.\nend\n"
    assert html.get_content().strip() == "<p>Grüße</p>"
    assert result == {
        "message_id": result["message_id"],
        "accepted": ["ann@example.com", "bob@example.com", "carl@example.com"],
        "refused": {},
    }


def test_every_attempt_of_a_job_carries_the_same_message_id(configure):
    mailbox, job = Mailbox(), CurrentJob(None, None)
    set_current(job)
    try:
        with serving(mailbox) as port:
            configure(port)
            first, second = email_notification(**PAYLOAD), email_notification(**PAYLOAD)
    finally:
        set_current(None)
    assert first["message_id"] == second["message_id"] == f"<{job.id}@example.org>"
    assert len(mailbox.envelopes) == 2


def test_a_recipient_named_twice_gets_one_copy(configure):
    mailbox = Mailbox()
    with serving(mailbox) as port:
        configure(port)
        email_notification(**PAYLOAD | {"cc": ["ann@example.com"]})
    assert mailbox.envelopes[0].rcpt_tos == ["ann@example.com"]


def test_some_recipients_refused_is_a_result_not_an_error(configure):
    mailbox = Mailbox(refuse={"gone@example.com": "550 no such user", "full@example.com": "452 mailbox full"})
    with serving(mailbox) as port:
        configure(port)
        result = email_notification(**PAYLOAD | {"to": ["ann@example.com", "gone@example.com", "full@example.com"]})
    assert result["accepted"] == ["ann@example.com"]
    assert result["refused"] == {
        "gone@example.com": {"code": 550, "message": "no such user"},
        "full@example.com": {"code": 452, "message": "mailbox full"},
    }


@pytest.mark.parametrize(
    ("refuse", "kind"),
    [
        ({"ann@example.com": "550 no such user", "bob@example.com": "550 no such user"}, PermanentError),
        ({"ann@example.com": "450 greylisted", "bob@example.com": "450 greylisted"}, TransientError),
        ({"ann@example.com": "550 no such user", "bob@example.com": "450 greylisted"}, TransientError),
    ],
)
def test_when_every_recipient_is_refused_one_hope_is_enough_to_retry(configure, refuse, kind):
    with serving(Mailbox(refuse=refuse)) as port:
        configure(port)
        with pytest.raises(kind, match="refused every recipient"):
            email_notification(**PAYLOAD | {"to": ["ann@example.com", "bob@example.com"]})


@pytest.mark.parametrize(
    ("replies", "greeting", "kind", "complaint"),
    [
        ({".": "554 looks like spam"}, "220 ready", PermanentError, "554 looks like spam"),
        ({".": "451 try later"}, "220 ready", TransientError, "451 try later"),
        ({".": None}, "220 ready", TransientError, "SMTP session"),
        ({"DATA": "554 no"}, "220 ready", PermanentError, "554 no"),
        ({"DATA": None}, "220 ready", TransientError, "SMTP session"),
        ({"MAIL": "553 not you"}, "220 ready", PermanentError, "553 not you"),
        ({"MAIL": "421 busy"}, "220 ready", TransientError, "421 busy"),
        ({"RCPT": "421 busy"}, "220 ready", TransientError, "421 busy"),
        ({"EHLO": None}, "220 ready", TransientError, "SMTP session"),
        ({"EHLO": "500 what", "HELO": "550 not you"}, "220 ready", PermanentError, "550 not you"),
        ({}, "554 go away", PermanentError, "554 go away"),
        ({}, "421 too many", TransientError, "421 too many"),
        ({}, None, TransientError, "SMTP session"),
        ({}, "HTTP/1.1 400 Bad Request", TransientError, "127.0.0.1"),
    ],
)
def test_a_reply_decides_between_retry_and_dead_letter(configure, replies, greeting, kind, complaint):
    with scripted(replies, greeting) as port:
        configure(port)
        with pytest.raises(kind, match=complaint):
            email_notification(**PAYLOAD)


@pytest.mark.parametrize("reply", ["500 no", "421 closing", None])
def test_a_bad_end_after_the_message_was_accepted_sends_nothing_twice(configure, reply):
    with scripted({"QUIT": reply}) as port:
        configure(port)
        assert email_notification(**PAYLOAD)["accepted"] == ["ann@example.com"]


def test_a_server_that_is_not_there_may_come_back(configure):
    configure(free_port())
    with pytest.raises(TransientError, match="SMTP session"):
        email_notification(**PAYLOAD)


def test_a_server_that_says_nothing_is_left_after_the_timeout(configure):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        configure(silent.getsockname()[1], SMTP_TIMEOUT="50")
        with pytest.raises(TransientError, match="timed out"):
            email_notification(**PAYLOAD)


def test_a_host_that_does_not_resolve_may_later(configure):
    configure(25, SMTP_HOST="nowhere.invalid")
    with pytest.raises(TransientError, match=r"the SMTP session with nowhere\.invalid:25 failed"):
        email_notification(**PAYLOAD)


def test_replies_are_made_fit_for_the_database(configure):
    with scripted({".": "554 \x00\x1b[31m" + "x" * 400}) as port:
        configure(port)
        with pytest.raises(PermanentError) as caught:
            email_notification(**PAYLOAD)
    assert "\0" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 300


# --- login and encryption -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-made certificate for localhost, and its key."""
    if not shutil.which("openssl"):
        pytest.skip("needs the openssl command")
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key


@pytest.fixture
def server_tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    return context


@pytest.fixture
def trusted(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """As an operator adds a certificate authority: OpenSSL's own variable."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))


def check_login(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    assert isinstance(data, LoginPassword)
    return AuthResult(success=(data.login, data.password) == (b"shop", b"correct horse"), handled=False)


def test_starttls_and_login(configure, server_tls, trusted):
    mailbox = Mailbox()
    with serving(mailbox, tls_context=server_tls, authenticator=check_login, auth_required=True) as port:
        configure(port, SMTP_HOST="localhost", SMTP_TLS="starttls", SMTP_USER="shop", SMTP_PASSWORD="correct horse")
        email_notification(**PAYLOAD)
    assert mailbox.were_encrypted == [True]


def test_a_wrong_password_is_permanent_and_not_shown(configure, server_tls, trusted):
    with serving(Mailbox(), tls_context=server_tls, authenticator=check_login) as port:
        configure(port, SMTP_HOST="localhost", SMTP_TLS="starttls", SMTP_USER="shop", SMTP_PASSWORD="wrong horse")
        with pytest.raises(PermanentError, match="refused the login: 535") as caught:
            email_notification(**PAYLOAD)
    assert "horse" not in str(caught.value)


def test_a_login_that_fails_for_now_is_tried_again(configure):
    replies = {"EHLO": "250-hello\r\n250 AUTH PLAIN", "AUTH": "454 directory is down"}
    with scripted(replies) as port:
        configure(port, SMTP_USER="shop", SMTP_PASSWORD="correct horse")
        with pytest.raises(TransientError, match="refused the login: 454"):
            email_notification(**PAYLOAD)


def test_tls_from_the_first_byte(configure, server_tls, trusted):
    mailbox = Mailbox()
    with serving(mailbox, ssl_context=server_tls) as port:
        configure(port, SMTP_HOST="localhost", SMTP_TLS="tls")
        email_notification(**PAYLOAD)
    assert len(mailbox.envelopes) == 1


@pytest.mark.parametrize("mode", ["starttls", "tls"])
def test_a_certificate_that_nobody_vouches_for_is_not_accepted(configure, server_tls, mode):
    options = {"tls_context": server_tls} if mode == "starttls" else {"ssl_context": server_tls}
    mailbox = Mailbox()
    with serving(mailbox, **options) as port:
        configure(port, SMTP_HOST="localhost", SMTP_TLS=mode)
        with pytest.raises(TransientError, match="CERTIFICATE_VERIFY_FAILED"):
            email_notification(**PAYLOAD)
    assert mailbox.envelopes == []


def test_a_certificate_for_another_name_is_not_accepted(configure, server_tls, trusted):
    with serving(Mailbox(), tls_context=server_tls) as port:
        configure(port, SMTP_HOST="127.0.0.1", SMTP_TLS="starttls")
        with pytest.raises(TransientError, match="CERTIFICATE_VERIFY_FAILED"):
            email_notification(**PAYLOAD)


def test_without_starttls_nothing_is_sent_in_the_clear(configure):
    mailbox = Mailbox()
    with serving(mailbox) as port:
        configure(port, SMTP_TLS="starttls", SMTP_USER="shop", SMTP_PASSWORD="correct horse")
        with pytest.raises(PermanentError, match="STARTTLS"):
            email_notification(**PAYLOAD)
    assert mailbox.envelopes == []


# --- header injection ---------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["to", "cc", "reply_to", "subject"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\x00", "\x0b", "\x85", "\u2028"])
def test_a_line_can_not_be_broken_out_of(configure, field, end):
    for text in (f"a@example.com{end}Bcc: eve@example.com", f"a@example.com{end}"):
        with pytest.raises(InvalidJob, match=field):
            email_notification(**PAYLOAD | {field: text})


@pytest.mark.parametrize(
    "subject",
    [
        "=?utf-8?q?a=0D=0ABcc:_eve@example.com?=",
        "=?utf-8?q?a=0ABcc:_eve@example.com?=",
        "=?utf-8?b?YQ0KQmNjOiBlQHguZGU=?=",
        "Hello =?utf-8?q?a=0DBcc:_eve@example.com?= there",
    ],
)
def test_an_encoded_line_break_is_refused_too(configure, subject):
    mailbox = Mailbox()
    with serving(mailbox) as port:
        configure(port)
        with pytest.raises(PermanentError, match="Subject: holds an encoded line break"):
            email_notification(**PAYLOAD | {"subject": subject})
    assert mailbox.envelopes == []


@pytest.mark.parametrize("subject", ["2 + 2 =?", "=?utf-8?q?caf=C3=A9?=", "a =? b ?= c", "x" * 998, "ü" * 998])
def test_odd_subjects_break_no_line(configure, subject):
    mailbox = Mailbox()
    with serving(mailbox) as port:
        configure(port)
        email_notification(**PAYLOAD | {"subject": subject})
    message = mailbox.message()
    assert message["Bcc"] is None
    assert message.get_content().strip() == PAYLOAD["body"].strip()
