"""Deliveries to a real HTTP server, which checks the signature as a receiver would."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from aeon_jobs.actors import webhook_delivery
from aeon_jobs.actors.webhook_delivery.delivery import post
from aeon_jobs.actors.webhook_delivery.ssrf import AddressGuard
from aeon_jobs.actors.webhook_delivery.standard_webhooks import SignatureError, verify
from aeon_jobs.middleware.execution.outcomes import PermanentError, TransientError
from aeon_jobs.middleware.execution.running import CurrentJob, set_current
from aeon_jobs.persistence.core.errors import InvalidJob
from aeon_jobs.persistence.core.settings import get_settings

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
DATA = {"order_id": "A-1001", "name": "Jörg"}


@dataclass
class Receiver:
    """Answers as told and keeps what it got; `raw` writes the whole answer by itself."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"thanks"
    raw: Callable[[socket.socket], None] | None = None
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@contextmanager
def serving(receiver: Receiver, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            names = [name.lower() for name in self.headers]
            assert len(names) == len(set(names))
            receiver.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            if receiver.raw:
                self.close_connection = True
                receiver.raw(self.connection)
                return
            self.send_response(receiver.status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(receiver.body)))
            self.end_headers()
            self.wfile.write(receiver.body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = False

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that hangs up is part of these tests."""

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        receiver.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def set_variables(**variables: str) -> None:
        for name, value in {"WEBHOOK_SECRET": SECRET, "WEBHOOK_TIMEOUT": "10000", **variables}.items():
            monkeypatch.setenv(name, value)
        get_settings.cache_clear()

    set_variables()
    return set_variables


@pytest.fixture
def receiver(configure: Callable[..., None]) -> Iterator[Receiver]:
    with serving(Receiver()) as running:
        configure(WEBHOOK_ALLOW_HOSTS=f"127.0.0.1:{running.port}")
        yield running


def test_a_delivery_arrives_signed(receiver):
    result = webhook_delivery(url=receiver.url("/hook?a=1"), event="order.paid", data=DATA)
    ((path, headers, body),) = receiver.requests
    verify(SECRET, headers, body)
    assert path == "/hook?a=1"
    assert json.loads(body) == {"type": "order.paid", "data": DATA}
    assert headers["content-type"] == "application/json"
    assert headers["host"] == f"127.0.0.1:{receiver.port}"
    assert result | {"duration_ms": ...} == {
        "status": 200,
        "duration_ms": ...,
        "webhook_id": headers["webhook-id"],
        "response_excerpt": "thanks",
    }
    assert result["duration_ms"] >= 0


def test_every_attempt_of_a_job_carries_the_same_id_and_body(receiver):
    job = CurrentJob(None, None)
    set_current(job)
    try:
        for _ in range(2):
            webhook_delivery(url=receiver.url(), data=DATA)
    finally:
        set_current(None)
    (_, first, body), (_, second, again) = receiver.requests
    assert first["webhook-id"] == second["webhook-id"] == f"msg_{job.id.hex}"
    assert body == again


def test_while_secrets_rotate_both_sign(receiver, configure):
    other = "whsec_" + base64.b64encode(b"f" * 32).decode()
    configure(WEBHOOK_SECRET=f"{SECRET} {other}")
    webhook_delivery(url=receiver.url(), data=DATA)
    _, headers, body = receiver.requests[0]
    verify(SECRET, headers, body)
    verify(other, headers, body)


def test_a_receiver_with_another_secret_is_not_convinced(receiver):
    webhook_delivery(url=receiver.url(), data=DATA)
    _, headers, body = receiver.requests[0]
    with pytest.raises(SignatureError):
        verify("whsec_" + base64.b64encode(b"f" * 32).decode(), headers, body)


def test_the_caller_may_add_headers_but_not_take_ours(receiver):
    webhook_delivery(url=receiver.url(), data=DATA, headers={"X-Tenant": "7", "User-Agent": "shop"})
    headers = receiver.requests[0][1]
    assert headers["x-tenant"] == "7"
    assert headers["user-agent"] == "shop"
    with pytest.raises(InvalidJob, match="headers"):
        webhook_delivery(url=receiver.url(), data=DATA, headers={"Webhook-Signature": "v1,forged"})
    assert len(receiver.requests) == 1


def test_without_a_secret_nothing_is_sent(receiver, monkeypatch):
    monkeypatch.delenv("WEBHOOK_SECRET")
    get_settings.cache_clear()
    with pytest.raises(PermanentError, match="WEBHOOK_SECRET is not set"):
        webhook_delivery(url=receiver.url(), data=DATA)
    assert receiver.requests == []


def test_a_malformed_secret_is_refused_and_not_shown(receiver, configure):
    configure(WEBHOOK_SECRET="whsec_hunter2!!")
    with pytest.raises(PermanentError, match="WEBHOOK_SECRET") as caught:
        webhook_delivery(url=receiver.url(), data=DATA)
    assert "hunter2" not in str(caught.value)
    assert receiver.requests == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::1]", "[::ffff:127.0.0.1]"])
def test_the_guard_keeps_deliveries_out_of_this_machine(receiver, configure, host):
    configure(WEBHOOK_ALLOW_HOSTS="")
    with pytest.raises(PermanentError, match="not on the public internet"):
        webhook_delivery(url=f"http://{host}:{receiver.port}/hook", data=DATA)
    assert receiver.requests == []


def test_a_redirect_is_not_followed(receiver):
    receiver.status, receiver.headers = 302, {"Location": receiver.url("/elsewhere")}
    with pytest.raises(PermanentError, match="redirects are not followed"):
        webhook_delivery(url=receiver.url(), data=DATA)
    assert len(receiver.requests) == 1


def test_proxies_of_the_environment_are_not_used(receiver, monkeypatch):
    """A proxy would resolve the name itself, behind the guard's back."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert webhook_delivery(url=receiver.url(), data=DATA)["status"] == 200


def test_a_busy_receiver_names_the_time_of_the_next_try_within_our_cap(receiver, configure):
    receiver.status, receiver.headers = 429, {"Retry-After": "100000"}
    with pytest.raises(TransientError) as caught:
        webhook_delivery(url=receiver.url(), data=DATA)
    assert caught.value.retry_after == get_settings().job_retry_delay_max / 1000


def test_a_receiver_that_is_gone_for_good_gets_no_more(receiver):
    receiver.status = 410
    with pytest.raises(PermanentError, match="wants no more"):
        webhook_delivery(url=receiver.url(), data=DATA)


def test_a_large_answer_is_cut_and_made_fit_for_the_database(receiver):
    receiver.body = b"\x00\x1b\xff" + b"x" * 1_000_000
    excerpt = webhook_delivery(url=receiver.url(), data=DATA)["response_excerpt"]
    assert len(excerpt) == 1024
    assert excerpt.startswith("\ufffd\ufffd\ufffdx")


def test_an_answer_without_end_is_read_up_to_a_bound(receiver):
    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:  # until the client hangs up
            connection.sendall(b"x" * 65_536)

    receiver.raw = flood
    assert webhook_delivery(url=receiver.url(), data=DATA)["response_excerpt"] == "x" * 1024


def test_a_body_that_breaks_off_does_not_undo_the_delivery(receiver):
    receiver.raw = lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    assert webhook_delivery(url=receiver.url(), data=DATA)["response_excerpt"] == "half"


@pytest.mark.parametrize(
    "answer", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000], ids=["nothing", "garbage", "long"]
)
def test_an_answer_that_is_no_http_may_be_better_next_time(receiver, answer):
    receiver.raw = lambda connection: connection.sendall(answer)
    with pytest.raises(TransientError, match=f"no answer from 127.0.0.1:{receiver.port}"):
        webhook_delivery(url=receiver.url("/s3cret"), data=DATA)


