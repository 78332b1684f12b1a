"""One request and its answer, as both clients see them: what is given to httpx, and what its answer means. No IO."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx

from aeon_jobs.api.client.errors import ConnectionFailed, UnexpectedAnswer, refusal
from aeon_jobs.api.client.operations import Operation

T = TypeVar("T")
TIMEOUT_S = 10.0
SILENCE_S = 45.0
"""A stream says something every 15 s: a server that is silent for so long is gone."""
ADDRESS, KEY = "AEON_JOBS_API", "AEON_JOBS_API_KEY"

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


def settings(address: str, key: str | None, timeout_s: float) -> dict[str, Any]:
    """The arguments of httpx's clients.

    Raises:
        ValueError: the key is none.
    """
    # httpx and h11 refuse what no header can hold, and show it.
    if key and not (key.isascii() and key.isprintable() and " " not in key):
        raise ValueError("the API key holds characters that no key has")
    authorization = {"Authorization": f"Bearer {key}"} if key else {}
    return {
        "base_url": address,
        "headers": {"User-Agent": "aeon-jobs-client", "Accept": "application/json", **authorization},
        "timeout": timeout_s,
        # A key is for one host: it goes nowhere else because that host says so.
        "follow_redirects": False,
    }


def from_environment(environ: Mapping[str, str] = os.environ) -> tuple[str, str | None]:
    """Address and key from AEON_JOBS_API and AEON_JOBS_API_KEY or AEON_JOBS_API_KEY_FILE.

    Raises:
        ValueError: the address is missing, both forms of the key are set, or the file cannot be read.
    """
    if not environ.get(ADDRESS):
        raise ValueError(f"{ADDRESS}: is not set")
    return environ[ADDRESS], key_from(environ)


def key_from(environ: Mapping[str, str]) -> str | None:
    """
    Raises:
        ValueError: both forms of the key are set, or the file cannot be read.
    """
    path, key = environ.get(f"{KEY}_FILE"), environ.get(KEY)
    if not path:
        return key or None
    if key:
        raise ValueError(f"{KEY}_FILE: set either {KEY} or {KEY}_FILE, not both")
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError):
        raise ValueError(f"{KEY}_FILE: cannot read the file it names") from None


def arguments(operation: Operation[Any], timeout_s: float) -> dict[str, Any]:
    """What `httpx.Client.request` is given."""
    body, kind = (
        (None, {}) if operation.body is None else (_encoded(operation.body), {"Content-Type": "application/json"})
    )
    return {
        "method": operation.method,
        "url": operation.path,
        "params": list(operation.params),
        "headers": {**kind, **operation.headers},
        "timeout": timeout_s + operation.extra_s,
        "content": body,
    }


def _encoded(body: Any) -> bytes:
    """
    Raises:
        ValueError: it holds NaN or infinity, which JSON has not.
    """
    dumps = partial(json.dumps, body, allow_nan=False, separators=(",", ":"))
    try:
        return dumps(ensure_ascii=False).encode()
    except UnicodeEncodeError:
        # Half of a surrogate pair is no text; escaped it reaches the server, which names the field.
        return dumps().encode()


def streaming(operation: Operation[Any], timeout_s: float) -> dict[str, Any]:
    """What `httpx.Client.stream` is given."""
    return {**arguments(operation, timeout_s), "timeout": httpx.Timeout(timeout_s, read=SILENCE_S)}


def answer(operation: Operation[T], response: httpx.Response) -> T:
    """What the answer says.

    Raises:
        Refused, UnexpectedAnswer
    """
    refuse(response)
    if response.status_code == httpx.codes.NO_CONTENT:
        return operation.read(None)
    content = _json(response)
    if content is None:
        raise UnexpectedAnswer(f"{response.status_code} {response.headers.get('content-type', '')}".strip())
    return operation.read(content)


def refuse(response: httpx.Response) -> None:
    """
    Raises:
        Refused: the answer is no success. Its body must have been read.
        UnexpectedAnswer: it leads somewhere else.
    """
    if response.is_success:
        return
    if response.is_redirect:
        raise UnexpectedAnswer(f"a redirect to {response.headers.get('location')}: use that address")
    raise refusal(response.status_code, response.headers, _json(response))


def failure(error: httpx.HTTPError | httpx.InvalidURL) -> ConnectionFailed:
    """Ours for httpx's; it names no address, which may hold a password."""
    what = str(error) or type(error).__name__
    return ConnectionFailed(f"no answer from the API: {what}", was_sent=not isinstance(error, _NEVER_SENT))


def _json(response: httpx.Response) -> Any:
    try:
        return json.loads(response.content)
    except ValueError:
        return None
