"""What the guard lets through, and that the address it judged is the address that is dialled."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aeon_jobs.actors.webhook_delivery.ssrf import (
    AddressGuard,
    Deadline,
    DeadlineStream,
    GuardedBackend,
    is_public,
    resolve,
)
from aeon_jobs.middleware.execution.outcomes import PermanentError, TransientError

PUBLIC, PUBLIC_TOO, PRIVATE = "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "10.0.0.5"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Dialler(httpcore.MockBackend):
    """httpcore's own stand-in for a network, which also remembers what was dialled and refuses some of it."""

    def __init__(self, refuse: tuple[str, ...] = ()) -> None:
        super().__init__([b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"])
        self.refuse, self.dialled = refuse, []

    def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):
        self.dialled.append((host, timeout))
        if host in self.refuse:
            raise httpcore.ConnectError("refused")
        return super().connect_tcp(host, port, timeout, local_address, socket_options)


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254"),
        *("168.63.129.16", "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255"),
        *("192.0.0.8", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1"),
        *("198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "::7f00:1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1"),
        *("64:ff9b::a00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1"),
        *("5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1"),
    ],
)
def test_addresses_of_special_purpose_are_closed(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.128.0.1", PUBLIC, PUBLIC_TOO, "2a00::1"],
)
def test_public_addresses_are_open(address):
    assert is_public(address)


@given(st.ip_addresses())
def test_nothing_passes_that_the_standard_library_knows_to_be_special(address):
    if is_public(str(address)):
        assert address.is_global
        assert not address.is_multicast
        special = (address.is_private, address.is_loopback, address.is_link_local, address.is_reserved)
        assert not any(special)


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_can_be_smuggled_inside_an_ipv6_address(address: IPv4Address):
    number = int(address)
    disguises = (
        (0xFFFF << 32) | number,  # ::ffff:a.b.c.d, mapped
        number,  # ::a.b.c.d, compatible
        (0xFFFF << 48) | number,  # ::ffff:0:a.b.c.d, translated
        (0x0064FF9B << 96) | number,  # NAT64
        (0x0064FF9B0001 << 80) | number,  # local NAT64
        (0x2002 << 112) | (number << 80),  # 6to4
        (0x20010000 << 96) | (number ^ 0xFFFFFFFF),  # Teredo
    )
    assert not any(is_public(str(IPv6Address(disguise))) for disguise in disguises)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "0x7f.1", "2130706433", "0177.0.0.1", "0", "::1", "localhost"])
def test_every_spelling_of_this_machine_is_refused(host):
    with pytest.raises(PermanentError, match="not on the public internet"):
        AddressGuard().addresses(host, 80)


def test_a_name_inside_is_refused_without_telling_its_address():
    with pytest.raises(PermanentError) as caught:
        AddressGuard(resolve=lambda host, port: [PRIVATE]).addresses("db.internal", 443)
    assert PRIVATE not in str(caught.value)


def test_of_several_addresses_only_the_public_ones_are_dialled():
    guard = AddressGuard(resolve=lambda host, port: [PRIVATE, PUBLIC, "::1", PUBLIC_TOO])
    assert guard.addresses("example.com", 443) == [PUBLIC, PUBLIC_TOO]


@pytest.mark.parametrize(
    ("allow", "host", "port"),
    [
        ("127.0.0.1", "127.0.0.1", 22),
        ("127.0.0.1:8080", "127.0.0.1", 8080),
        (" Receiver.test , other:1", "receiver.TEST", 443),
        ("[::1]:8080", "::1", 8080),
        ("[::1]", "::1", 1),
        ("::1", "::1", 1),
    ],
)
def test_the_operator_can_let_hosts_through(allow, host, port):
    assert AddressGuard(allow, resolve=lambda host, port: [PRIVATE]).addresses(host, port) == [PRIVATE]


@pytest.mark.parametrize("allow", ["", ",", "127.0.0.1:8081", "27.0.0.1", "127.0.0.1.example.com", "127.0.0"])
def test_nothing_else_is_let_through(allow):
    with pytest.raises(PermanentError):
        AddressGuard(allow).addresses("127.0.0.1", 8080)


@pytest.mark.parametrize("port", [0, 1, 22, 25, 53, 110, 445, 1023])
def test_ports_that_are_not_for_the_web_are_refused(port):
    with pytest.raises(PermanentError, match="not a web port"):
        AddressGuard(resolve=lambda host, port: [PUBLIC]).addresses("example.com", port)


@pytest.mark.parametrize("port", [80, 443, 1024, 8443])
def test_web_ports_are_open(port):
    assert AddressGuard(resolve=lambda host, port: [PUBLIC]).addresses("example.com", port) == [PUBLIC]


def test_a_name_that_does_not_resolve_now_may_later():
    def fail(host, port):
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    with pytest.raises(TransientError, match="does not resolve"):
        AddressGuard(resolve=fail).addresses("example.com", 443)


def test_a_name_that_can_not_be_one_never_will():
    with pytest.raises(PermanentError, match="not a valid name"):
        AddressGuard(resolve=resolve).addresses("a" * 64 + ".example", 443)


def test_a_name_that_changes_its_mind_is_not_asked_twice():
    """DNS rebinding: public when it is judged, private when it is dialled."""
    answers = iter([[PUBLIC], [PRIVATE]])
    dialler = Dialler()
    backend = GuardedBackend(AddressGuard(resolve=lambda host, port: next(answers)), Deadline(10), dialler)
    with httpcore.ConnectionPool(network_backend=backend) as pool:
        assert pool.request("POST", "http://rebinding.example/").status == 200
    assert [host for host, _ in dialler.dialled] == [PUBLIC]
    assert next(answers) == [PRIVATE]


def test_an_address_that_refuses_is_followed_by_the_next_with_its_share_of_the_time():
    dialler, clock = Dialler(refuse=(PUBLIC_TOO,)), Clock()
    guard = AddressGuard(resolve=lambda host, port: [PUBLIC_TOO, PUBLIC])
    GuardedBackend(guard, Deadline(10, clock), dialler).connect_tcp("example.com", 443)
    assert dialler.dialled == [(PUBLIC_TOO, 5.0), (PUBLIC, 10.0)]


def test_when_every_address_refuses_so_does_the_backend():
    guard = AddressGuard(resolve=lambda host, port: [PUBLIC_TOO, PUBLIC])
    backend = GuardedBackend(guard, Deadline(10), Dialler(refuse=(PUBLIC, PUBLIC_TOO)))
    with pytest.raises(httpcore.ConnectError):
        backend.connect_tcp("example.com", 443)


def test_a_name_without_addresses_can_not_be_reached():
    backend = GuardedBackend(AddressGuard("example.com", resolve=lambda host, port: []), Deadline(10), Dialler())
    with pytest.raises(httpcore.ConnectError):
        backend.connect_tcp("example.com", 443)


def test_unix_sockets_are_out_of_reach():
    with pytest.raises(PermanentError):
        GuardedBackend(AddressGuard(), Deadline(10), Dialler()).connect_unix_socket("/run/docker.sock")


def test_every_operation_shares_one_deadline():
    clock = Clock()
    stream = DeadlineStream(httpcore.MockStream([b"a", b"b", b"c"]), Deadline(10, clock))
    assert stream.read(1) == b"a"
    clock.now = 9.9
    stream.write(b"x" * 100_000)
    assert stream.read(1) == b"b"
    clock.now = 10.0
    for operation in (lambda: stream.read(1), lambda: stream.write(b"x"), lambda: stream.start_tls(None)):
        with pytest.raises(httpcore.TimeoutException):
            operation()
