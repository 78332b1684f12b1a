"""The dashboard's file is what its builder makes, and shows what the rules know."""

from __future__ import annotations

import json
import re

import yaml

from aeon_jobs.ops.grafana.__main__ import FILE
from aeon_jobs.ops.grafana.dashboard import as_json
from aeon_jobs.ops.grafana.panels import ROWS
from aeon_jobs.ops.rehearsals.monitoring.pictures import file_name
from tests.docs.pages import ROOT

PROVISIONING = ROOT / "ops/grafana/provisioning"


def test_the_file_is_what_the_builder_makes() -> None:
    assert FILE.read_text() == as_json(), "run: python -m aeon_jobs.ops.grafana"


def test_every_panel_has_its_title_its_unit_and_its_queries() -> None:
    shown = [panel for panel in json.loads(FILE.read_text())["panels"] if panel["type"] != "row"]
    wanted = [panel for row in ROWS for panel in row.panels]
    assert [panel["title"] for panel in shown] == [panel.title for panel in wanted]
    assert len({panel.title for panel in wanted}) == len(wanted)
    for panel, want in zip(shown, wanted, strict=True):
        assert [target["expr"] for target in panel["targets"]] == [query.expression for query in want.queries]
        assert panel["fieldConfig"]["defaults"]["unit"] == want.unit
        assert panel["description"]


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(FILE.read_text())["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        taken |= cells


def test_recorded_series_of_the_panels_are_recorded() -> None:
    groups = yaml.safe_load((ROOT / "ops/prometheus/rules/recording.yml").read_text())["groups"]
    recorded = {rule["record"] for group in groups for rule in group["rules"]}
    used = set(
        re.findall(
            r"\w+:\w+:\w+",
            " ".join(query.expression for row in ROWS for panel in row.panels for query in panel.queries),
        )
    )
    assert used
    assert used <= recorded


def test_grafana_is_given_the_data_source_and_the_folder() -> None:
    sources = yaml.safe_load((PROVISIONING / "datasources/prometheus.yml").read_text())["datasources"]
    providers = yaml.safe_load((PROVISIONING / "dashboards/aeon-jobs.yml").read_text())["providers"]
    assert [(source["type"], source["url"]) for source in sources] == [("prometheus", "${PROMETHEUS_URL}")]
    assert [provider["options"]["path"] for provider in providers] == ["/etc/grafana/dashboards"]


def test_the_page_shows_a_picture_of_every_panel() -> None:
    page = (ROOT / "docs/operations/dashboards.md").read_text()
    for panel in (panel for row in ROWS for panel in row.panels):
        assert (
            f"**{panel.title}.** {panel.description}\n\n![{panel.title}](pictures/{file_name(panel.title)}.svg)" in page
        )
    shown = set(re.findall(r"\(pictures/(\S+)\)", page))
    assert shown == {file.name for file in (ROOT / "docs/operations/pictures").iterdir()}
