"""What the rehearsal of monitoring changes in the shipped files: addresses and durations, nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from aeon_jobs.ops.rehearsals.monitoring import configuration
from aeon_jobs.ops.rehearsals.monitoring.configuration import Addresses, shortened, shortened_expression
from tests.docs.pages import ROOT

ADDRESSES = Addresses("localhost:1", "localhost:2", "localhost:3", "http://localhost:4/alerts")


@pytest.mark.parametrize(
    ("given", "short"), [("5m", "20s"), ("15s", "1s"), ("1h", "240s"), ("3d", "17280s"), ("1m", "4s")]
)
def test_durations_are_divided(given: str, short: str) -> None:
    assert shortened(given) == short


def test_windows_are_divided_and_thresholds_are_not() -> None:
    assert shortened_expression("rate(x[5m]) > 300 and y == 1") == "rate(x[20s]) > 300 and y == 1"


def test_rules_keep_their_names_labels_and_thresholds(tmp_path: Path) -> None:
    configuration.write_prometheus(tmp_path, ADDRESSES, "a key")
    for name in ("recording.yml", "alerts.yml"):
        shipped, changed = (_rules(folder / "rules" / name) for folder in (ROOT / "ops/prometheus", tmp_path))
        assert [_timeless(rule) for rule in shipped] == [_timeless(rule) for rule in changed]
        assert shipped != changed


def test_the_key_is_readable_by_its_owner_alone_and_stands_in_no_other_file(tmp_path: Path) -> None:
    configuration.write_prometheus(tmp_path, ADDRESSES, "a key")
    holders = [path for path in tmp_path.rglob("*") if path.is_file() and "a key" in path.read_text()]
    assert [(path.name, path.stat().st_mode & 0o777) for path in holders] == [("api_key", 0o600)]


def test_routes_and_inhibitions_of_alertmanager_stay(tmp_path: Path) -> None:
    changed = yaml.safe_load(configuration.write_alertmanager(tmp_path, ADDRESSES).read_text())
    shipped = yaml.safe_load((ROOT / "ops/alertmanager/alertmanager.yml").read_text())
    assert changed["inhibit_rules"] == shipped["inhibit_rules"]
    assert changed["route"]["routes"][0]["matchers"] == shipped["route"]["routes"][0]["matchers"]
    assert {each["webhook_configs"][0]["url"] for each in changed["receivers"]} == {ADDRESSES.webhook}


def _rules(file: Path) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]


def _timeless(rule: dict[str, Any]) -> dict[str, Any]:
    return {**rule, "for": "", "expr": re.sub(r"\[\w+\]", "[]", rule["expr"])}
