"""How `webhook_delivery` posts: one signed HTTP request to a URL that a stranger chose.

    1. compose   the body of the Standard Webhooks specification; the same bytes on every attempt
    2. sign      with WEBHOOK_SECRET; the webhook-id comes from the job, so a receiver recognises a retry
    3. post      through the SSRF guard, inside one deadline, following no redirect
    4. judge     2xx is delivered; what may pass is retried; the rest is a dead letter

Messages name the host and port only: paths and queries of webhook URLs often are the receiver's secret.
"""

from __future__ import annotations

import json
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NoReturn

import httpcore
import httpx

from aeon_jobs.actors.data_processing.excerpt import excerpt
from aeon_jobs.actors.webhook_delivery.retry_after import retry_after
from aeon_jobs.actors.webhook_delivery.ssrf import AddressGuard, Deadline, GuardedBackend
from aeon_jobs.actors.webhook_delivery.standard_webhooks import SecretError, sign
from aeon_jobs.middleware.execution.outcomes import PermanentError, TransientError
from aeon_jobs.middleware.execution.running import current_job
from aeon_jobs.persistence.core.settings import Settings, get_settings

_READ_LIMIT, _EXCERPT_LIMIT = 65_536, 1_024


def deliver(
    url: str, data: dict[str, Any], event: str, timestamp: datetime | None, headers: dict[str, str]
) -> dict[str, Any]:
    """POST `data` to `url`; returns status, duration_ms, webhook_id and an excerpt of the answer.

    Raises:
        PermanentError, TransientError: it was not delivered; whether another try may help.
    """
    current, settings = current_job(), get_settings()
    current.check()
    target = parse_target(url)
    body = compose(event, data, timestamp)
    message_id = f"msg_{current.id.hex}"
    signature = _sign(settings, message_id, body)
    guard = AddressGuard(settings.webhook_allow_hosts)
    started = time.monotonic()
    answer = post(target, request_headers(headers, signature), body, guard, settings.webhook_timeout / 1000)
    judge(answer, target, cap=settings.job_retry_delay_max / 1000)
    return {
        "status": answer.status,
        "duration_ms": round((time.monotonic() - started) * 1000),
        "webhook_id": message_id,
        "response_excerpt": excerpt(answer.body, _EXCERPT_LIMIT),
    }


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    retry_after: str
    body: bytes


def parse_target(url: str) -> httpx.URL:
    """The URL, taken apart.

    Raises:
        PermanentError: it is not an http(s) URL with a host and without credentials.
    """
    try:
        target = httpx.URL(url)
        host = target.host  # decodes the name
    except (httpx.InvalidURL, UnicodeError):
        raise PermanentError("url: not a valid URL") from None
    if target.scheme not in {"http", "https"} or not host:
        raise PermanentError("url: must be http or https, with a host")
    if not 0 < (target.port or 80) < 65_536:
        raise PermanentError("url: no such port")
    if target.userinfo:
        raise PermanentError("url: must not hold a user name or password; use headers")
    return target


def compose(event: str, data: dict[str, Any], timestamp: datetime | None) -> bytes:
    """The body: type, timestamp when the event's is known, data."""
    when = {} if timestamp is None else {"timestamp": timestamp.isoformat().replace("+00:00", "Z")}
    try:
        return json.dumps({"type": event, **when, "data": data}, separators=(",", ":"), allow_nan=False).encode()
    except ValueError:
        raise PermanentError("data: holds a number that JSON has no form for") from None


def _sign(settings: Settings, message_id: str, body: bytes) -> dict[str, str]:
    if settings.webhook_secret is None:
        raise PermanentError("WEBHOOK_SECRET is not set: webhooks are never sent unsigned")
    try:
        return sign(settings.webhook_secret.get_secret_value(), message_id, int(time.time()), body)
    except SecretError as error:
        raise PermanentError(f"WEBHOOK_SECRET: {error}") from None


def request_headers(custom: dict[str, str], signature: dict[str, str]) -> dict[str, str]:
    """Ours last: nothing a caller names can displace them."""
    named = {name.lower(): value for name, value in custom.items()}
    ours = {"content-type": "application/json", "accept-encoding": "identity", "connection": "close"}
    return {"user-agent": "aeon-jobs", "accept": "*/*", **named, **ours, **signature}


def post(
    target: httpx.URL,
    headers: dict[str, str],
    body: bytes,
    guard: AddressGuard,
    seconds: float,
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """One POST: `seconds` for all of it after the look-up of the name, 64 KiB read of the answer.

    Raises:
        TransientError: no answer came.
        PermanentError: the guard refuses the target.
    """
    backend = GuardedBackend(guard, Deadline(seconds))
    try:
        with (
            httpcore.ConnectionPool(ssl_context=tls or _tls(), max_connections=1, network_backend=backend) as pool,
            pool.stream("POST", _core_url(target), headers=list(headers.items()), content=body) as response,
        ):
            return Answer(response.status, _header(response, b"retry-after"), _head(response))
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
        _classify(error, target, seconds)


def _core_url(target: httpx.URL) -> httpcore.URL:
    return httpcore.URL(scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path)


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """Loading the certificate authorities takes tens of milliseconds: once per process."""
    return httpx.create_ssl_context()


def _header(response: httpcore.Response, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in response.headers if key.lower() == name), "")


def _head(response: httpcore.Response) -> bytes:
    """The start of the body. The status has decided already, so a body that breaks off changes nothing."""
    head = b""
    try:
        for chunk in response.iter_stream():
            head += chunk
            if len(head) >= _READ_LIMIT:
                break
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
        pass
    return head[:_READ_LIMIT]


def _classify(error: Exception, target: httpx.URL, seconds: float) -> NoReturn:
    place = _place(target)
    match error:
        case httpcore.TimeoutException():
            raise TransientError(f"{place} did not answer within {seconds:g} s") from None
        case httpcore.LocalProtocolError():
            raise PermanentError(f"the request to {place} is not valid HTTP: {excerpt(str(error))}") from None
        case httpcore.NetworkError() | httpcore.ProtocolError():
            raise TransientError(f"no answer from {place}: {excerpt(str(error))}") from None
    raise error


def judge(answer: Answer, target: httpx.URL, cap: float) -> None:
    """Return if the receiver took the event. `cap`, in seconds, bounds the delay that it may ask for.

    Raises:
        PermanentError: it will not take it: a redirect, 410 Gone, any other 4xx.
        TransientError: it may take it later: 408, 425, 429, 5xx, after Retry-After if it said so.
    """
    status, place = answer.status, _place(target)
    if 200 <= status < 300:
        return
    if status in {408, 425, 429} or status >= 500:
        delay = retry_after(answer.retry_after, datetime.now(UTC), cap)
        raise TransientError(f"{place} answered {status}", retry_after=delay)
    if 300 <= status < 400:
        raise PermanentError(f"{place} answered {status}: redirects are not followed, use the final URL")
    raise PermanentError(f"{place} answered {status}{': it wants no more webhooks' if status == 410 else ''}")


def _place(target: httpx.URL) -> str:
    return target.netloc.decode("ascii", "replace")
