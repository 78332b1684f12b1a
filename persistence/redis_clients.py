"""Clients of Redis: all of them are made here, so that each knows Sentinel, TLS and the account.

Behind sentinels every new connection asks them which server is the master. Connections to a master that died or was demoted
break, and the next ones go to the new master. Nothing is connected before first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import redis

from aeon_jobs.persistence.core.addresses import Sentinels, sentinels_of, server_behind

if TYPE_CHECKING:
    from redis import asyncio as async_redis


def redis_client(url: str, **options: Any) -> redis.Redis:
    """A client that fails fast: one try, short timeouts. A caller that can wait gives a longer timeout.

    Args:
        url: redis://, rediss://, unix://, redis+sentinel:// or rediss+sentinel://
        options: of redis-py.
    """
    options = {"socket_timeout": 5, "socket_connect_timeout": 2, "health_check_interval": 0, "retry": None, **options}
    sentinels = sentinels_of(url)
    if sentinels is None:
        return redis.Redis.from_url(url, **options)
    from redis.sentinel import Sentinel

    class Behind(redis.Redis):
        def close(self) -> None:
            super().close()
            for sentinel in asked.sentinels:
                sentinel.close()

    ours, theirs = _arguments(url, sentinels, options)
    asked = Sentinel(sentinels.hosts, sentinel_kwargs=theirs)  # type: ignore[no-untyped-call]
    return asked.master_for(sentinels.master, redis_class=Behind, **ours)  # type: ignore[no-any-return, no-untyped-call]


def async_redis_client(url: str, **options: Any) -> async_redis.Redis:
    """The same for asyncio."""
    from redis import asyncio as async_redis

    options = {"retry": None, **options}
    sentinels = sentinels_of(url)
    if sentinels is None:
        return async_redis.Redis.from_url(url, **options)
    from redis.asyncio.sentinel import Sentinel

    class AsyncBehind(async_redis.Redis):
        async def aclose(self, close_connection_pool: bool | None = None) -> None:
            await super().aclose(close_connection_pool)
            for sentinel in asked.sentinels:
                await sentinel.aclose()

    ours, theirs = _arguments(url, sentinels, options)
    asked = Sentinel(sentinels.hosts, sentinel_kwargs=theirs)  # type: ignore[no-untyped-call]
    return asked.master_for(sentinels.master, redis_class=AsyncBehind, **ours)  # type: ignore[no-any-return]


def _arguments(url: str, sentinels: Sentinels, options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """For connections to the master, and to the sentinels: the same times and the same TLS, another account."""
    ours: dict[str, Any] = redis.connection.parse_url(server_behind(url)) | options  # type: ignore[no-untyped-call]
    del ours["host"]  # the sentinels say it
    if ours.pop("connection_class", None) is not None:
        ours["ssl"] = True
    theirs = {name: value for name, value in ours.items() if name.startswith(("socket_", "ssl"))}
    # One try: without it, a sentinel that is away would be tried ten times before the next one.
    theirs |= {"username": sentinels.username, "password": sentinels.password, "retry": None}
    return ours, theirs
