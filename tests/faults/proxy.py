"""A network that can be broken: a proxy between a process group and one of the servers.

with Proxy(server.url) as proxy:
    proxy.url        where the group connects
    proxy.cut()      every connection is reset, new ones too
    proxy.hold()     no data passes, connections stay open: a partition
    proxy.slow(0.1)  every packet is late by this time, in both directions
    proxy.restore()  normal again; data that was held is delivered

With `tls` it also speaks the TLS that the embedded servers do not: to clients of PostgreSQL after their request, to those of
Redis from the first byte.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

POSTGRES_SOCKET = ".s.PGSQL.5432"
SSL_REQUEST = bytes.fromhex("0000000804d2162f")
"""A message of 8 bytes with the number 80877103."""


class Proxy:
    def __init__(self, server_url: str, tls: ssl.SSLContext | None = None) -> None:
        """`server_url`: of an embedded server, which listens only on a Unix socket."""
        self._tls = tls
        self._server_url = server_url
        self._socket, self._url_at = _address(server_url)
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._is_cut = False
        self._delay_s = 0.0
        self._is_open = asyncio.Event()
        self._is_open.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._port = 0

    @property
    def url(self) -> str:
        return self._url_at(self._port)

    @property
    def port(self) -> int:
        return self._port

    def cut(self) -> None:
        self._is_cut = True
        self._in_loop(self._reset_all)

    def hold(self) -> None:
        self._in_loop(self._is_open.clear)

    def slow(self, delay_s: float) -> None:
        self._delay_s = delay_s

    def restore(self) -> None:
        self._is_cut, self._delay_s = False, 0.0
        self._in_loop(self._is_open.set)

    def __enter__(self) -> Proxy:
        self._thread.start()
        self._wait_for(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._wait_for(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        self._reset_all()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers = [writer]
        self._writers.add(writer)
        try:
            if self._is_cut:
                return
            if self._tls:
                await self._begin_tls(reader, writer, self._tls)
            there_reader, there = await asyncio.open_unix_connection(str(self._socket))
            writers.append(there)
            self._writers.add(there)
            pumps = [
                asyncio.ensure_future(self._pump(*streams)) for streams in ((reader, there), (there_reader, writer))
            ]
            # When one side closes its connection, both are closed.
            _, rest = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in rest:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        except (OSError, asyncio.CancelledError, asyncio.IncompleteReadError):
            # Only `_close` cancels, and it waits for this to end. A client may refuse our certificate.
            pass
        finally:
            for one in writers:
                self._writers.discard(one)
                _reset(one)

    async def _begin_tls(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tls: ssl.SSLContext) -> None:
        if self._socket.name == POSTGRES_SOCKET:
            while await reader.readexactly(8) != SSL_REQUEST:
                writer.write(b"N")  # encryption by GSSAPI, which comes first
            writer.write(b"S")
        await writer.start_tls(tls)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                await self._is_open.wait()
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                writer.write(data)
                await writer.drain()
        # The end of a connection does not pass a partition either.
        await self._is_open.wait()

    def _reset_all(self) -> None:
        for writer in tuple(self._writers):
            _reset(writer)

    def _in_loop(self, change: Callable[[], object]) -> None:
        """Make the change in the event loop, and wait until it is made."""
        is_done = Event()
        self._loop.call_soon_threadsafe(lambda: (change(), is_done.set()))
        is_done.wait(5)

    def _wait_for(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


def _reset(writer: asyncio.StreamWriter) -> None:
    transport = writer.transport
    raw = transport.get_extra_info("socket")
    if raw is not None and raw.family == socket.AF_INET:
        with suppress(OSError):
            # Linger of 0 s: a reset instead of a normal close.
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    transport.abort()


def _address(url: str) -> tuple[Path, Callable[[int], str]]:
    """The Unix socket of an embedded server, and its url through a TCP port."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        password = quote(parts.password or "", safe="")
        return Path(unquote(parts.path)), lambda port: f"redis://:{password}@127.0.0.1:{port}/0"
    (directory,) = parse_qs(parts.query)["host"]
    return Path(directory) / POSTGRES_SOCKET, lambda port: f"postgresql://postgres@127.0.0.1:{port}{parts.path}"
