"""Rate limits: per key, shared through Redis, kept atomically, open or closed when Redis is away."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import redis
from litestar.testing import TestClient

from aeon_jobs.api.http import rate_limits
from aeon_jobs.api.http.app import create_app
from aeon_jobs.persistence.admin import api_keys
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from tests.integration.conftest import ApiClient


@contextmanager
def api_with(settings: Settings, database: Database, **changes: object) -> Iterator[ApiClient]:
    with database.transaction() as connection:
        key = api_keys.create(connection, "caller", "viewer")
    with TestClient(create_app(settings.model_copy(update=changes)), raise_server_exceptions=False) as client:
        yield ApiClient(client, key)


def test_a_key_gets_its_limit_and_not_one_request_more(
    environment: Settings, database: Database, redis_client: redis.Redis
) -> None:
    with api_with(environment, database, api_rate_limit=5) as caller, ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda _: caller.get("/api/me"), range(20)))

    granted = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert (len(granted), len(refused)) == (5, 15)
    assert {answer.headers["ratelimit-limit"] for answer in answers} == {"5"}
    assert all(1 <= int(answer.headers["retry-after"]) <= 60 for answer in refused)
    assert sorted(int(answer.headers["ratelimit-remaining"]) for answer in granted) == [0, 1, 2, 3, 4]


def test_a_large_limit_is_taken_in_portions_and_told_by_the_token(
    environment: Settings, database: Database, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limits, "SPEND_S", 3_600)
    with api_with(environment, database, api_rate_limit=20_000) as caller:
        told = [int(caller.get("/api/me").headers["ratelimit-remaining"]) for _ in range(20)]
        (bucket,) = redis_client.keys("*:api:limit:key:*")
        left = float(redis_client.hget(bucket, "tokens"))
    # One portion of 20 tokens: what was spent and what was taken are the same, and Redis was asked once.
    assert told == list(range(19_999, 19_979, -1))
    assert left == 19_980


def test_failed_authentications_of_one_address_are_limited(
    environment: Settings, database: Database, redis_client: redis.Redis
) -> None:
    with api_with(environment, database, api_auth_failure_limit=3) as caller:
        wrong = {"authorization": "Bearer aeon_aaaaaaaaaaaa_" + "x" * 43}
        statuses = [caller.get("/api/me", headers=wrong).status_code for _ in range(5)]
        assert statuses == [401, 401, 401, 429, 429]
        # Who has a key is not punished for a neighbour without one.
        assert caller.get("/api/me").status_code == 200


@pytest.mark.parametrize(("fallback", "status"), [("open", 200), ("closed", 503)])
def test_without_redis_the_limits_fail_as_configured(
    environment: Settings, database: Database, fallback: str, status: int
) -> None:
    away = {"redis_url": None, "redis_host": "127.0.0.1", "redis_port": 1}
    with api_with(environment, database, api_rate_limit_fallback=fallback, **away) as caller:
        assert caller.get("/api/me").status_code == status
        health = caller.get("/health")
        assert (health.status_code, health.json()["status"]) == (200, "degraded")


def test_without_authentication_everybody_may_do_everything(
    environment: Settings, database: Database, redis_client: redis.Redis
) -> None:
    with api_with(environment, database, api_auth_enabled=False) as caller:
        caller.key = None
        assert caller.get("/api/me").json() == {"name": "anonymous", "role": "admin", "key_id": None}
