"""The environment: what it means, what is refused, and that no value ever shows."""

from __future__ import annotations

from pathlib import Path

import psycopg2.extensions
import pytest
import redis
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import make_url

from aeon_jobs.persistence.core.addresses import NO_MASTER, NO_REDIS, UNREADABLE, broken_redis_rule, sentinels_of
from aeon_jobs.persistence.core.errors import SettingsError
from aeon_jobs.persistence.core.settings import Settings, load_settings, misspelt, variable_names
from aeon_jobs.persistence.redis_clients import redis_client

SECRETS = sorted(name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation))
NAMES_OF_THE_SPECIFICATION = """
    POSTGRES_HOST POSTGRES_PORT POSTGRES_DB POSTGRES_USER POSTGRES_PASSWORD DATABASE_URL
    REDIS_HOST REDIS_PORT REDIS_PASSWORD REDIS_DB REDIS_URL REDIS_QUEUE_PREFIX
    WORKER_ENABLED WORKER_ID WORKER_CONCURRENCY WORKER_POLL_INTERVAL WORKER_HEARTBEAT_INTERVAL WORKER_LOCK_DURATION
    WORKER_AUTO_RESTART JOB_DEFAULT_TIMEOUT JOB_MAX_RETRIES JOB_RETRY_DELAY_BASE JOB_RETRY_BACKOFF_MULTIPLIER
    JOB_DLQ_ENABLED MONITORING_ENABLED METRICS_PORT PROMETHEUS_ENABLED GRAFANA_ENABLED
"""
NOT_SET = "\N{EN DASH}"
DOCUMENT = Path(__file__).parents[3] / "docs" / "configuration.md"


def a_secret(name: str) -> str:
    """One that the setting takes."""
    addresses = {"database_url": "postgresql://u:hunter2@h/d", "redis_url": "redis://:hunter2@h/0"}
    return addresses.get(name, "hunter2")


def refusal(**environment: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        with pytest.raises(SettingsError) as error:
            load_settings()
    assert error.value.__cause__ is None  # the cause would carry the values
    return str(error.value)


def test_every_setting_has_a_default_and_no_secret_has_one():
    settings = load_settings()
    assert all(getattr(settings, name) is None for name in SECRETS)


def test_the_environment_is_read_under_the_names_of_the_specification(monkeypatch):
    specified = set(NAMES_OF_THE_SPECIFICATION.split())
    assert specified <= set(variable_names())
    monkeypatch.setenv("WORKER_CONCURRENCY", "3")
    monkeypatch.setenv("JOB_DLQ_ENABLED", "false")
    settings = load_settings()
    assert (settings.worker_concurrency, settings.job_dlq_enabled) == (3, False)


def test_settings_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        load_settings().worker_concurrency = 2


def test_an_empty_variable_is_an_unset_one(monkeypatch):
    monkeypatch.setenv("POSTGRES_PORT", "")
    monkeypatch.setenv("DATABASE_URL", "")
    assert load_settings().postgres_port == 5432


@pytest.mark.parametrize("name", SECRETS)
def test_every_secret_may_come_in_a_file(name, monkeypatch, tmp_path):
    file = tmp_path / "secret"
    file.write_text(f"{a_secret(name)}\n")
    monkeypatch.setenv(f"{name.upper()}_FILE", str(file))
    assert getattr(load_settings(), name).get_secret_value() == a_secret(name)


def test_only_the_last_newline_of_a_secret_file_is_left_out(monkeypatch, tmp_path):
    file = tmp_path / "secret"
    file.write_text(" pass word \r\n")
    monkeypatch.setenv("POSTGRES_PASSWORD_FILE", str(file))
    assert load_settings().postgres_password.get_secret_value() == " pass word "


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_and_its_file_at_once_are_refused(name, tmp_path):
    file = tmp_path / "secret"
    file.write_text("one")
    message = refusal(**{name.upper(): "two", f"{name.upper()}_FILE": str(file)})
    assert message == f"{name.upper()}_FILE: set either {name.upper()} or {name.upper()}_FILE, not both"


def test_a_secret_file_that_is_not_there_is_named_by_its_variable_alone():
    assert refusal(REDIS_PASSWORD_FILE="/hunter2") == (
        "REDIS_PASSWORD_FILE: cannot read the file it names (No such file or directory)"
    )


def test_a_secret_file_that_is_not_text_is_refused(tmp_path):
    file = tmp_path / "secret"
    file.write_bytes(b"hunter2\xff")
    message = refusal(REDIS_PASSWORD_FILE=str(file))
    assert message == "REDIS_PASSWORD_FILE: the file it names is not UTF-8 text"


def test_a_setting_that_is_no_secret_does_not_come_in_a_file(monkeypatch, tmp_path):
    monkeypatch.setenv("POSTGRES_HOST_FILE", str(tmp_path / "nowhere"))
    assert load_settings().postgres_host == "localhost"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("POSTGRES_PORT", "hunter2"),
        ("POSTGRES_PORT", "70000"),
        ("REDIS_DB", "-1"),
        ("JOB_SCHEMA", 'x"; DROP TABLE hunter2'),
        ("REDIS_QUEUE_PREFIX", "hunter2 *"),
        ("WORKER_ENABLED", "hunter2"),
        ("WORKER_CONCURRENCY", "0"),
        ("WORKER_POLL_INTERVAL", "0"),
        ("DISPATCH_POLL_INTERVAL", "251"),
        ("JOB_DEFAULT_TIMEOUT", "999"),
        ("JOB_MAX_RETRIES", "11"),
        ("JOB_RETRY_BACKOFF_MULTIPLIER", "nan"),
        ("JOB_RETRY_JITTER", "1.5"),
        ("LOG_LEVEL", "hunter2"),
        ("SMTP_TLS", "hunter2"),
    ],
)
def test_a_value_that_breaks_its_rule_is_refused_by_name_and_not_shown(variable, value):
    message = refusal(**{variable: value})
    assert message.startswith(f"{variable}: ")
    assert "hunter2" not in message


