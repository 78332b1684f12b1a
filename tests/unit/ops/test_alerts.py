"""The files of Prometheus and Alertmanager hold together. `tests/integration/ops/test_promtool.py` gives them to promtool."""

from __future__ import annotations

import re
from typing import Any

import yaml

from tests.docs.pages import ROOT

PROMETHEUS, ALERTMANAGER = ROOT / "ops/prometheus", ROOT / "ops/alertmanager"
SPECIFIED = {
    "HighQueueDepth": ("warning", "5m", "> 1000"),
    "CriticalQueueDepth": ("critical", "2m", "> 5000"),
    "WorkerDown": ("critical", "1m", "== 0"),
    "HighFailureRate": ("warning", "5m", "> 0.1"),
    "DLQAccumulation": ("warning", "10m", "> 50"),
}


def rules(file: str) -> list[dict[str, Any]]:
    groups = yaml.safe_load((PROMETHEUS / "rules" / file).read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in rules("alerts.yml")}


def test_the_specified_alerts_have_their_names_and_thresholds() -> None:
    for name, (severity, duration, threshold) in SPECIFIED.items():
        rule = ALERTS[name]
        assert (rule["labels"]["severity"], rule["for"]) == (severity, duration), name
        assert rule["expr"].strip().endswith(threshold), name


def test_every_alert_says_what_is_wrong_and_names_a_page_that_exists() -> None:
    for name, rule in ALERTS.items():
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}, name
        assert rule["labels"]["severity"] in {"warning", "critical"}, name
        assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{name}.md"
        assert (ROOT / rule["annotations"]["runbook_url"]).exists(), name


def test_every_alert_has_a_test_of_its_firing_and_one_of_its_silence() -> None:
    tests = [
        test for file in (PROMETHEUS / "tests").glob("*.yml") for test in yaml.safe_load(file.read_text())["tests"]
    ]
    names = [test["name"] for test in tests]
    for alert in ALERTS:
        assert any(re.match(rf"{alert} fires\b", name) for name in names), alert
        assert any(name.startswith(f"{alert} is silent: ") for name in names), alert


def test_every_series_of_the_rules_keeps_the_system() -> None:
    """One Prometheus may watch several systems, and each series may be scraped more than once."""
    for rule in [*rules("alerts.yml"), *rules("recording.yml")]:
        raw = re.sub(r"\w+:\w+:\w+", "", rule["expr"])
        metrics = re.findall(r"\b(?:aeon_jobs|jobs|job|queue|worker)_\w+(?=[{\[) ])", raw)
        assert not metrics or "by (system" in rule["expr"], rule


def test_the_mail_configuration_differs_from_the_other_in_its_receivers_alone() -> None:
    webhook, mail = (
        yaml.safe_load((ALERTMANAGER / name).read_text()) for name in ("alertmanager.yml", "alertmanager.mail.yml")
    )
    assert webhook["route"] == mail["route"]
    assert webhook["inhibit_rules"] == mail["inhibit_rules"]
    assert [each["name"] for each in webhook["receivers"]] == [each["name"] for each in mail["receivers"]]


def test_inhibitions_name_alerts_that_exist() -> None:
    for rule in yaml.safe_load((ALERTMANAGER / "alertmanager.yml").read_text())["inhibit_rules"]:
        for matcher in [*rule["source_matchers"], *rule["target_matchers"]]:
            label, pattern = re.fullmatch(r'(\w+)(?:=|!=|=~|!~)"(.+)"', matcher).groups()  # type: ignore[union-attr]
            alternatives = pattern.split("|") if label == "alertname" else []
            assert all(any(re.fullmatch(each, name) for name in ALERTS) for each in alternatives), matcher


def test_no_secret_stands_in_a_file() -> None:
    secret = re.compile(r"^\s*-?\s*(?:\w*password|credentials|bearer_token|api_key|url): +\S*[a-z0-9]", re.MULTILINE)
    files = [path for folder in (PROMETHEUS, ALERTMANAGER) for path in folder.rglob("*.yml")]
    assert files
    assert [(path.name, found) for path in files for found in secret.findall(path.read_text())] == []
