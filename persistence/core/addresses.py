"""Are the addresses of the servers readable at all? Judged by strict rules of our own first, and by the libraries after:
theirs are so lenient that a piece of a password that was not percent-encoded becomes a host, a port or a number of a
database, and is shown by whoever then tries to connect to it.

An address may name several servers, as libpq has it: ``postgresql://user@one:5432,two:5432/name``, and for Redis Sentinel
``redis+sentinel://user@one:26379,two:26379/master/0``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, quote

UNREADABLE = (
    "cannot be read as an address; in its user and password, characters such as @ : / ? # % and spaces"
    " must be percent-encoded"
)
NO_POSTGRES = "must start with postgresql://"
NO_REDIS = "must start with redis://, rediss://, unix://, redis+sentinel:// or rediss+sentinel://"
NO_MASTER = "must name the master after the sentinels: redis+sentinel://one:26379,two:26379/MASTER/0"

SENTINEL_PORT = 26_379
SENTINEL_SCHEMES = ("redis+sentinel", "rediss+sentinel")
SENTINEL_OPTIONS = ("sentinel_username", "sentinel_password")
"""Options of an address of sentinels that redis-py does not know: the account with which the sentinels are asked."""

_HOST = r"(?: \[[^\s@/?\#\[\]]+\] | [^\s:@/?\#\[\],]* ) (?: : [0-9]{0,5} )?"
_ADDRESS = re.compile(
    rf"""
    [a-z0-9+]+ ://
    (?: (?P<user>  [^\s@/?\#]* ) @ )?        # one @ at most, and before everything else
    (?P<hosts> {_HOST} (?: , {_HOST} )* )
    (?P<path> / [^\s@?\#]* )?
    (?: \? (?P<options> [^\s@\#]* ) )?
    """,
    re.VERBOSE,
)
_MASTER = re.compile(r"/(?P<master>[A-Za-z0-9._-]+)(?:/(?P<number>[0-9]*))?")
_HALF_ENCODED = re.compile(r"%(?![0-9A-Fa-f]{2})")
_POSTGRES_SCHEMES = ("postgres", "postgresql", "postgresql+psycopg2")
_REDIS_SCHEMES = ("redis", "rediss", "unix", *SENTINEL_SCHEMES)
_REDIS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")


@dataclass(frozen=True, slots=True)
class Parts:
    """An address, taken apart. Hosts have no brackets; a port that is not given is None."""

    user: str
    """With its password, as written."""
    hosts: tuple[tuple[str, int | None], ...]
    path: str
    options: str
    """As written."""


def broken_postgres_rule(url: str) -> str | None:
    """The rule that an address of PostgreSQL breaks, without a word of what is in it; None when it is fine."""
    if not _starts(url, _POSTGRES_SCHEMES):
        return NO_POSTGRES
    parts = parts_of(url)
    if parts is None or any(port is not None and not host for host, port in parts.hosts):
        return UNREADABLE
    if len(parts.hosts) > 1 and not all(host for host, _ in parts.hosts):
        return UNREADABLE
    # Only options can be unknown to the libraries, which are slow to load.
    if ("?" in url or "%00" in url) and not _is_known_to_libpq(url):
        return UNREADABLE
    return None


def broken_redis_rule(url: str) -> str | None:
    """The same of Redis."""
    if not _starts(url, _REDIS_SCHEMES):
        return NO_REDIS
    parts = parts_of(url)
    if parts is None:
        return UNREADABLE
    if url.startswith(SENTINEL_SCHEMES):
        return _broken_sentinel_rule(parts, url)
    if len(parts.hosts) > 1 or not _is_known_to_redis(url):
        return UNREADABLE
    host = parts.hosts[0][0]
    if url.startswith("unix://"):
        return UNREADABLE if host or not parts.path else None
    # redis-py would go to localhost, and take what is no number for number 0.
    is_readable = host and re.fullmatch(r"/?[0-9]*", parts.path)
    return _broken_file_rule(parts) if is_readable else UNREADABLE


def with_psycopg2(url: str) -> str:
    """The address as SQLAlchemy has it.

    Heroku-style postgres:// and plain postgresql:// both mean psycopg2 here. Of several servers, the one is taken that can
    be written to, unless the address says otherwise: no other is of use to us.
    """
    parts = parts_of(url)
    rest = url.partition("://")[2]
    if parts is None or not _names_several(parts):
        return f"postgresql+psycopg2://{rest}"
    options = [*_several(parts), *([parts.options] if parts.options else [])]
    if "target_session_attrs" not in parse_qs(parts.options):
        options.append("target_session_attrs=read-write")
    host = "" if len(parts.hosts) > 1 else rest.partition("?")[0].removeprefix(f"{parts.user}@").partition("/")[0]
    user = f"{parts.user}@" if parts.user else ""
    return f"postgresql+psycopg2://{user}{host}{parts.path or '/'}?{'&'.join(options)}"


@dataclass(frozen=True, slots=True)
class Sentinels:
    """Where the master of a name is asked for."""

    hosts: tuple[tuple[str, int], ...]
    master: str
    username: str | None
    password: str | None


def sentinels_of(url: str) -> Sentinels | None:
    """None: the address is one of a server."""
    if not url.startswith(SENTINEL_SCHEMES):
        return None
    parts = parts_of(url)
    assert parts is not None, "checked by broken_redis_rule"
    hosts = tuple((host, port or SENTINEL_PORT) for host, port in parts.hosts)
    options = parse_qs(parts.options)
    username, password = (options.get(name, [None])[0] for name in SENTINEL_OPTIONS)
    return Sentinels(hosts, parts.path.split("/")[1], username, password)


def server_behind(url: str) -> str:
    """An address of sentinels as one of a plain server, for the rest that it says: user, password, number, TLS."""
    parts = parts_of(url)
    found = _MASTER.fullmatch(parts.path) if parts else None
    assert parts is not None
    assert found is not None, "checked by broken_redis_rule"
    user = f"{parts.user}@" if parts.user else ""
    options = _without(parts.options, SENTINEL_OPTIONS)
    return f"{url.partition('+')[0]}://{user}master/{found['number'] or 0}{'?' if options else ''}{options}"


def parts_of(url: str) -> Parts | None:
    """None: it is no address."""
    found = _ADDRESS.fullmatch(url)
    if found is None or not url.isprintable() or _HALF_ENCODED.search(url):
        return None
    hosts = tuple(_hosts(found["hosts"]))
    if not all(port is None or 0 < port <= 65_535 for _, port in hosts):
        return None
    return Parts(found["user"] or "", hosts, found["path"] or "", found["options"] or "")


def _hosts(written: str) -> Iterator[tuple[str, int | None]]:
    for one in written.split(","):
        host, port = one, ""
        if not one.endswith("]"):
            before, colon, after = one.rpartition(":")
            host, port = (before, after) if colon else (one, "")
        yield host.removeprefix("[").removesuffix("]"), int(port) if port else None


def _names_several(parts: Parts) -> bool:
    named = parse_qs(parts.options).get("host", [])
    return len(parts.hosts) > 1 or len(named) > 1 or any("," in host for host in named)


def _several(parts: Parts) -> list[str]:
    """libpq's lists of hosts and ports. SQLAlchemy reads them among the options alone."""
    if len(parts.hosts) == 1:
        return []
    hosts = ",".join(quote(host, safe=":%") for host, _ in parts.hosts)
    return [f"host={hosts}", f"port={','.join(str(port or 5432) for _, port in parts.hosts)}"]


def _starts(url: str, schemes: tuple[str, ...]) -> bool:
    scheme, separator, _ = url.partition("://")
    return bool(separator) and scheme in schemes


def _broken_sentinel_rule(parts: Parts, url: str) -> str | None:
    if not all(host for host, _ in parts.hosts):
        return UNREADABLE
    if _MASTER.fullmatch(parts.path) is None:
        return NO_MASTER
    if "db" in parse_qs(parts.options) or not _is_known_to_redis(server_behind(url)):
        return UNREADABLE
    return _broken_file_rule(parts)


def _without(options: str, names: tuple[str, ...]) -> str:
    return "&".join(one for one in options.split("&") if one.partition("=")[0] not in names)


def _broken_file_rule(parts: Parts) -> str | None:
    """redis-py says of a missing file only that the connection failed."""
    options = parse_qs(parts.options)
    for name in _REDIS_FILES:
        for path in options.get(name, []):
            if not is_readable(path):
                return f"the file of its option {name} cannot be read"
    return None


def is_readable(path: str) -> bool:
    try:
        with open(path, "rb"):
            return True
    except (OSError, ValueError):
        return False


# Neither raises: an error would carry the words of the library that it came from, and those quote the address.


def _is_known_to_libpq(url: str) -> bool:
    import psycopg2
    from psycopg2.extensions import make_dsn
    from sqlalchemy import make_url
    from sqlalchemy.dialects.postgresql.psycopg2 import dialect
    from sqlalchemy.exc import ArgumentError

    try:
        positional, named = dialect().create_connect_args(make_url(with_psycopg2(url)))  # type: ignore[no-untyped-call]
        make_dsn(*positional, **named)
    except (ArgumentError, ValueError, psycopg2.Error):
        return False
    return True


def _is_known_to_redis(url: str) -> bool:
    # As above: what has neither options nor an odd host cannot be unknown.
    if url.isascii() and not any(sign in url for sign in "?["):
        return True
    from redis import ConnectionPool, RedisError

    try:
        ConnectionPool.from_url(url).make_connection()  # which connects to nothing yet
    except (ValueError, TypeError, RedisError):
        return False
    return True
