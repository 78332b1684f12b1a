"""The rights of a Redis user: the documented ones are enough for everything, and none is too many."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from dramatiq.brokers.redis import RedisBroker

from aeon_jobs.api.http.rate_limits import RateLimits
from aeon_jobs.api.service import Jobs
from aeon_jobs.api.service.checks.finding import Finding
from aeon_jobs.middleware.transport.redis_transport import RedisTransport
from aeon_jobs.ops.doctor import run_checks
from aeon_jobs.ops.doctor.checks.redis_rights import CHANNELS, COMMANDS, KEYS, redis_user
from aeon_jobs.ops.doctor.context import Context
from aeon_jobs.ops.embedded import EmbeddedRedis
from aeon_jobs.persistence.core.database import get_database
from aeon_jobs.persistence.core.settings import Settings, get_settings
from aeon_jobs.persistence.queue.dispatch import Dispatch
from aeon_jobs.persistence.redis_clients import async_redis_client, redis_client
from tests.harness import open_harness
from tests.waiting import wait_for

PREFIX = "aeon-jobs"
PAGE = Path(__file__).parents[3] / "docs" / "operations" / "high-availability.md"
RIGHTS = [*(f"+{command}" for command in COMMANDS), *KEYS, *CHANNELS]


class Server:
    """A Redis, and a user of it that is no administrator."""

    def __init__(self, server: EmbeddedRedis) -> None:
        self.admin = redis_client(server.url)
        self.url = re.sub(r"://:[^@]*@", "://jobs:secret@", server.url).replace("db=0", "db=1")

    def grant(self, *rights: str) -> None:
        self.admin.execute_command("acl", "setuser", "jobs", "reset", "on", ">secret", *rights)

    def refused(self) -> list[str]:
        return [str(entry["object"]) for entry in self.admin.acl_log()]


@pytest.fixture
def server(private_redis: EmbeddedRedis) -> Iterator[Server]:
    server = Server(private_redis)
    server.grant(*RIGHTS)
    yield server
    server.admin.close()


@pytest.fixture
def as_user(environment: Settings, server: Server, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("REDIS_URL", server.url)
    get_settings.cache_clear()
    return get_settings()


def test_with_these_rights_everything_works_and_each_is_used(server: Server, as_user: Settings) -> None:
    server.admin.config_resetstat()
    _work(server)
    _send_by_dramatiq(as_user)
    _transport(as_user)
    asyncio.run(_limit(as_user))

    of_admin = {"acl|log", "config|resetstat", "flushall", "auth", "hello"}
    assert server.refused() == []
    used = {name.removeprefix("cmdstat_") for name in server.admin.info("commandstats")}
    # The doctor alone looks through the keys.
    assert used - of_admin == set(COMMANDS) - {"scan"}
    assert _doctor().status == "ok"
    assert server.refused() == []


def test_the_doctor_names_each_right_that_is_missing(server: Server, as_user: Settings) -> None:
    # Without it no connection is made, and Redis names it.
    named = [right for right in RIGHTS if right != "+select"]
    for right in named:
        server.grant(*(one for one in RIGHTS if one != right))
        with redis_client(as_user.redis_dsn) as client:
            found = redis_user(Context(as_user, get_database(), client))
        assert (found.status, found.detail) == ("error", f"lacks rights: {right}")


def test_the_doctor_says_why_no_connection_is_made(server: Server, as_user: Settings) -> None:
    server.grant(*(one for one in RIGHTS if one != "+select"))
    (found,) = (finding for finding in run_checks() if finding.name == "Redis")
    assert (found.status, "'select'" in found.detail) == ("error", True)


def test_the_page_names_these_rights() -> None:
    (block,) = re.findall(r"ACL SETUSER aeon-jobs on >PASSWORD([^`]*)", PAGE.read_text())
    assert sorted(block.split()) == sorted(RIGHTS)


def _doctor() -> Finding:
    (found,) = (finding for finding in run_checks() if finding.name == "Redis user")
    return found


def _work(server: Server) -> None:
    """Jobs from their submission to their end: one completes, one is cancelled, one is dispatched by a Redis that is new."""
    with open_harness() as harness:

        @harness.job
        def note() -> None: ...

        @harness.job
        def endless() -> None:
            from aeon_jobs import current_job

            while True:
                current_job().check()

        first, second = note.send(), endless.send()
        with harness.working(threads=2), Jobs.from_settings(get_settings(), name="test") as jobs:
            harness.finished(first)
            wait_for(lambda: harness.job_of(second).status == "running", "it runs")
            jobs.cancel(UUID(second.message_id))
            assert harness.finished(second).status == "cancelled"
            server.admin.flushall()
            assert harness.finished(note.send()).status == "completed"


def _send_by_dramatiq(settings: Settings) -> None:
    """An ordinary actor's messages: sent, fetched, acked, given back, refused; and what a dead consumer left."""
    with redis_client(settings.redis_dsn) as client:
        broker = RedisBroker(client=client, namespace=PREFIX, middleware=[], maintenance_chance=1_000_000)  # type: ignore[no-untyped-call]
        for id_ in ("1", "2", "3", "4"):
            broker.do_enqueue("plain", id_, b"{}")  # type: ignore[attr-defined]
        broker.do_fetch("plain", 3)  # type: ignore[attr-defined]
        broker.do_ack("plain", "1")  # type: ignore[attr-defined]
        broker.do_nack("plain", "2")  # type: ignore[attr-defined]
        broker.do_requeue("plain", "3")  # type: ignore[attr-defined]
        broker.do_fetch("plain", 1)  # type: ignore[attr-defined]
        dead, broker.broker_id, broker.heartbeat_timeout = broker.broker_id, str(uuid4()), -60_000
        assert dead
        broker.do_qsize("plain")  # type: ignore[attr-defined]
        broker.do_purge("plain")  # type: ignore[attr-defined]
        broker.close()


def _transport(settings: Settings) -> None:
    """What the dispatcher and its background tasks do."""
    with redis_client(settings.redis_dsn) as client:
        transport = RedisTransport(client, PREFIX)
        one = Dispatch(uuid4(), 1, "default", "note", "lane")
        transport.push([one])
        assert transport.absent([one]) == []
        assert transport.messages_of("lane") == [one.message_id]
        assert transport.fetched_by("nobody", "lane") == []
        transport.forget("lane", [one.message_id], "nobody")
        transport.drop_lane("lane")
        transport.evicts()
        assert client.ping()  # as /health/ready does


async def _limit(settings: Settings) -> None:
    client = async_redis_client(settings.redis_dsn)
    assert await RateLimits(client, PREFIX, fail_open=False).take("key", 10)
    await client.aclose()
