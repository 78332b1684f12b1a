"""The environment: variables that are misspelt, set twice, or not usable. Findings show names, never values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aeon_jobs.api.service.checks.finding import Finding, error, ok, warning
from aeon_jobs.persistence.core.errors import SettingsError
from aeon_jobs.persistence.core.settings import load_settings, misspelt, variable_names

NAME = "environment"
_URLS = {"DATABASE_URL": "POSTGRES_", "REDIS_URL": "REDIS_"}


def environment(environ: Mapping[str, str]) -> list[Finding]:
    """A finding for every problem, or one finding that says that there is none."""
    found = [*_unusable(), *_misspelt(environ), *_set_twice(environ)]
    return found or [ok(NAME, f"{len(_ours(environ))} variables of aeon-jobs, all usable")]


def _unusable() -> Iterator[Finding]:
    try:
        load_settings()
    except SettingsError as fault:
        yield error(NAME, str(fault), "see docs/configuration.md")


def _misspelt(environ: Mapping[str, str]) -> Iterator[Finding]:
    for name, meant in misspelt(environ).items():
        yield warning(NAME, f"{name} is not a setting", f"did you mean {meant}?")


def _set_twice(environ: Mapping[str, str]) -> Iterator[Finding]:
    ours = _ours(environ)
    for url, prefix in _URLS.items():
        parts = sorted(
            name for name in ours if name.startswith(prefix) and name.removesuffix("_FILE") not in _NOT_IN_URL
        )
        if url in ours or f"{url}_FILE" in ours:
            yield from (warning(NAME, f"{name} is ignored: {url} is set", f"unset {name}, or {url}") for name in parts)
    for name in sorted(ours):
        if f"{name}_FILE" in ours:
            yield error(NAME, f"{name} and {name}_FILE are both set", "unset one of them")


_NOT_IN_URL = {"REDIS_URL", "REDIS_QUEUE_PREFIX"}
"""Settings that a URL does not contain."""


def _ours(environ: Mapping[str, str]) -> set[str]:
    return {name for name in variable_names() if environ.get(name)}
