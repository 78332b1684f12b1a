"""The environment, read once into frozen, validated settings. Times are milliseconds, sizes are bytes.

Every secret may come as NAME_FILE, the path of a file that holds it. No secret has a default.
docs/configuration.md lists every variable; a test fails on one that is missing there.
"""

from __future__ import annotations

import difflib
import os
import socket
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from aeon_jobs.persistence.core.addresses import broken_postgres_rule, broken_redis_rule, is_readable, with_psycopg2
from aeon_jobs.persistence.core.errors import SettingsError

Milliseconds = Annotated[int, Field(gt=0)]
Days = Annotated[int, Field(ge=0, le=36_500)]
Port = Annotated[int, Field(ge=1, le=65535)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]{0,62}$")]
# Not possible in a part of a URL: the variable has a whole address, or a part of one.
Host = Annotated[str, StringConstraints(pattern=r"^[^\s@/?#\[\]]+$")]
HostOrDirectory = Annotated[str, StringConstraints(pattern=r"^(/\S*|[^\s@/?#\[\],]+(,[^\s@/?#\[\],]+)*)$")]
HostsAndPorts = Annotated[
    str,
    StringConstraints(
        pattern=r"^(\[[^\s@/?#\[\],]+\]|[^\s@/?#\[\],:]+)(:[0-9]{1,5})?(,(\[[^\s@/?#\[\],]+\]|[^\s@/?#\[\],:]+)(:[0-9]{1,5})?)*$"
    ),
]


