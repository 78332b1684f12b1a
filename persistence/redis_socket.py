"""A connection to Redis on which nobody waits for answers: to publish, or to be woken by whatever is published.

redis-py makes the connection: it knows TLS, accounts and sentinels. What Redis says is not parsed: a change of process
there and back, and the time to read an answer that nobody needs, would double what a submission takes.
"""

from __future__ import annotations

import os
import socket
import ssl
from typing import Any

import redis


class RedisSocket:
    """For one thread at a time. In a process that was forked it makes a new connection: the old one is the parent's."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._connection: Any = None
        self._socket: socket.socket | None = None
        self._pid = 0

    @property
    def is_open(self) -> bool:
        """Whether there is a connection of this process, as far as is known."""
        return self._socket is not None and self._pid == os.getpid()

    def fileno(self) -> int:
        """To wait for what Redis says."""
        assert self._socket is not None
        return self._socket.fileno()

    def open(self) -> None:
        """Connect anew.

        Raises:
            RedisError
        """
        self.close()
        self._connection = self._client.connection_pool.get_connection()
        self._pid = os.getpid()
        self._socket = self._connection._sock
        assert self._socket is not None
        self._socket.setblocking(False)

    def send(self, *command: str) -> bool:
        """False: Redis has not read many commands that were sent before, and there is no room for one more.

        Raises:
            RedisError: not sent. The connection is closed: half of the command may be on its way.
        """
        assert self._socket is not None
        packed = b"".join(self._connection.pack_command(*command))
        try:
            is_whole = self._socket.send(packed) == len(packed)
        except (BlockingIOError, ssl.SSLWantWriteError):
            return False
        except OSError:
            is_whole = False
        if not is_whole:
            self.close()
            raise redis.ConnectionError("Redis does not take commands")
        return True

    def hear(self) -> bytes:
        """What Redis has said since the last call. If it has closed the connection, it is closed here too."""
        said = b""
        try:
            while (part := self._socket.recv(65_536)) if self._socket else b"":
                said += part
        except (BlockingIOError, ssl.SSLWantReadError):
            return said
        except OSError:
            pass
        self.close()
        return said

    def close(self) -> None:
        connection, self._connection, self._socket = self._connection, None, None
        if connection is not None and self._pid == os.getpid():
            connection.disconnect()
            self._client.connection_pool.release(connection)
