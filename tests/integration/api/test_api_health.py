"""/health: whether jobs can be taken, told in time whatever hangs."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from aeon_jobs.api.http.resources import Resources
from aeon_jobs.api.http.routes import health
from tests.integration.conftest import ApiClients
from tests.waiting import wait_for


class Hanging:
    """A check that hangs until it is let go, as the look-up of a name does that no server answers."""

    def __init__(self) -> None:
        self.begun, self.let_go = 0, threading.Event()
        self.__name__ = "hanging"

    def __call__(self, resources: Resources) -> list[health.Check]:
        self.begun += 1
        assert self.let_go.wait(60)
        return [health.Check("hung", "ok")]


def test_a_server_that_hangs_is_down_and_whoever_asks_waits_for_the_same_check(
    api: ApiClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = Hanging()
    monkeypatch.setattr(health, "_postgres", hanging)
    monkeypatch.setattr(health, "ANSWER_WITHIN_S", 0.05)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: api.nobody.get("/health/ready"), range(4)))
    for answer in answers:
        assert (answer.status_code, answer.json()["status"], answer.headers["retry-after"]) == (503, "down", "2")
        assert answer.json()["checks"][0]["detail"].startswith("no answer within 0.05 s")
    assert hanging.begun == 1
    hanging.let_go.set()
    wait_for(lambda: api.nobody.get("/health/ready").status_code == 200, "it answers again")


def test_a_redis_that_hangs_keeps_nobody_from_submitting(api: ApiClients, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = Hanging()
    monkeypatch.setattr(health, "_redis", hanging)
    try:
        answer = api.nobody.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    finally:
        hanging.let_go.set()


def test_a_schema_that_is_missing_is_down(api: ApiClients, database: object) -> None:
    assert api.nobody.get("/health").json() == {
        "status": "ok",
        "checks": [{"name": name, "state": "ok", "detail": ""} for name in ("postgres", "schema", "redis")],
    }
    with database.transaction() as connection:  # type: ignore[attr-defined]
        connection.exec_driver_sql("DELETE FROM job_migrations WHERE version = 2")
    answer = api.nobody.get("/health/ready")
    assert (answer.status_code, answer.json()["checks"][1]["detail"]) == (503, "run: aeon-jobs migrate up")