class Settings(BaseModel):
    """All settings. Field `worker_id` is environment variable WORKER_ID, and so on; `load_settings` reads them."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    # PostgreSQL: either the URL or its parts.
    database_url: SecretStr | None = None
    postgres_host: HostOrDirectory = "localhost"
    postgres_port: Port = 5432
    postgres_db: str = "aeon_saas_dev"
    postgres_user: str = "postgres"
    postgres_password: SecretStr | None = None
    postgres_sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] | None = None
    postgres_sslrootcert: str | None = None
    postgres_sslcert: str | None = None
    postgres_sslkey: str | None = None
    job_schema: Identifier = "public"
    database_pool_size: Annotated[int, Field(ge=1, le=200)] = 10
    database_statement_timeout: Milliseconds = 30_000

    # Redis: either the URL or its parts. dramatiq uses KEYS: give it a database number of its own.
    redis_url: SecretStr | None = None
    redis_host: Host = "localhost"
    redis_port: Port = 6379
    redis_user: str | None = None
    redis_password: SecretStr | None = None
    redis_tls: bool = False
    redis_tls_ca: str | None = None
    redis_tls_cert: str | None = None
    redis_tls_key: str | None = None
    redis_sentinels: HostsAndPorts | None = None
    redis_sentinel_master: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9._-]+$", validate_default=True)] = None
    redis_sentinel_user: str | None = None
    redis_sentinel_password: SecretStr | None = None
    redis_db: Annotated[int, Field(ge=0)] = 0
    redis_queue_prefix: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")] = "aeon-jobs"

    # Workers.
    worker_enabled: bool = True
    worker_id: Annotated[str, StringConstraints(max_length=100)] = Field(default_factory=socket.gethostname)
    worker_concurrency: Annotated[int, Field(ge=1, le=1000)] = 8
    worker_processes: Annotated[int, Field(ge=1, le=256)] = 2
    worker_poll_interval: Milliseconds = 1_000
    worker_heartbeat_interval: Milliseconds = 5_000
    worker_lock_duration: Annotated[int, Field(gt=0, validate_default=True)] = 20_000
    worker_shutdown_timeout: Milliseconds = 30_000
    worker_auto_restart: bool = True

    # Dispatcher.
    dispatch_poll_interval: Annotated[int, Field(ge=1, le=250)] = 250
    dispatch_window_factor: Annotated[int, Field(ge=1, le=100)] = 4

    # Jobs.
    job_default_timeout: Annotated[int, Field(ge=1_000, le=600_000)] = 300_000
    job_max_retries: Annotated[int, Field(ge=0, le=10)] = 3
    job_retry_delay_base: Milliseconds = 1_000
    job_retry_backoff_multiplier: Annotated[float, Field(ge=1, le=10)] = 2.0
    job_retry_delay_max: Milliseconds = 3_600_000
    job_retry_jitter: Annotated[float, Field(ge=0, le=1)] = 0.1
    job_max_worker_deaths: Annotated[int, Field(ge=1, le=100)] = 3
    job_max_payload_bytes: Annotated[int, Field(ge=1_024)] = 1_048_576
    job_keep_logs: Annotated[bool, Field(description="keep the lines that handlers log with their jobs")] = True
    job_dlq_enabled: bool = True
    job_dlq_retention_days: Days = 30
    schedule_history_days: Annotated[
        int, Field(ge=0, description="days that runs of schedules are kept; 0: for ever")
    ] = 90
    job_interrupt_grace: Milliseconds = 5_000

    # Retention: days until something moves to the archive, and until the archive forgets it; 0: for ever.
    job_retention_days: Days = 30
    job_retention_days_by_type: Annotated[
        str, Field(description="job types with days of their own, such as email_notification=7,invoice=0")
    ] = ""
    job_audit_retention_days: Days = 30
    job_archive_retention_days: Days = 365

    # Built-in job types.
    data_root: Path = Path("data")
    smtp_host: str = "localhost"
    smtp_port: Port = 25
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_tls: Literal["none", "starttls", "tls"] = "starttls"
    smtp_from: str = "aeon-jobs@localhost"
    smtp_timeout: Milliseconds = 10_000
    webhook_secret: SecretStr | None = None
    webhook_timeout: Milliseconds = 10_000
    webhook_allow_hosts: Annotated[str, Field(description="comma-separated hosts that the SSRF guard lets through")] = (
        ""
    )

    # API.
    api_host: str = "127.0.0.1"
    api_port: Port = 8000
    api_auth_enabled: bool = True
    api_threads: Annotated[int, Field(ge=1, le=200)] = 40
    api_rate_limit: Annotated[int, Field(ge=0, description="requests per minute and key; 0: no limit")] = 60_000
    api_rate_limit_fallback: Annotated[
        Literal["open", "closed"], Field(description="without Redis: let requests through, or refuse them")
    ] = "open"
    api_auth_failure_limit: Annotated[
        int, Field(ge=0, description="failed authentications per minute and client address; 0: no limit")
    ] = 30
    api_max_bulk_bytes: Annotated[int, Field(ge=1_024)] = 16_777_216
    api_max_header_bytes: Annotated[int, Field(ge=4_096)] = 65_536
    api_max_held_bytes: Annotated[
        int, Field(ge=16_777_216, description="memory for all requests of a process together")
    ] = 117_440_512
    api_max_connections: Annotated[int, Field(ge=1)] = 1_000
    api_max_streams: Annotated[int, Field(ge=1, description="streams and long polls at once, per key and process")] = (
        200
    )
    api_header_timeout: Milliseconds = 10_000
    api_body_timeout: Milliseconds = 60_000
    api_cors_origins: Annotated[
        str, Field(description="comma-separated origins that browsers may call from; empty: none")
    ] = ""

    # Dashboard.
    dashboard_enabled: bool = True
    dashboard_read_only: Annotated[bool, Field(description="nobody changes anything there, whatever the role")] = False
    dashboard_session_lifetime: Annotated[int, Field(ge=60_000, le=31_536_000_000)] = 43_200_000

    # Watching.
    monitoring_enabled: bool = True
    metrics_host: str = "127.0.0.1"
    metrics_port: Port = 9191
    metrics_statement_timeout: Milliseconds = 3_000
    prometheus_enabled: bool = False
    grafana_enabled: bool = False
    tracing_enabled: bool = False
    tracing_same_trace: bool = False
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] = "json"

    @field_validator("database_url")
    @classmethod
    def _is_address_of_postgres(cls, url: SecretStr | None) -> SecretStr | None:
        return _unbroken(url, broken_postgres_rule)

    @field_validator("redis_url")
    @classmethod
    def _is_address_of_redis(cls, url: SecretStr | None) -> SecretStr | None:
        return _unbroken(url, broken_redis_rule)

    @field_validator("postgres_sslmode", "postgres_sslrootcert", "postgres_sslcert", "postgres_sslkey")
    @classmethod
    def _is_heeded_by_postgres(cls, value: str | None, info: ValidationInfo) -> str | None:
        """A certificate that is not checked because another variable wins is found out by nobody."""
        if value and info.data.get("database_url"):
            option = str(info.field_name).removeprefix("postgres_")
            raise PydanticCustomError("tls", f"has no effect beside DATABASE_URL: write {option}=… into the URL")
        return value if info.field_name == "postgres_sslmode" or value == "system" else _readable(value)

    @field_validator("redis_tls", "redis_tls_ca", "redis_tls_cert", "redis_tls_key")
    @classmethod
    def _is_heeded_by_redis(cls, value: str | bool | None, info: ValidationInfo) -> str | bool | None:
        if value and info.data.get("redis_url"):
            raise PydanticCustomError(
                "tls", "has no effect beside REDIS_URL: begin the URL with rediss:// and write its ssl_… options"
            )
        if not isinstance(value, str):
            return value
        if not info.data.get("redis_tls"):
            raise PydanticCustomError("tls", "needs REDIS_TLS=true")
        return _readable(value)

    @field_validator("redis_sentinel_master")
    @classmethod
    def _is_a_master_of_sentinels(cls, master: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("redis_sentinels") and not master:
            raise PydanticCustomError("master", "must name the master that REDIS_SENTINELS watch")
        return master

    @field_validator("worker_lock_duration")
    @classmethod
    def _outlives_heartbeats(cls, lock: int, info: ValidationInfo) -> int:
        """A lease that ends between two renewals takes every job from its living worker."""
        if lock < 2 * info.data.get("worker_heartbeat_interval", 0):
            raise PydanticCustomError("lease", "must be at least twice WORKER_HEARTBEAT_INTERVAL")
        return lock

    @field_validator("job_retention_days_by_type")
    @classmethod
    def _is_days_by_type(cls, text: str) -> str:
        try:
            _days_by_type(text)
        except ValueError as error:
            raise PydanticCustomError("days", str(error)) from None
        return text

    @property
    def retention_days_by_type(self) -> dict[str, int]:
        """JOB_RETENTION_DAYS_BY_TYPE, read."""
        return _days_by_type(self.job_retention_days_by_type)

    @property
    def names_a_database(self) -> bool:
        """Whether a variable says where PostgreSQL is; otherwise the address is the default."""
        return any(name == "database_url" or name.startswith("postgres_") for name in self.model_fields_set)

    @property
    def postgres_dsn(self) -> str:
        """SQLAlchemy URL, password included: never print it."""
        if self.database_url:
            return with_psycopg2(self.database_url.get_secret_value())
        user = quote(self.postgres_user, safe="") + _password(self.postgres_password)
        database = quote(self.postgres_db, safe="")
        tls = {name: getattr(self, f"postgres_{name}") for name in ("sslmode", "sslrootcert", "sslcert", "sslkey")}
        options = _options(tls)
        if self.postgres_host.startswith("/"):  # the directory of a socket, as libpq has it
            where = quote(self.postgres_host, safe="")
            return f"postgresql+psycopg2://{user}@/{database}?host={where}&port={self.postgres_port}{options and '&'}{options}"
        hosts = ",".join(f"{_host(name)}:{self.postgres_port}" for name in self.postgres_host.split(","))
        return with_psycopg2(f"postgresql://{user}@{hosts}/{database}{options and '?'}{options}")

    @property
    def redis_dsn(self) -> str:
        """Address for `redis_client`, password included: never print it."""
        if self.redis_url:
            return self.redis_url.get_secret_value()
        user = quote(self.redis_user or "", safe="") + _password(self.redis_password)
        scheme = "rediss" if self.redis_tls else "redis"
        where = f"{_host(self.redis_host)}:{self.redis_port}/{self.redis_db}"
        tls = {
            "ssl_ca_certs": self.redis_tls_ca,
            "ssl_certfile": self.redis_tls_cert,
            "ssl_keyfile": self.redis_tls_key,
        }
        if self.redis_sentinels:
            scheme += "+sentinel"
            where = f"{self.redis_sentinels}/{self.redis_sentinel_master}/{self.redis_db}"
            password = self.redis_sentinel_password
            tls |= {
                "sentinel_username": self.redis_sentinel_user,
                "sentinel_password": password.get_secret_value() if password else None,
            }
        options = _options(tls)
        return f"{scheme}://{user}{user and '@'}{where}{options and '?'}{options}"


def _unbroken(url: SecretStr | None, broken_rule: Callable[[str], str | None]) -> SecretStr | None:
    if url and (rule := broken_rule(url.get_secret_value())):
        raise PydanticCustomError("address", rule)
    return url


def _days_by_type(text: str) -> dict[str, int]:
    """
    Raises:
        ValueError: the rule.
    """
    found = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        job_type, _, days = entry.rpartition("=")
        if not job_type or not (days.isascii() and days.isdecimal() and len(days) <= 5 and int(days) <= 36_500):
            raise ValueError("must be job_type=days, separated by commas; days are whole numbers from 0 to 36500")
        found[job_type.strip()] = int(days)
    return found


def _password(secret: SecretStr | None) -> str:
    return f":{quote(secret.get_secret_value(), safe='')}" if secret else ""


def _options(given: Mapping[str, str | None]) -> str:
    """Of an address."""
    return urlencode({name: value for name, value in given.items() if value}, quote_via=quote)


def _readable(path: str | None) -> str | None:
    if path and not is_readable(path):
        raise PydanticCustomError("file", "the file that it names cannot be read")
    return path


def _host(name: str) -> str:
    return f"[{name}]" if ":" in name else name  # IPv6


def load_settings(**overrides: Any) -> Settings:
    """Read the environment.

    Raises:
        SettingsError: names every variable at fault and the rule it breaks; never shows a value.
    """
    try:
        return Settings(**{**_environment(), **overrides})
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        message = "; ".join(faults)
    # Outside of the handler: an error that remembers pydantic's remembers the values.
    raise SettingsError(message)


def _environment() -> dict[str, str]:
    """What it sets, by field; an empty variable sets nothing. Of a secret NAME also NAME_FILE, as Docker and Kubernetes
    provide secrets.

    Raises:
        SettingsError
    """
    given = {name.lower(): value for name, value in os.environ.items() if value}
    found = {name: given[name] for name in Settings.model_fields if name in given}
    for name in filter(_is_secret, Settings.model_fields):
        if path := given.get(f"{name}_file"):
            if name in found:
                raise SettingsError(f"{name.upper()}_FILE: set either {name.upper()} or {name.upper()}_FILE, not both")
            found[name] = _text_of(path, f"{name.upper()}_FILE")
    return found


def _is_secret(name: str) -> bool:
    return "SecretStr" in str(Settings.model_fields[name].annotation)


def _text_of(path: str, variable: str) -> str:
    try:
        # The newline that an editor leaves at the end is no part of the secret; a space may be.
        return Path(path).read_text().rstrip("\r\n")
    except OSError as error:
        raise SettingsError(f"{variable}: cannot read the file it names ({error.strerror})") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{variable}: the file it names is not UTF-8 text") from None


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The process's settings, read at first use."""
    return load_settings()


def misspelt(environ: Mapping[str, str]) -> dict[str, str]:
    """Variables that look like ours but are not, each with the name that was probably meant."""
    names = variable_names()
    # Short words that stand before many a variable of other programs prove nothing.
    prefixes = {name.split("_")[0] for name in names} - {"DATA", "API", "LOG"}
    strangers = (n for n in environ if n not in names and _is_like_one_of(n.split("_")[0], prefixes))
    close = ((n, difflib.get_close_matches(n, names, n=1, cutoff=0.85)) for n in strangers)
    return {name: match[0] for name, match in close if match}


def _is_like_one_of(word: str, words: Collection[str]) -> bool:
    long = [known for known in words if len(known) > 4]
    return word in words or bool(difflib.get_close_matches(word, long, n=1, cutoff=0.8))


def variable_names() -> list[str]:
    """Every environment variable that is read, the NAME_FILE forms included."""
    plain = [name.upper() for name in Settings.model_fields]
    return plain + [f"{name.upper()}_FILE" for name in filter(_is_secret, Settings.model_fields)]
