"""Rules and panels use metrics that the exporter has, under names that Prometheus' own check accepts."""

from __future__ import annotations

import re
import subprocess

import pytest
import redis
import yaml

from aeon_jobs.api.metrics import Exposition
from aeon_jobs.ops.grafana.panels import ROWS
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from tests.docs.pages import ROOT
from tests.integration.ops.test_promtool import PROMTOOL, needs_promtool

NAMED_GAUGE = {"queue_depth_gauge", "worker_alive_gauge"}
"""Names that the specification gives; promtool finds their ending needless."""
OF_PROMETHEUS = {"up", "ALERTS"}


@pytest.fixture
def metrics(environment: Settings, database: Database, redis_client: redis.Redis) -> bytes:
    return Exposition(environment, database, redis_client).text()


def test_every_metric_of_the_rules_and_of_the_panels_is_exported(metrics: bytes) -> None:
    exported = {line.split()[2] for line in metrics.decode().splitlines() if line.startswith("# TYPE")}
    groups = [
        group
        for name in ("recording.yml", "alerts.yml")
        for group in yaml.safe_load((ROOT / "ops/prometheus/rules" / name).read_text())["groups"]
    ]
    expressions = [rule["expr"] for group in groups for rule in group["rules"]]
    expressions += [query.expression for row in ROWS for panel in row.panels for query in panel.queries]
    used = {name for expression in expressions for name in _metrics_of(expression)}
    assert len(used) > 25
    known = exported | OF_PROMETHEUS | {f"{name}_{part}" for name in exported for part in ("bucket", "count", "sum")}
    assert used - known == set()


def _metrics_of(expression: str) -> set[str]:
    plain = re.sub(r"\w+:\w+:\w+|\"[^\"]*\"|\b(?:by|on) \([^)]*\)|\{|\}|\[[^\]]*\]", " ", expression)
    words = set(re.findall(r"\b[a-zA-Z_]\w*\b(?! *[(=!~])", plain))
    return words - {"unless", "and", "or", "by", "on"}


@needs_promtool
def test_promtool_objects_to_nothing_but_the_two_names_of_the_specification(metrics: bytes) -> None:
    done = subprocess.run([PROMTOOL or "", "check", "metrics"], input=metrics, capture_output=True, check=False)
    assert {line.split(" ")[0] for line in done.stderr.decode().splitlines()} <= NAMED_GAUGE