def test_every_variable_at_fault_is_named():
    message = refusal(POSTGRES_PORT="x", REDIS_PORT="y", LOG_FORMAT="z")
    assert [fault.split(":")[0] for fault in message.split("; ")] == ["POSTGRES_PORT", "REDIS_PORT", "LOG_FORMAT"]


def test_secrets_are_in_no_representation(monkeypatch):
    for name in SECRETS:
        monkeypatch.setenv(name.upper(), a_secret(name))
    settings = load_settings()
    for shown in (repr(settings), str(settings), settings.model_dump_json(), f"{settings.model_dump()}"):
        assert "hunter2" not in shown


def test_a_lease_that_ends_between_two_heartbeats_is_refused():
    message = "WORKER_LOCK_DURATION: must be at least twice WORKER_HEARTBEAT_INTERVAL"
    assert refusal(WORKER_LOCK_DURATION="9999", WORKER_HEARTBEAT_INTERVAL="5000") == message
    assert refusal(WORKER_HEARTBEAT_INTERVAL="15000") == message
    assert load_settings(worker_lock_duration=600, worker_heartbeat_interval=300).worker_lock_duration == 600


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_a_database_url_may_begin_in_three_ways(scheme):
    settings = load_settings(database_url=f"{scheme}://u:p%40ss@h:1/d?sslmode=require")
    assert settings.postgres_dsn == "postgresql+psycopg2://u:p%40ss@h:1/d?sslmode=require"


# With a piece of the password, or all of it, where a library would take it for something else, and show it.
BROKEN_POSTGRES = [
    "hunter2",
    "mysql://u:hunter2@h/d",
    "postgresql+asyncpg://u:hunter2@h/d",
    " postgresql://u:hunter2@h/d",
    "postgresql://u:hunter2@h:port/d",
    "postgresql://u:hunter2@h:0/d",
    "postgresql://u:hunter2@h:65536/d",
    "postgresql://u:p@hunter2@h/d",
    "postgresql://u:p#hunter2@h/d",
    "postgresql://u:p%hunter2@h/d",
    "postgresql://u:p/hunter2@h/d",
    "postgresql://u:p?hunter2@h/d",
    "postgresql://u:p hunter2@h/d",
    "postgresql://u:p\u2028hunter2@h/d",
    "postgresql://u:hunter2@:5432/d",
    "postgresql://u:hunter2",
    "postgresql://[hunter2/d",
    "postgresql://h/d?hunter2=1",
    "postgresql:///d?host=/tmp&port=hunter2",
    "postgresql://u:p\udc80hunter2@h/d",
    "postgresql://u:hunter2@h1,:5432/d",
    "postgresql://u:hunter2@h1,,h2/d",
    "postgresql://h1,h2/d?target_session_attrs=read-write&hunter2=1",
]
BROKEN_REDIS = [
    "hunter2",
    "http://:hunter2@h/0",
    "redis://:hunter2@h/0 ",
    "redis://:hunter2@h:port/0",
    "redis://:hunter2@h:65536/0",
    "redis://:hunter2@h/number",
    "redis://:1@hunter2@h/0",
    "redis://:1#hunter2@h/0",
    "redis://:1%hunter2@h/0",
    "redis://:1/hunter2@h/0",
    "redis://:1?hunter2@h/0",
    "redis://:1 hunter2@h/0",
    "redis://:hunter2\u2100@h/0",
    "redis://:hunter2@:6379/0",
    "redis://:hunter2",
    "redis://h/0?hunter2=1",
    "redis://h/0?socket_timeout=hunter2",
    "unix://hunter2",
    "unix://:hunter2@h/tmp/redis.sock",
    "redis://:hunter2@h,other/0",
    "redis+sentinel://:1@hunter2@h/main/0",
    "redis+sentinel://:hunter2@h,/main/0",
    "redis+sentinel://:hunter2@h/main/number",
    "redis+sentinel://h/main/0?hunter2=1",
    "rediss://h/0?ssl_ca_certs=/hunter2",
    "rediss+sentinel://h/main/0?ssl_keyfile=/hunter2",
]


