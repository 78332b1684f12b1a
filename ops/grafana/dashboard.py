"""Builds the dashboard's JSON out of `panels`, with Grafana's own library."""

from __future__ import annotations

from itertools import count

from grafana_foundation_sdk.builders import dashboard, stat, timeseries
from grafana_foundation_sdk.builders.common import (
    GraphThresholdsStyleConfig,
    ReduceDataOptions,
    StackingConfig,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    VariableOption,
    VariableRefresh,
)

from aeon_jobs.ops.grafana.panels import ROWS, Panel, Query

TITLE, UID = "aeon-jobs", "aeon-jobs"
WIDTH = 24
SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
GREEN, YELLOW, RED = "green", "yellow", "red"


def as_json() -> str:
    """The file that Grafana loads."""
    return f"{JSONEncoder(sort_keys=True, indent=1).encode(_dashboard().build())}\n"


def _dashboard() -> dashboard.Dashboard:
    built = (
        dashboard.Dashboard(TITLE)
        .uid(UID)
        .description("Jobs, queues, workers, and the servers behind them.")
        .tags(["aeon-jobs"])
        .refresh("15s")
        .time("now-1h", "now")
        .timezone(common.TimeZoneBrowser)
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(_system())
    )
    # Stable ids: links to a panel stay good.
    ids = count(1)
    for row in ROWS:
        built = built.with_row(dashboard.Row(row.title).id(next(ids)))
        for panel in row.panels:
            shown = _stat(panel, len(row.panels)) if panel.kind == "stat" else _timeseries(panel)
            built = built.with_panel(shown.id(next(ids)))
    return built


def _system() -> dashboard.QueryVariable:
    """One Prometheus may watch several systems. `.*` also finds series without the label."""
    return (
        dashboard.QueryVariable("system")
        .label("System")
        .datasource(SOURCE)
        .query("label_values(aeon_jobs_build_info, system)")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .include_all(True)
        .all_value(".*")
        .current(VariableOption(selected=True, text="All", value="$__all"))
    )


def _stat(panel: Panel, neighbours: int) -> stat.Panel:
    built = (
        stat.Panel()
        .title(panel.title)
        .description(panel.description)
        .datasource(SOURCE)
        .unit(panel.unit)
        .thresholds(_thresholds(panel))
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
        .graph_mode(common.BigValueGraphMode.AREA)
        .span(WIDTH // neighbours)
        .height(4)
    )
    for letter, query in zip("ABCDEF", panel.queries, strict=False):
        built = built.with_target(_target(letter, query))
    return built


def _timeseries(panel: Panel) -> timeseries.Panel:
    built = (
        timeseries.Panel()
        .title(panel.title)
        .description(panel.description)
        .datasource(SOURCE)
        .unit(panel.unit)
        .min(0)
        .thresholds(_thresholds(panel))
        .fill_opacity(25 if panel.stacked else 8)
        .line_width(1)
        .show_points(common.VisibilityMode.NEVER)
        .legend(
            VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING))
        .span(WIDTH // 3)
        .height(8)
    )
    if panel.stacked:
        built = built.stacking(StackingConfig().mode(common.StackingMode.NORMAL))
    if panel.highest is not None:
        built = built.max(panel.highest)
    if panel.warning is not None or panel.critical is not None:
        built = built.thresholds_style(_dashed_line())
    for letter, query in zip("ABCDEF", panel.queries, strict=False):
        built = built.with_target(_target(letter, query))
    return built


def _dashed_line() -> GraphThresholdsStyleConfig:
    return GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)


def _target(letter: str, query: Query) -> Dataquery:
    return Dataquery().ref_id(letter).expr(query.expression).legend_format(query.legend).datasource(SOURCE).range()


def _thresholds(panel: Panel) -> dashboard.ThresholdsConfig:
    if panel.low_is_bad:
        steps = [Threshold(None, RED), Threshold(panel.critical, GREEN)]
    else:
        levels = ((None, GREEN), (panel.warning, YELLOW), (panel.critical, RED))
        steps = [Threshold(value, color) for value, color in levels if value is not None or color == GREEN]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
