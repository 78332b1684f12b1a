"""What happened over time: a line of blocks for each number."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from aeon_jobs.api.contract import History, HistoryPoint
from aeon_jobs.ops.cli.output.tables import Column, table

BLOCKS = "▁▂▃▄▅▆▇█"
WIDTH = 60
"""Most blocks of a line."""
COLUMNS = (Column(""), Column("now"), Column("most"), Column("sum", rank=1), Column("over time", least=10))
_Number = Callable[[HistoryPoint], float | None]


def history(found: History) -> RenderableType:
    counts: list[tuple[str, _Number]] = [
        ("submitted", lambda p: p.submitted),
        ("completed", lambda p: p.completed),
        ("retried", lambda p: p.retried),
        ("failed", lambda p: p.failed),
    ]
    times: list[tuple[str, _Number]] = [("wait p95", lambda p: p.wait_p95_s), ("run p95", lambda p: p.run_p95_s)]
    numbers: list[tuple[str, _Number]] = [
        ("ready", lambda p: p.ready_most),
        ("running", lambda p: p.running),
        ("slots", lambda p: p.slots),
    ]
    rows = [_row(name, [of(point) for point in found.points], _count, summed=True) for name, of in counts]
    rows += [_row(name, [of(point) for point in found.points], seconds) for name, of in times]
    rows += [_row(name, [of(point) for point in found.points], _count) for name, of in numbers]
    rows += [_row(f"ready in {queue.name}", queue.ready, _count) for queue in found.queues]
    return Group(
        Text(f"the last {found.period}, by {_step(found.step_s)}\n", "bold"),
        table(COLUMNS, rows),
    )


def blocks(values: Sequence[float | None], width: int = WIDTH) -> Text:
    """A chart of one line: as many of the last values as fit, several together where there are more. Blank: no value."""
    together = -(-len(values) // width) if values else 1
    groups = [values[place : place + together] for place in range(0, len(values), together)]
    highest = [max((value for value in group if value is not None), default=None) for group in groups]
    most = max((value for value in highest if value is not None), default=0) or 1
    text = "".join(" " if value is None else BLOCKS[min(7, int(value / most * 7.999))] for value in highest)
    return Text(text, "cyan")


def seconds(value: float | None) -> str:
    """A time in the unit that is read best."""
    match value:
        case None:
            return "-"
        case _ if value < 1:
            return f"{value * 1_000:.0f} ms"
        case _ if value < 120:
            return f"{value:.1f} s"
    return f"{value / 60:.0f} min"


def _row(
    name: str, values: Sequence[float | None], text: Callable[[float | None], str], *, summed: bool = False
) -> tuple[object, ...]:
    known = [value for value in values if value is not None]
    return (
        name,
        text(values[-1] if values else None),
        text(max(known, default=None)),
        text(sum(known)) if summed else "",
        blocks(values),
    )


def _count(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def _step(step_s: int) -> str:
    known = {10: "10 seconds", 60: "minute", 180: "3 minutes", 600: "10 minutes", 3_600: "hour"}
    return known.get(step_s, f"{step_s} s")
