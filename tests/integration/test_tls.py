"""TLS to PostgreSQL and to Redis: the server is checked, and it sees our certificate."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis
import trustme
from sqlalchemy.exc import OperationalError

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings, get_settings, load_settings
from aeon_jobs.persistence.hints import Publisher
from aeon_jobs.persistence.redis_clients import async_redis_client, redis_client
from tests.faults.proxy import Proxy
from tests.harness import open_harness
from tests.waiting import wait_for

Given = Callable[..., dict[str, str]]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def server_context(authority: trustme.CA) -> ssl.SSLContext:
    """Of a server that is called `localhost`, and that wants a certificate of its clients."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> dict[str, str]:
    """Paths: `ca`, `cert`, `key`, and `stranger`, another authority."""
    paths = {name: tmp_path / f"{name}.pem" for name in ("ca", "cert", "key", "stranger")}
    client = authority.issue_cert("jobs.example")
    authority.cert_pem.write_to_path(str(paths["ca"]))
    trustme.CA().cert_pem.write_to_path(str(paths["stranger"]))
    client.cert_chain_pems[0].write_to_path(str(paths["cert"]))
    client.private_key_pem.write_to_path(str(paths["key"]))
    paths["key"].chmod(0o600)
    return {name: str(path) for name, path in paths.items()}


@pytest.fixture
def behind_tls(
    database_url: str, redis_url: str, redis_client: redis.Redis, server_context: ssl.SSLContext
) -> Iterator[Given]:
    """The variables that name both servers, seen through TLS."""
    with ExitStack() as stack:
        postgres = stack.enter_context(Proxy(database_url, server_context))
        server = stack.enter_context(Proxy(redis_url, server_context))
        password = redis_client.connection_pool.connection_kwargs["password"]

        def given(
            files: dict[str, str], *, host: str = "localhost", ca: str = "ca", cert: bool = True
        ) -> dict[str, str]:
            found = {
                "postgres_host": host,
                "postgres_port": str(postgres.port),
                "postgres_db": postgres.url.rpartition("/")[2],
                "postgres_sslmode": "verify-full",
                "postgres_sslrootcert": files[ca],
                "redis_host": host,
                "redis_port": str(server.port),
                "redis_password": password,
                "redis_tls": "true",
                "redis_tls_ca": files[ca],
            }
            if cert:
                found |= {"postgres_sslcert": files["cert"], "postgres_sslkey": files["key"]}
                found |= {"redis_tls_cert": files["cert"], "redis_tls_key": files["key"]}
            return found

        yield given


def test_a_job_is_done_with_nothing_but_tls(
    behind_tls: Given, files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in behind_tls(files).items():
        monkeypatch.setenv(name.upper(), value)
    get_settings.cache_clear()
    with open_harness() as harness:

        @harness.job
        def note() -> None: ...

        with harness.working(threads=1):
            assert harness.finished(note.send()).status == "completed"


def test_each_client_of_redis_speaks_tls(behind_tls: Given, files: dict[str, str]) -> None:
    url = load_settings(**behind_tls(files)).redis_dsn
    with redis_client(url) as client, client.pubsub(ignore_subscribe_messages=True) as channel:
        channel.subscribe("c")
        publisher = Publisher(client, "c")
        publisher.publish("1")
        publisher.publish("2")
        heard = iter(lambda: wait_for(lambda: channel.get_message(timeout=1), "a message")["data"], b"2")
        assert list(heard) == [b"1"]

    async def ping() -> bool:
        client = async_redis_client(url)
        try:
            return bool(await client.ping())
        finally:
            await client.aclose()

    assert asyncio.run(ping())


@pytest.mark.parametrize(
    "wrong", [{"host": "127.0.0.1"}, {"ca": "stranger"}, {"cert": False}], ids=["name", "authority", "no certificate"]
)
def test_a_server_that_cannot_be_trusted_or_does_not_trust_us_is_not_used(
    wrong: dict[str, object], behind_tls: Given, files: dict[str, str]
) -> None:
    settings = load_settings(**behind_tls(files, **wrong))
    with redis_client(settings.redis_dsn) as client, pytest.raises(redis.ConnectionError):
        client.ping()
    with pytest.raises(OperationalError, match=r"certificate|SSL|closed the connection"):
        _select(settings)


def _select(settings: Settings) -> int:
    database = Database(settings.postgres_dsn)
    try:
        with database.connection() as connection:
            return int(connection.exec_driver_sql("SELECT 1").scalar_one())
    finally:
        database.dispose()
