"""One connection: uvicorn's own protocol, which has no limits, with limits.

1. A connection has `head_s` for the whole head of a request; then 408. Nothing at all was sent: it is closed.
2. A head has at most `head_bytes`, MOST_HEADERS headers; then 431. That holds for trailers too.
3. The body waits in the kernel until the application asks for it. The application limits it, and its time.
4. A body that nobody has asked for by the time of the answer is read and dropped for `head_s`; then the connection ends.
5. An answer that the client does not read within `unread_s` ends the connection.
6. What all connections hold together is limited; then 503 with Retry-After.

After a refusal the connection is read for a moment and all is dropped: closed at once, the client would see a reset
connection instead of the answer.
"""

from __future__ import annotations

from asyncio import Transport
from asyncio.events import TimerHandle
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from aeon_jobs.api.http.errors import MEDIA_TYPE, Problem, content, unavailable
from aeon_jobs.api.http.strict_json import encode
from aeon_jobs.api.server.connections import Connections
from aeon_jobs.api.server.limits import MOST_HEADERS, MOST_PIPELINED

LINGER_S = 2.0


class _Refused(Exception):
    """Ends the parser in the middle of its work."""


class LimitedProtocol(HttpToolsProtocol):
    """`connections` is shared by all of the process; the other arguments are uvicorn's."""

    def __init__(self, connections: Connections, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._all, self._limits = connections, connections.limits
        self._application, self.app = self.app, self._run
        self._timer: TimerHandle | None = None
        self._unread_timer: TimerHandle | None = None
        self._refusal: Problem | None = None
        self._is_refused = False
        self._running = 0
        """Requests that the application works on, or that wait for one of them."""
        self._held = 0
        """Bytes that were read and are neither dropped nor asked for by the application."""
        self._unparsed = 0
        """Bytes since the last that meant something: the parser keeps them."""
        self._head = 0
        """Bytes of the head so far."""
        self._is_in_head = True

    # --- the connection -------------------------------------------------------------------------

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        others = len(self.connections)
        super().connection_made(transport)
        if self._all.admit(others):
            self._await_head()
        else:
            self._refuse(unavailable("the API has too many connections"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_timers()
        self._all.forget(self)
        if not self._running:
            self._hold(0)
        super().connection_lost(exc)

    def end(self) -> None:
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        if self._is_in_head and not self._hold(self._held + len(data)):
            self._refuse(unavailable("the API holds too many requests"))
            return
        if self._timer is None and self._is_in_head:
            self._await_head()
        self._unparsed += len(data)
        super().data_received(data)
        if self._unparsed > self._limits.head_bytes and not self._is_refused:
            self._refuse(self._too_large())
        if self._is_in_head:
            return
        if not self._running:
            self._hold(0)
        elif not self.cycle.response_complete:
            # `receive` of the application goes on.
            self.flow.pause_reading()

    # --- the parser's news ----------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= MOST_PIPELINED:
            self._stop_parsing(
                Problem("too-many-requests", 429, "too many requests in one connection before an answer")
            )
        super().on_message_begin()
        self._head, self._is_in_head = 0, True
        if self._timer is None:
            self._await_head()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        if len(self.headers) >= MOST_HEADERS:
            self._stop_parsing(self._too_large())
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._is_in_head, self._unparsed = False, 0
        self._cancel_timer()
        self._all.works(self)
        self._running += 1
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unparsed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unparsed = 0
        self._is_in_head = True
        if self.cycle.response_complete:
            self._await_head()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.pipeline or self.transport.is_closing():
            return
        self._all.waits(self)
        if self.cycle.more_body:
            self._expire(self._limits.head_s, self.transport.close)

    # --- the application ------------------------------------------------------------------------

    async def _run(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self._application(scope, receive, send)
        finally:
            self._running -= 1
            if not self._running:
                self._hold(0)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._all.stalls(self, self.transport.get_write_buffer_size())
        self._unread_timer = self.loop.call_later(self._limits.unread_s, self.end)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._all.reads(self)
        if self._unread_timer:
            self._unread_timer.cancel()

    # --- limits ---------------------------------------------------------------------------------

    def _hold(self, size: int) -> bool:
        before, self._held = self._held, size
        return self._all.hold(before, size)

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > self._limits.head_bytes:
            self._stop_parsing(self._too_large())

    def _too_large(self) -> Problem:
        return Problem(
            "request-header-fields-too-large",
            431,
            f"the request line and the headers may have {self._limits.head_bytes} bytes and {MOST_HEADERS} headers",
        )

    def _await_head(self) -> None:
        self._all.waits(self)
        self._expire(self._limits.head_s, self._head_is_late)

    def _head_is_late(self) -> None:
        self._timer = None
        if self._running:
            return
        if not self._held:
            self.transport.close()
        else:
            self._refuse(Problem("request-timeout", 408, f"the headers took more than {self._limits.head_s:g} s"))

    def _expire(self, seconds: float, then: Callable[[], None]) -> None:
        self._cancel_timer()
        self._timer = self.loop.call_later(seconds, then)

    def _cancel_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _cancel_timers(self) -> None:
        self._cancel_timer()
        if self._unread_timer:
            self._unread_timer.cancel()

    # --- refusals -------------------------------------------------------------------------------

    def _stop_parsing(self, problem: Problem) -> None:
        self._refusal = problem
        raise _Refused

    def send_400_response(self, msg: str) -> None:
        """What uvicorn does when the parser fails: by its own judgement, or because we stopped it."""
        self._refuse(self._refusal or Problem("bad-request", 400, "this is not an HTTP/1.1 request"))

    def _refuse(self, problem: Problem) -> None:
        self._is_refused = True
        self._cancel_timers()
        if self._running:
            # An answer is under way: nothing may be written into it.
            self.transport.close()
            return
        self._hold(0)
        self.transport.write(_answer(problem))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._expire(LINGER_S, self.transport.close)


def _answer(problem: Problem) -> bytes:
    body = encode(content(problem, "", None))
    headers = {
        "content-type": MEDIA_TYPE,
        "content-length": str(len(body)),
        "connection": "close",
        **problem.headers,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return STATUS_LINE[problem.status] + lines.encode("latin-1") + b"\r\n" + body
