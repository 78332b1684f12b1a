"""Are the addresses of the servers readable at all? Said before they are used, without a word of what is in them: the
libraries' own complaints quote the piece that they stumbled over, which with a `/` or `@` in it is half of the password.
"""

from __future__ import annotations

from persistence.errors import SettingsError
from persistence.settings import Settings

_RULE = "cannot be read as an address; in a URL, characters such as @ : / % of a password must be percent-encoded"


def check_addresses(settings: Settings) -> None:
    """
    Raises:
        SettingsError
    """
    if not _is_postgres(settings.postgres_dsn):
        raise SettingsError(f"DATABASE_URL: {_RULE}")
    if not _is_redis(settings.redis_dsn):
        raise SettingsError(f"REDIS_URL: {_RULE}; must start with redis://, rediss:// or unix://")


def _is_postgres(dsn: str) -> bool:
    import psycopg2
    from psycopg2.extensions import make_dsn
    from sqlalchemy import make_url
    from sqlalchemy.dialects.postgresql.psycopg2 import dialect
    from sqlalchemy.exc import ArgumentError

    try:
        positional, named = dialect().create_connect_args(make_url(dsn))  # type: ignore[no-untyped-call]
        make_dsn(*positional, **named)
    except (ArgumentError, ValueError, psycopg2.Error):
        return False
    return True


def _is_redis(url: str) -> bool:
    from redis.connection import parse_url

    try:
        parse_url(url)  # type: ignore[no-untyped-call]
    except ValueError:
        return False
    return True