@pytest.mark.parametrize(
    ("variable", "url"),
    [("DATABASE_URL", url) for url in BROKEN_POSTGRES] + [("REDIS_URL", url) for url in BROKEN_REDIS],
    ids=lambda value: value.encode("unicode_escape").decode(),
)
def test_an_address_that_cannot_be_read_is_named_and_not_shown(variable, url):
    message = refusal(**{variable: url})
    assert message.startswith(f"{variable}: ")
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("variable", "url", "rule"),
    [
        ("DATABASE_URL", "mysql://u:p@h/d", "must start with postgresql://"),
        ("REDIS_URL", "http://h", NO_REDIS),
        ("REDIS_URL", "redis+sentinel://:hunter2@h", NO_MASTER),
        ("REDIS_URL", "redis://:a@b@c", UNREADABLE),
    ],
)
def test_the_rule_that_an_address_breaks_is_told(variable, url, rule):
    assert refusal(**{variable: url}) == f"{variable}: {rule}"


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("DATABASE_URL", "postgresql://h"),
        ("DATABASE_URL", "postgres:///d"),
        ("DATABASE_URL", "postgresql://u:pä:ss%40@h1,h2:5432/d?sslmode=require&application_name=x"),
        ("DATABASE_URL", "postgresql://u@[::1]:5432/d"),
        ("DATABASE_URL", "postgresql://u@/d?host=/var/run/postgresql"),
        ("DATABASE_URL", "postgresql://u:p@%2Fvar%2Frun%2Fpostgresql/d"),
        ("REDIS_URL", "redis://h"),
        ("REDIS_URL", "redis://u:pä%40@h:6379/3"),
        ("REDIS_URL", "rediss://[::1]:6379/0?ssl_cert_reqs=none"),
        ("REDIS_URL", "unix://:p@/run/redis.sock?db=1"),
        ("REDIS_URL", "redis+sentinel://u:pä%40@h1,h2:26380,[::1]:26379/main"),
        ("REDIS_URL", "rediss+sentinel://h1/main/3?sentinel_username=s&sentinel_password=p%40&ssl_cert_reqs=none"),
    ],
)
def test_an_address_that_can_be_read_is_taken(variable, url, monkeypatch):
    monkeypatch.setenv(variable, url)
    assert getattr(load_settings(), variable.lower()).get_secret_value() == url


def test_no_error_on_the_way_remembers_the_address():
    error: BaseException | None = None
    try:
        load_settings(redis_url="redis://:hunter2\u2100@h/0")
    except SettingsError as refused:
        error = refused
    while error is not None:
        assert "hunter2" not in repr(error)
        error = error.__context__


@pytest.mark.parametrize("variable", ["POSTGRES_HOST", "REDIS_HOST"])
@pytest.mark.parametrize("value", ["redis://:hunter2@h", "u:hunter2@h", "h#hunter2", "h hunter2", "h?hunter2"])
def test_a_host_is_no_address(variable, value):
    assert "hunter2" not in refusal(**{variable: value})


def test_the_url_wins_over_its_parts():
    settings = load_settings(
        database_url="postgresql://a/b", postgres_host="other", redis_url="redis://r/3", redis_host="o"
    )
    assert settings.postgres_dsn == "postgresql+psycopg2://a/b"
    assert settings.redis_dsn == "redis://r/3"


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)


