"""Every system several times in turn, the direction alternating; medians, and ratios of values of the same repetition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from aeon_jobs.ops.benchmarks.figure import Curve, Figure
from aeon_jobs.ops.benchmarks.rivals import environments
from aeon_jobs.ops.benchmarks.rivals.cell import drained_per_s, measure_once
from aeon_jobs.ops.benchmarks.rivals.systems import DRAMATIQ, OURS, SYSTEMS
from aeon_jobs.ops.benchmarks.scale import Scale
from aeon_jobs.ops.benchmarks.system import System

UNITS = {
    "enqueue": "jobs/s",
    "bulk": "jobs/s",
    "drain": "jobs/s",
    "end to end": "jobs/s",
    "submit to start p50": "ms",
    "submit to start p95": "ms",
    "submit to start p99": "ms",
    "CPU per 1,000": "s",
    "CPU per 1,000, dispatcher": "s",
    "CPU per 1,000, workers": "s",
    "CPU per 1,000, redis": "s",
    "CPU per 1,000, postgres": "s",
    "memory": "MB",
    "load by others": "cores",
}
RATIOS = (
    "enqueue",
    "bulk",
    "drain",
    "end to end",
    "submit to start p50",
    "submit to start p99",
    "CPU per 1,000",
    "memory",
)
AT_LEAST = {("drain", "dramatiq"): 0.7, ("end to end", "pgqueuer"): 1.0, ("enqueue", "pgqueuer"): 0.8}
"""Floors of ratios, ours ÷ the rival's."""
AT_MOST = {"submit to start p50": 4.0, "submit to start p99": 8.0, "CPU per 1,000": 0.75, "memory": 160.0}
"""Floors of our own values."""

Repetition = Mapping[str, Mapping[str, float]]
"""Values by name, by system."""


def measure(system: System, scale: Scale) -> Iterator[Figure | Curve]:
    for each in SYSTEMS:
        environments.python(each)
    yield from figures([_repetition(system, scale, number) for number in range(scale.repetitions)])
    points = tuple(
        (float(count), drained_per_s(system, DRAMATIQ, count, scale.curve_s)) for count in scale.compared_backlogs
    )
    yield Curve(plot="backlog", name=DRAMATIQ.name, x="pending jobs", y="jobs/s", points=points)


def figures(repetitions: Sequence[Repetition]) -> Iterator[Figure]:
    """The median of each value of each system, then the ratios."""
    for name in repetitions[0]:
        for what, unit in UNITS.items():
            values = tuple(each[name][what] for each in repetitions if what in each[name])
            if values:
                at_most = AT_MOST.get(what) if name == OURS.name else None
                yield Figure(name=f"{name}: {what}", value=median(values), unit=unit, at_most=at_most, samples=values)
    for rival in repetitions[0]:
        for what in RATIOS if rival != OURS.name else ():
            yield _ratio(what, rival, repetitions)


def _ratio(what: str, rival: str, repetitions: Sequence[Repetition]) -> Figure:
    """Within a repetition, minutes apart, the machine has changed least."""
    ratios = tuple(each[OURS.name][what] / each[rival][what] for each in repetitions)
    at_least = AT_LEAST.get((what, rival))
    return Figure(name=f"{what} ÷ {rival}", value=median(ratios), unit="", at_least=at_least, samples=ratios)


def _repetition(system: System, scale: Scale, number: int) -> Repetition:
    order = SYSTEMS if number % 2 == 0 else SYSTEMS[::-1]
    measured = {each.name: measure_once(system, each, scale) for each in order}
    return {each.name: measured[each.name] for each in SYSTEMS}
