"""Prometheus itself reads our files: promtool checks them, and runs the tests of the alerts."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.docs.pages import ROOT

FOLDER = ROOT / "ops/prometheus"
PROMTOOL, AMTOOL = shutil.which("promtool"), shutil.which("amtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not here (Debian: apt install prometheus)")
needs_amtool = pytest.mark.skipif(
    AMTOOL is None, reason="amtool is not here (Debian: apt install prometheus-alertmanager)"
)


@needs_promtool
def test_the_configuration_and_the_rules_are_read() -> None:
    # The key of the API is a secret, which is not here: so the syntax alone.
    _promtool("check", "config", "--syntax-only", "prometheus.yml")
    _promtool("check", "rules", "--lint-fatal", "rules/recording.yml", "rules/alerts.yml")


@needs_promtool
@pytest.mark.parametrize("file", sorted((FOLDER / "tests").glob("*.yml")), ids=lambda file: file.stem)
def test_every_alert_fires_when_it_should_and_else_is_silent(file: Path) -> None:
    _promtool("test", "rules", str(file))


@needs_amtool
@pytest.mark.parametrize("name", ["alertmanager.yml", "alertmanager.mail.yml"])
def test_alertmanager_reads_its_configuration(name: str, tmp_path: Path) -> None:
    configuration = yaml.safe_load((ROOT / "ops/alertmanager" / name).read_text())
    for receiver in configuration["receivers"]:
        for webhook in receiver.get("webhook_configs", []):
            # Debian's amtool is older than `url_file`.
            webhook["url"] = f"http://localhost{webhook.pop('url_file')}"
    (tmp_path / name).write_text(yaml.safe_dump(configuration))
    done = subprocess.run(
        [AMTOOL or "", "check-config", str(tmp_path / name)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _promtool(*arguments: str) -> None:
    done = subprocess.run([PROMTOOL or "", *arguments], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