@examples(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(user=ANY_TEXT, password=ANY_TEXT, name=ANY_TEXT)
def test_any_character_may_stand_in_user_password_and_database(user, password, name):
    settings = load_settings(postgres_user=user, postgres_password=password, postgres_db=name, redis_password=password)
    url = make_url(settings.postgres_dsn)
    assert (url.username, url.password, url.host, url.port) == (user, password, "localhost", 5432)
    (_, arguments) = url.get_dialect()().create_connect_args(url)
    assert arguments["dbname"] == name
    pool = redis.ConnectionPool.from_url(settings.redis_dsn)
    assert pool.connection_kwargs["password"] == password
    assert pool.connection_kwargs["host"] == "localhost"


def connect_arguments(settings: Settings) -> dict[str, object]:
    url = make_url(settings.postgres_dsn)
    (_, arguments) = url.get_dialect()().create_connect_args(url)
    psycopg2.extensions.make_dsn(**arguments)  # libpq knows each of them
    return arguments


def test_a_database_may_be_reached_through_the_directory_of_its_socket():
    settings = load_settings(postgres_host="/var/run/postgresql", postgres_port=5433, postgres_password="a@b/c")
    arguments = connect_arguments(settings)
    assert (arguments["host"], int(arguments["port"])) == ("/var/run/postgresql", 5433)
    assert (arguments["dbname"], arguments["password"]) == ("aeon_saas_dev", "a@b/c")


def test_servers_may_have_addresses_of_ipv6():
    settings = load_settings(postgres_host="::1", redis_host="fe80::1", redis_password="p")
    assert connect_arguments(settings)["host"] == "::1"
    arguments = redis.ConnectionPool.from_url(settings.redis_dsn).connection_kwargs
    assert (arguments["host"], arguments["port"]) == ("fe80::1", 6379)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("JOB_MAX_RETRY", "JOB_MAX_RETRIES"),
        ("WORKER_CONCURENCY", "WORKER_CONCURRENCY"),
        ("DATABSE_URL", "DATABASE_URL"),
        ("POSTGRESS_PASSWORD", "POSTGRES_PASSWORD"),
        ("REDIS_PASWORD_FILE", "REDIS_PASSWORD_FILE"),
        ("WEBHOOKS_SECRET", "WEBHOOK_SECRET"),
    ],
)
def test_a_misspelt_variable_is_told_with_the_name_that_was_meant(written, meant):
    assert misspelt({written: "x", "PATH": "/bin"}) == {written: meant}


def test_variables_of_other_programs_are_no_misspelling():
    others = [
        "PATH",
        "HOME",
        "API_KEY",
        "APP_PORT",
        "LOG_LEVELS",
        "DATA_DIR",
        "POSTGRES_INITDB_ARGS",
        "POSTGRES_MULTIPLE",
    ]
    others += [
        "PROMETHEUS_MULTIPROC_DIR",
        "WORKER",
        "REDISCLI_AUTH",
        "SMTP_RELAY_DOMAIN",
        "HOST_NAME",
        "dramatiq_queue",
    ]
    assert misspelt(dict.fromkeys(others, "x")) == {}


def test_right_names_are_no_misspelling():
    assert misspelt(dict.fromkeys(variable_names(), "x")) == {}