@pytest.mark.parametrize("drop", [b"x", b"HTTP/1.1 200 OK\r\nX-Drip: "], ids=["status line", "header"])
def test_a_receiver_that_drips_is_left_at_the_deadline(receiver, configure, drop):
    """Each byte comes well within any timeout of a single read; without the deadline this would never end."""
    configure(WEBHOOK_TIMEOUT="300", WEBHOOK_ALLOW_HOSTS=f"127.0.0.1:{receiver.port}")
    hung_up = threading.Event()

    def drip(connection: socket.socket) -> None:
        try:
            connection.sendall(drop)
            while not hung_up.wait(0.02):
                connection.sendall(b"y")
        except OSError:
            pass

    receiver.raw = drip
    try:
        with pytest.raises(TransientError, match=r"did not answer within 0\.3 s"):
            webhook_delivery(url=receiver.url(), data=DATA)
    finally:
        hung_up.set()


def test_a_receiver_that_accepts_and_says_nothing_is_left_at_the_deadline(configure):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        configure(WEBHOOK_TIMEOUT="100", WEBHOOK_ALLOW_HOSTS="127.0.0.1")
        with pytest.raises(TransientError, match="did not answer"):
            webhook_delivery(url=f"http://127.0.0.1:{port}/", data=DATA)


