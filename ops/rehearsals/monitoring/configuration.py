"""The shipped files, changed for a run of some minutes on one machine. What is changed, and nothing else:

1. The addresses: the files of targets, the file of the API's key, the receiver of alerts.
2. Durations: `for`, windows such as [5m], intervals and pauses are divided by FACTOR, and are at least one second.
3. Debian's Alertmanager is too old for `url_file`: the address stands in its place.

Thresholds, expressions, labels, routes and inhibitions are as shipped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FACTOR = 15
OPS = Path(__file__).resolve().parents[2]
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATIONS = {
    "for",
    "interval",
    "scrape_interval",
    "evaluation_interval",
    "scrape_timeout",
    "resolve_timeout",
    "group_wait",
    "group_interval",
    "repeat_interval",
}
"""Names of fields that hold a duration."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """host:port of each, and the URL that gets the alerts."""

    exporter: str
    api: str
    alertmanager: str
    webhook: str


def shortened(duration: str) -> str:
    """A duration of Prometheus, such as 5m, divided by FACTOR: whole seconds, at least one."""
    return f"{max(1, round(int(duration[:-1]) * SECONDS[duration[-1]] / FACTOR))}s"


def shortened_expression(expression: str) -> str:
    """An expression with its windows divided by FACTOR."""
    return re.sub(r"\[(\d+[smhd])\]", lambda found: f"[{shortened(found[1])}]", expression)


def write_prometheus(directory: Path, addresses: Addresses, api_key: str) -> Path:
    """The configuration's path; rules, targets and the key lie beside it."""
    for folder in ("rules", "targets"):
        directory.joinpath(folder).mkdir(parents=True)
    key_file = directory / "api_key"
    key_file.touch(0o600)
    key_file.write_text(api_key)
    for name, address in (
        ("exporter", addresses.exporter),
        ("api", addresses.api),
        ("alertmanager", addresses.alertmanager),
    ):
        _write(directory / "targets" / f"{name}.yml", [{"targets": [address], "labels": {"system": "aeon-jobs"}}])
    for name in ("recording.yml", "alerts.yml"):
        _write(directory / "rules" / name, _short(_read("prometheus/rules", name)))
    configuration = _short(_read("prometheus", "prometheus.yml"))
    for scraped in configuration["scrape_configs"]:
        if "authorization" in scraped:
            scraped["authorization"]["credentials_file"] = str(key_file)
    return _write(directory / "prometheus.yml", configuration)


def write_alertmanager(directory: Path, addresses: Addresses) -> Path:
    """The configuration's path."""
    configuration = _short(_read("alertmanager", "alertmanager.yml"))
    for receiver in configuration["receivers"]:
        for webhook in receiver["webhook_configs"]:
            del webhook["url_file"]
            webhook["url"] = addresses.webhook
    return _write(directory / "alertmanager.yml", configuration)


def _short(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _short_field(key, each) for key, each in value.items()}
    return [_short(each) for each in value] if isinstance(value, list) else value


def _short_field(name: str, value: Any) -> Any:
    if name in DURATIONS:
        return shortened(value)
    return shortened_expression(value) if name == "expr" else _short(value)


def _read(folder: str, name: str) -> Any:
    return yaml.safe_load((OPS / folder / name).read_text())


def _write(path: Path, content: Any) -> Path:
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path
