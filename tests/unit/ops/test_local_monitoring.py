"""What PROMETHEUS_ENABLED and GRAFANA_ENABLED add to `aeon-jobs up`."""

from __future__ import annotations

from pathlib import Path

import yaml

from aeon_jobs.ops.local_monitoring import provide
from aeon_jobs.persistence.core.settings import Settings


def test_without_the_switches_nothing_is_added(tmp_path: Path) -> None:
    for settings in (Settings(), Settings(monitoring_enabled=False, prometheus_enabled=True)):
        found = provide(tmp_path, settings, environ := {"PATH": ""})
        assert (found.programs, found.summary, environ) == ((), (), {"PATH": ""})


def test_a_prometheus_on_the_path_scrapes_the_exporter_and_loads_our_rules(tmp_path: Path) -> None:
    binary = tmp_path / "prometheus-binary" / "prometheus"
    binary.parent.mkdir()
    binary.touch(0o755)
    environ = {"PATH": str(binary.parent)}
    found = provide(tmp_path, Settings(prometheus_enabled=True, grafana_enabled=True), environ)
    assert [program.name for program in found.programs] == ["exporter", "prometheus"]
    assert found.programs[1].argv[0] == str(binary)
    written = yaml.safe_load((tmp_path / "prometheus" / "prometheus.yml").read_text())
    (scrape,) = written["scrape_configs"]
    assert scrape["static_configs"] == [{"targets": [f"127.0.0.1:{environ['METRICS_PORT']}"]}]
    (rules,) = written["rule_files"]
    assert list(Path("/").glob(rules.lstrip("/")))
    assert any("aeon-jobs.json" in line for line in found.summary)


def test_without_a_prometheus_there_is_the_exporter_alone(tmp_path: Path) -> None:
    found = provide(tmp_path, Settings(prometheus_enabled=True), {"PATH": str(tmp_path)})
    assert [program.name for program in found.programs] == ["exporter"]
    assert any("is not on the path" in line for line in found.summary)