def documented() -> dict[str, list[str]]:
    """Rows of the tables in docs/configuration.md: variable → its other cells."""
    rows = [line.strip("|\n ").split(" | ") for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    return {cells[0].strip("` "): [cell.strip() for cell in cells[1:]] for cells in rows}


def test_every_setting_is_documented_and_nothing_else_is():
    assert set(documented()) == {name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize("name", Settings.model_fields)
def test_the_documented_default_is_the_default(name):
    default, _unit, meaning = documented()[name.upper()]
    assert meaning
    field = Settings.model_fields[name]
    if name == "worker_id":
        assert default == "the host's name"
    elif field.default is None or field.default == "":
        assert default == NOT_SET
    else:
        shown = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
        assert default == f"`{shown}`"


def test_every_secret_is_documented_as_one():
    told = {name for name, (_, unit, _) in documented().items() if unit == "secret"}
    assert told == {name.upper() for name in SECRETS}


@pytest.mark.parametrize(
    ("url", "host", "port", "attributes"),
    [
        ("postgresql://u:p%40@one:5433,two/d", "one,two", "5433,5432", "read-write"),
        ("postgresql://u@[::1]:1,two:2/d?sslmode=require", "::1,two", "1,2", "read-write"),
        ("postgresql://u@one,two/d?target_session_attrs=primary", "one,two", "5432,5432", "primary"),
        ("postgresql://u@/d?host=one,two&port=1,2", "one,two", "1,2", "read-write"),
        ("postgresql://u@/d?host=one:1&host=two:2", "one,two", "1,2", "read-write"),
    ],
)
def test_of_several_database_servers_the_one_that_can_be_written_to_is_taken(url, host, port, attributes):
    arguments = connect_arguments(load_settings(database_url=url))
    found = (arguments["host"], arguments["port"], arguments["target_session_attrs"], arguments["dbname"])
    assert found == (host, port, attributes, "d")


def test_several_database_servers_may_be_given_in_parts():
    arguments = connect_arguments(load_settings(postgres_host="one,::1", postgres_port=5433, postgres_password="a@,b"))
    assert (arguments["host"], arguments["port"]) == ("one,::1", "5433,5433")
    assert (arguments["password"], arguments["target_session_attrs"]) == ("a@,b", "read-write")


def test_a_single_database_server_is_taken_as_it_is():
    assert "target_session_attrs" not in connect_arguments(load_settings(database_url="postgresql://one/d"))


def test_certificates_of_postgres_may_be_given_in_parts(tmp_path):
    file = tmp_path / "ca &=.pem"
    file.touch()
    names = ("sslmode", "sslrootcert", "sslcert", "sslkey")
    values = ("verify-full", *[str(file)] * 3)
    given = {f"postgres_{name}": value for name, value in zip(names, values, strict=True)}
    for host in ("localhost", "/var/run/postgresql", "one,two"):
        arguments = connect_arguments(load_settings(postgres_host=host, **given))
        assert tuple(arguments[name] for name in names) == values
    assert connect_arguments(load_settings(postgres_sslrootcert="system"))["sslrootcert"] == "system"


def test_certificates_that_would_not_be_heeded_or_found_are_refused(tmp_path):
    file = tmp_path / "ca.pem"
    file.touch()
    database, server = "postgresql://u:hunter2@h/d", "redis://:hunter2@h"
    assert refusal(DATABASE_URL=database, POSTGRES_SSLMODE="verify-full") == (
        "POSTGRES_SSLMODE: has no effect beside DATABASE_URL: write sslmode=… into the URL"
    )
    assert refusal(REDIS_URL=server, REDIS_TLS="true").startswith("REDIS_TLS: has no effect beside REDIS_URL")
    assert refusal(REDIS_TLS_CA=str(file)) == "REDIS_TLS_CA: needs REDIS_TLS=true"
    missing = "the file that it names cannot be read"
    assert refusal(REDIS_TLS="true", REDIS_TLS_KEY="/hunter2") == f"REDIS_TLS_KEY: {missing}"
    assert refusal(POSTGRES_SSLROOTCERT="/hunter2") == f"POSTGRES_SSLROOTCERT: {missing}"


@examples(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(user=ANY_TEXT, password=ANY_TEXT)
def test_sentinels_may_be_given_in_parts(user, password):
    settings = load_settings(
        redis_sentinels="one,two:26380,[::1]:1",
        redis_sentinel_master="main",
        redis_user=user,
        redis_password=password,
        redis_sentinel_user=user,
        redis_sentinel_password=password,
        redis_db=3,
    )
    assert broken_redis_rule(settings.redis_dsn) is None
    found = sentinels_of(settings.redis_dsn)
    assert found is not None
    assert (found.hosts, found.master) == ((("one", 26379), ("two", 26380), ("::1", 1)), "main")
    assert (found.username, found.password) == (user, password)
    arguments = redis_client(settings.redis_dsn).connection_pool.connection_kwargs
    assert (arguments["username"], arguments["password"], arguments["db"]) == (user, password, 3)


def test_sentinels_without_the_name_of_a_master_are_refused():
    message = "REDIS_SENTINEL_MASTER: must name the master that REDIS_SENTINELS watch"
    assert refusal(REDIS_SENTINELS="one") == message
    assert refusal(REDIS_SENTINELS="u:hunter2@h", REDIS_SENTINEL_MASTER="m").startswith("REDIS_SENTINELS: ")


def test_tls_of_redis_may_be_given_in_parts(tmp_path):
    file = tmp_path / "ca &=.pem"
    file.touch()
    given = {"redis_tls": True, "redis_tls_ca": str(file), "redis_tls_cert": str(file), "redis_tls_key": str(file)}
    pool = redis_client(load_settings(**given).redis_dsn).connection_pool
    assert pool.connection_class is redis.SSLConnection
    options = [pool.connection_kwargs[name] for name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")]
    assert options == [str(file)] * 3
    settings = load_settings(**given, redis_sentinels="one", redis_sentinel_master="main")
    pool = redis_client(settings.redis_dsn).connection_pool
    assert issubclass(pool.connection_class, redis.SSLConnection)
    (sentinel,) = pool.sentinel_manager.sentinels
    assert sentinel.connection_pool.connection_kwargs["ssl_ca_certs"] == str(file)