def test_a_receiver_that_is_not_there_may_come_back(configure):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    configure(WEBHOOK_ALLOW_HOSTS="127.0.0.1")
    with pytest.raises(TransientError, match="no answer from"):
        webhook_delivery(url=f"http://127.0.0.1:{port}/s3cret", data=DATA)


def test_a_name_that_does_not_resolve_may_later(configure):
    with pytest.raises(TransientError, match=r"nowhere\.invalid does not resolve"):
        webhook_delivery(url="https://nowhere.invalid/s3cret", data=DATA)


# --- TLS: the connection goes to an address, the certificate is for a name ----------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-made certificate for receiver.test, and its key."""
    if not shutil.which("openssl"):
        pytest.skip("needs the openssl command")
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=receiver"]
    names = ["-addext", "subjectAltName=DNS:receiver.test"]
    subprocess.run([*command, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key


@pytest.fixture
def secure(certificate: tuple[Path, Path]) -> Iterator[tuple[Receiver, list[str | None]]]:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*certificate)
    asked_for: list[str | None] = []
    tls.sni_callback = lambda _socket, name, _context: asked_for.append(name)
    with serving(Receiver(), tls) as receiver:
        yield receiver, asked_for


def deliver(name: str, port: int, trust: ssl.SSLContext) -> int:
    guard = AddressGuard(name, resolve=lambda host, port: ["127.0.0.1"])
    return post(httpx.URL(f"https://{name}:{port}/"), {"x": "y"}, b"{}", guard, 10, trust).status


def test_tls_and_host_keep_the_name_though_an_address_is_dialled(secure, certificate):
    receiver, asked_for = secure
    assert deliver("receiver.test", receiver.port, ssl.create_default_context(cafile=certificate[0])) == 200
    assert asked_for == ["receiver.test"]
    assert receiver.requests[0][1]["host"] == f"receiver.test:{receiver.port}"


def test_a_certificate_for_another_name_is_not_accepted(secure, certificate):
    receiver, _ = secure
    with pytest.raises(TransientError, match="CERTIFICATE_VERIFY_FAILED"):
        deliver("other.test", receiver.port, ssl.create_default_context(cafile=certificate[0]))
    assert receiver.requests == []


def test_a_certificate_that_nobody_vouches_for_is_not_accepted(secure, configure):
    receiver, _ = secure
    configure(WEBHOOK_ALLOW_HOSTS="localhost")
    with pytest.raises(TransientError, match="CERTIFICATE_VERIFY_FAILED"):
        webhook_delivery(url=f"https://localhost:{receiver.port}/", data=DATA)
    assert receiver.requests == []
