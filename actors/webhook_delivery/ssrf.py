"""The SSRF guard: strangers choose a webhook's URL, but the worker that calls it stands inside our network.

The guard sits where sockets are opened, so there is nothing to talk it round with: not a redirect, not a URL
that two parsers read differently, not a name that answers differently the second time (DNS rebinding).

    1. ask       the host is looked up once
    2. judge     only public addresses are kept, and only web ports; nothing left is a refusal
    3. connect   to one of the very addresses that were judged

TLS and the Host header keep the name, because httpcore takes them from the URL and not from the address
dialled.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address
from typing import Any

import httpcore

from aeon_jobs.middleware.execution.outcomes import PermanentError, TransientError

# The IANA special-purpose registry, and one public address that answers only inside a cloud. The standard
# library's `is_global` is no substitute: in Python 3.11 it calls 192.0.0.8, 64:ff9b::a00:1, 2002:7f00:1:: and
# multicast global.
_CLOSED_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # carrier-grade NAT; Alibaba's metadata
            "127.0.0.0/8",  # loopback
            "168.63.129.16/32",  # Azure's metadata
            "169.254.0.0/16",  # link-local; the metadata of most clouds
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # IETF protocols; Oracle's metadata
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved; broadcast
        ),
    )
)
# Everything outside 2000::/3 is closed: loopback, mapped and compatible IPv4, NAT64, unique local,
# link-local, multicast.
_OPEN_V6 = IPv6Network("2000::/3")
_CLOSED_V6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # IETF protocols: Teredo, ORCHID, benchmarks
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4: carries any IPv4 address
            "3fff::/20",  # documentation
        ),
    )
)

Resolve = Callable[[str, int], Sequence[str]]


def is_public(address: str) -> bool:
    """Whether a numeric address belongs to the public internet."""
    parsed = ip_address(address)
    if isinstance(parsed, IPv4Address):
        return not any(parsed in network for network in _CLOSED_V4)
    return parsed in _OPEN_V6 and not any(parsed in network for network in _CLOSED_V6)


def resolve(host: str, port: int) -> list[str]:
    """Every numeric address of a name, in the system's order of preference."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in answers))


class AddressGuard:
    """Decides where a connection may go.

    `allow` is the operator's list, separated by commas: a `host` or `host:port` in it may be anywhere at all.
    """

    def __init__(self, allow: str = "", resolve: Resolve = resolve) -> None:
        self._allowed = frozenset(filter(None, (entry.strip().lower() for entry in allow.split(","))))
        self._resolve = resolve

    def addresses(self, host: str, port: int) -> list[str]:
        """The addresses that may be dialled for `host`, looked up now.

        Raises:
            PermanentError: the port or every address is out of bounds.
            TransientError: the name does not resolve at the moment.
        """
        if self._is_allowed(host, port):
            return self._look_up(host, port)
        if port not in {80, 443} and port < 1024:
            raise PermanentError(f"port {port} is not a web port; the operator can allow {host}:{port}")
        public = [address for address in self._look_up(host, port) if is_public(address)]
        if not public:
            # The address itself stays unsaid: the answer must not map our network for whoever asks.
            raise PermanentError(f"{host} is not on the public internet; the operator can allow {host}:{port}")
        return public

    def _is_allowed(self, host: str, port: int) -> bool:
        name = f"[{host}]" if ":" in host else host
        return not self._allowed.isdisjoint({host.lower(), name.lower(), f"{name}:{port}".lower()})

    def _look_up(self, host: str, port: int) -> list[str]:
        try:
            return list(self._resolve(host, port))
        except UnicodeError:
            raise PermanentError("the host is not a valid name") from None
        except OSError as error:
            raise TransientError(f"{host} does not resolve: {error.strerror}") from None


class Deadline:
    """One allowance of time for a whole ack_and_fetch, however the other side slices it up."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    def left(self) -> float:
        """Seconds left.

        Raises:
            httpcore.TimeoutException: none are.
        """
        seconds = self._end - self._clock()
        if seconds <= 0:
            raise httpcore.TimeoutException("the time for the whole ack_and_fetch is used up")
        return seconds


class GuardedBackend(httpcore.NetworkBackend):
    """Opens sockets for httpcore: only where the guard says, and never beyond the deadline."""

    def __init__(self, guard: AddressGuard, deadline: Deadline, dialler: httpcore.NetworkBackend | None = None) -> None:
        self._guard, self._deadline = guard, deadline
        self._dialler = dialler or httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = self._guard.addresses(host, port)
        for position, address in enumerate(addresses, start=1):
            # An equal share each: one that swallows packets (often IPv6) must not use up the time of the
            # others.
            share = self._deadline.left() / (len(addresses) - position + 1)
            try:
                stream = self._dialler.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if position == len(addresses):
                    raise
            else:
                return DeadlineStream(stream, self._deadline)
        raise httpcore.ConnectError("the name has no address")

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        raise PermanentError("webhooks do not go to Unix sockets")


class DeadlineStream(httpcore.NetworkStream):
    """A stream whose every operation gets what is left of one deadline.

    httpcore's own timeouts start anew with each byte that arrives, so a server that drips holds a thread for
    ever.
    """

    _SLICE = 16_384

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), self._SLICE):
            self._stream.write(buffer[start : start + self._SLICE], self._deadline.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left())
        return DeadlineStream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
