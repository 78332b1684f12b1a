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

from persistence.errors import SettingsError
from persistence.settings import Settings, load_settings, misspelt, variable_names

SECRETS = sorted(name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation))
NAMES_OF_THE_SPECIFICATION = """
    POSTGRES_HOST POSTGRES_PORT POSTGRES_DB POSTGRES_USER POSTGRES_PASSWORD DATABASE_URL
    REDIS_HOST REDIS_PORT REDIS_PASSWORD REDIS_DB REDIS_URL REDIS_QUEUE_PREFIX
    WORKER_ENABLED WORKER_ID WORKER_CONCURRENCY WORKER_POLL_INTERVAL WORKER_HEARTBEAT_INTERVAL WORKER_LOCK_DURATION
    WORKER_AUTO_RESTART JOB_DEFAULT_TIMEOUT JOB_MAX_RETRIES JOB_RETRY_DELAY_BASE JOB_RETRY_BACKOFF_MULTIPLIER
    JOB_DLQ_ENABLED MONITORING_ENABLED METRICS_PORT PROMETHEUS_ENABLED GRAFANA_ENABLED
"""
NOT_SET = "\N{EN DASH}"
DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"


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
    file.write_text("postgresql://top:s3cret@host/db\n")
    monkeypatch.setenv(f"{name.upper()}_FILE", str(file))
    assert getattr(load_settings(), name).get_secret_value() == "postgresql://top:s3cret@host/db"


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
        monkeypatch.setenv(name.upper(), "postgresql://u:hunter2@h/d")
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


@pytest.mark.parametrize("url", ["mysql://u:hunter2@h/d", "hunter2", "postgresql+asyncpg://u:hunter2@h/d"])
def test_another_database_url_is_refused_and_not_shown(url):
    with pytest.raises(SettingsError) as error:
        _ = load_settings(database_url=url).postgres_dsn
    assert str(error.value) == "DATABASE_URL: must start with postgresql://"


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
