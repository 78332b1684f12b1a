"""Are the addresses of the servers readable at all? Judged by strict rules of our own first, and by the libraries after:
theirs are so lenient that a piece of a password that was not percent-encoded becomes a host, a port or a number of a
database, and is shown by whoever then tries to connect to it.
"""

from __future__ import annotations

import re

UNREADABLE = (
    "cannot be read as an address; in its user and password, characters such as @ : / ? # % and spaces"
    " must be percent-encoded"
)
NO_POSTGRES = "must start with postgresql://"
NO_REDIS = "must start with redis://, rediss:// or unix://"

_ADDRESS = re.compile(
    r"""
    [a-z0-9+]+ ://
    (?: (?P<user>  [^\s@/?\#]* ) @ )?        # one @ at most, and before everything else
    (?P<host> \[[^\s@/?\#\[\]]+\] | [^\s:@/?\#\[\]]* )
    (?: : (?P<port> [0-9]{0,5} ) )?
    (?P<path> / [^\s@?\#]* )?
    (?: \? [^\s@\#]* )?
    """,
    re.VERBOSE,
)
_HALF_ENCODED = re.compile(r"%(?![0-9A-Fa-f]{2})")
_POSTGRES_SCHEMES = ("postgres", "postgresql", "postgresql+psycopg2")
_REDIS_SCHEMES = ("redis", "rediss", "unix")


def broken_postgres_rule(url: str) -> str | None:
    """The rule that an address of PostgreSQL breaks, without a word of what is in it; None when it is fine."""
    if not _starts(url, _POSTGRES_SCHEMES):
        return NO_POSTGRES
    parts = _parts(url)
    if parts is None or (parts["port"] and not parts["host"]):
        return UNREADABLE
    # Only options can be unknown to the libraries, which are slow to load.
    if ("?" in url or "%00" in url) and not _is_known_to_libpq(url):
        return UNREADABLE
    return None


def broken_redis_rule(url: str) -> str | None:
    """The same of Redis."""
    if not _starts(url, _REDIS_SCHEMES):
        return NO_REDIS
    parts = _parts(url)
    if parts is None or not _is_known_to_redis(url):
        return UNREADABLE
    if url.startswith("unix://"):
        return UNREADABLE if parts["host"] or not parts["path"] else None
    # redis-py would go to localhost, and take what is no number for number 0.
    return None if parts["host"] and re.fullmatch(r"/?[0-9]*", parts["path"] or "") else UNREADABLE


def with_psycopg2(url: str) -> str:
    """Heroku-style postgres:// and plain postgresql:// both mean psycopg2 here."""
    return f"postgresql+psycopg2://{url.partition('://')[2]}"


def _starts(url: str, schemes: tuple[str, ...]) -> bool:
    scheme, separator, _ = url.partition("://")
    return bool(separator) and scheme in schemes


def _parts(url: str) -> dict[str, str | None] | None:
    found = _ADDRESS.fullmatch(url)
    if found is None or not url.isprintable() or _HALF_ENCODED.search(url):
        return None
    return found.groupdict() if 0 < int(found["port"] or 1) <= 65_535 else None


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
    from redis import ConnectionPool, RedisError

    try:
        ConnectionPool.from_url(url).make_connection()  # which connects to nothing yet
    except (ValueError, TypeError, RedisError):
        return False
    return True
