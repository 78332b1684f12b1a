"""Clients of Redis."""

from __future__ import annotations

from redis.connection import DefaultParser

from aeon_jobs.persistence.redis_clients import redis_client


def test_answers_of_redis_are_parsed_by_hiredis() -> None:
    connection = redis_client("redis://127.0.0.1:1").connection_pool.make_connection()
    assert DefaultParser.__name__ == "_HiredisParser"
    assert isinstance(connection._parser, DefaultParser)
