"""May our Redis user do all that we do? Each command is tried, on keys of the doctor's own.

The commands stand in docs/operations/high-availability.md; a test runs the system with just them.
"""

from __future__ import annotations

from collections.abc import Iterator

import redis

from aeon_jobs.api.service.checks.finding import Finding, error, ok
from aeon_jobs.ops.doctor.context import Context

KEYS = ("~aeon-jobs", "~aeon-jobs:*", "~job:cancel:*", "~worker:heartbeat:*")
CHANNELS = ("&aeon-jobs:*",)
"""With the default REDIS_QUEUE_PREFIX."""

KEY = "KEY"
CHANNEL = "CHANNEL"
NUMBER = "NUMBER"

# Command by command, with arguments that change nothing: the key holds a text, and most commands are for another type.
COMMANDS: dict[str, tuple[str, ...]] = {
    "ping": ("PING",),
    "select": ("SELECT", NUMBER),
    "client|setinfo": ("CLIENT", "SETINFO", "LIB-NAME", "aeon-jobs"),
    "info": ("INFO", "server"),
    "time": ("TIME",),
    "set": ("SET", KEY, "", "PX", "1000"),
    "mget": ("MGET", KEY),
    "exists": ("EXISTS", KEY),
    "keys": ("KEYS", "aeon-jobs-doctor"),
    "scan": ("SCAN", "0", "COUNT", "1"),
    "pexpire": ("PEXPIRE", KEY, "1000"),
    "hset": ("HSET", KEY, "f", ""),
    "hsetnx": ("HSETNX", KEY, "f", ""),
    "hget": ("HGET", KEY, "f"),
    "hmget": ("HMGET", KEY, "f"),
    "hkeys": ("HKEYS", KEY),
    "hdel": ("HDEL", KEY, "f"),
    "hexists": ("HEXISTS", KEY, "f"),
    "hlen": ("HLEN", KEY),
    "rpush": ("RPUSH", KEY, ""),
    "lpop": ("LPOP", KEY),
    "lrem": ("LREM", KEY, "0", ""),
    "sadd": ("SADD", KEY, ""),
    "srem": ("SREM", KEY, ""),
    "scard": ("SCARD", KEY),
    "smembers": ("SMEMBERS", KEY),
    "zadd": ("ZADD", KEY, "0", ""),
    "zrem": ("ZREM", KEY, ""),
    "zrangebyscore": ("ZRANGEBYSCORE", KEY, "0", "0"),
    "del": ("DEL", KEY),
    "script|load": ("SCRIPT", "LOAD", "return 0"),
    "evalsha": ("EVALSHA", "0" * 40, "0"),
    "publish": ("PUBLISH", CHANNEL, ""),
    "subscribe": ("SUBSCRIBE", CHANNEL),
}


def redis_user(context: Context) -> Finding:
    name, prefix = "Redis user", context.settings.redis_queue_prefix
    missing = [*_commands(context, f"{prefix}:doctor"), *_keys(context, prefix), *_channels(context, prefix)]
    if not missing:
        return ok(name, "may do all that is needed")
    return error(name, f"lacks rights: {' '.join(missing)}", f"ACL SETUSER <user> {' '.join(missing)}; then ACL SAVE")


def _commands(context: Context, key: str) -> Iterator[str]:
    """Those that are refused whatever they are about."""
    number = str(context.redis.connection_pool.connection_kwargs.get("db") or 0)
    given = {KEY: key, CHANNEL: key, NUMBER: number}
    for command, arguments in COMMANDS.items():
        if "to run" in _refusal(context, *(given.get(one, one) for one in arguments)):
            yield f"+{command}"


def _keys(context: Context, prefix: str) -> Iterator[str]:
    # Dramatiq names the prefix alone as the key of its script.
    for pattern in (prefix, f"{prefix}:*", "job:cancel:*", "worker:heartbeat:*"):
        if _is_about_names(_refusal(context, "EXISTS", pattern.replace("*", "doctor"))):
            yield f"~{pattern}"


def _channels(context: Context, prefix: str) -> Iterator[str]:
    if _is_about_names(_refusal(context, "PUBLISH", f"{prefix}:doctor", "")):
        yield f"&{prefix}:*"


def _is_about_names(refusal: str) -> bool:
    return bool(refusal) and "to run" not in refusal


def _refusal(context: Context, *command: str) -> str:
    """What Redis says if the user may not do it."""
    try:
        if command[0] == "SUBSCRIBE":
            _subscribe(context, command[1])
        else:
            context.redis.execute_command(*command)  # type: ignore[no-untyped-call]
    except redis.exceptions.NoPermissionError as refused:
        return str(refused)
    except redis.ResponseError:
        pass  # another type, another version: no matter of rights
    return ""


def _subscribe(context: Context, channel: str) -> None:
    with context.redis.pubsub() as subscription:  # type: ignore[no-untyped-call]
        subscription.subscribe(channel)
        subscription.get_message(timeout=1)
