"""Which port the API of `up` gets."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from aeon_jobs.ops.api_port import ApiPort, PortTaken
from aeon_jobs.persistence.core.settings import load_settings


@pytest.fixture
def taken() -> Iterator[int]:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_the_next_free_port_is_taken_with_a_note_when_none_was_asked_for(taken: int) -> None:
    port = ApiPort.choose(load_settings(api_port=taken), asked_for=False)
    assert taken < port.number <= taken + 50
    assert port.note == f"port {taken} is taken by another program: using {port.number}"


def test_a_port_that_was_asked_for_is_not_exchanged(taken: int) -> None:
    with pytest.raises(PortTaken, match=f"port {taken} on 127.0.0.1 is taken"):
        ApiPort.choose(load_settings(api_port=taken), asked_for=True)


def test_a_free_port_needs_no_note(taken: int) -> None:
    free = ApiPort.choose(load_settings(api_port=taken), asked_for=False).number
    port = ApiPort.choose(load_settings(api_port=free), asked_for=True)
    assert (port.number, port.note) == (free, "")


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:1"), ("0.0.0.0", "http://127.0.0.1:1"), ("::", "http://[::1]:1")],
)
def test_the_url_is_one_that_a_client_here_can_use(host: str, url: str) -> None:
    assert ApiPort(host, 1).url == url
