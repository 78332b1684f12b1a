"""Where the steps of a workflow stand when it is drawn: in columns, each step to the right of all that it waits for.

Within a column, steps stand near the middle of those that they wait for, so that few edges cross.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

WIDTH, HEIGHT = 180, 44
GAP_X, GAP_Y = 60, 20
MARGIN = 16
MOST = 200
"""Steps that are drawn; a larger workflow is only listed."""


@dataclass(frozen=True, slots=True)
class Node:
    name: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Drawing:
    width: int
    height: int
    nodes: Sequence[Node]
    """In the order that was given."""
    edges: Sequence[str]
    """Paths, as SVG has them."""
    box: tuple[int, int] = (WIDTH, HEIGHT)
    """Of a node."""


def draw(deps: Mapping[str, Sequence[str]]) -> Drawing:
    """`deps`: names of steps, and of the steps that each waits for. Names of others are left out."""
    known = {name: [dep for dep in found if dep in deps and dep != name] for name, found in deps.items()}
    columns = _columns(known)
    ways = {(dep, name): _way(dep, name, columns) for name, found in known.items() for dep in found}
    # A way over several columns has a place of its own in each of them: it passes no step.
    places = dict(columns)
    before: dict[str, list[str]] = {name: [] for name in known}
    for way in ways.values():
        for start, end in pairwise(way):
            places.setdefault(end, places[start] + 1)
            before.setdefault(end, []).append(start)
    rows = _rows(places, before)
    nodes = {
        name: Node(name, MARGIN + column * (WIDTH + GAP_X), MARGIN + row * (HEIGHT + GAP_Y))
        for name, (column, row) in rows.items()
    }
    edges = [_edge([nodes[name] for name in way]) for way in ways.values()]
    width = max((node.x + WIDTH for node in nodes.values()), default=0) + MARGIN
    height = max((node.y + HEIGHT for node in nodes.values()), default=0) + MARGIN
    return Drawing(width, height, [nodes[name] for name in known], edges)


def _way(start: str, end: str, columns: Mapping[str, int]) -> list[str]:
    between = [f"{start}\0{end}\0{column}" for column in range(columns[start] + 1, columns[end])]
    return [start, *between, end]


def _columns(deps: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """The length of the longest way to each step. Steps on a circle, which there cannot be, stand in the first column."""
    column = dict.fromkeys(deps, 0)
    waiting = {name: len(found) for name, found in deps.items()}
    after: dict[str, list[str]] = {name: [] for name in deps}
    for name, found in deps.items():
        for dep in found:
            after[dep].append(name)
    ready = [name for name, count in waiting.items() if not count]
    while ready:
        name = ready.pop()
        for other in after[name]:
            column[other] = max(column[other], column[name] + 1)
            waiting[other] -= 1
            if not waiting[other]:
                ready.append(other)
    return column


def _rows(columns: Mapping[str, int], deps: Mapping[str, Sequence[str]]) -> dict[str, tuple[int, int]]:
    """Column and row of each step."""
    found: dict[str, tuple[int, int]] = {}
    order = {name: place for place, name in enumerate(columns)}
    for column in sorted(set(columns.values())):
        here = [name for name, its in columns.items() if its == column]

        def middle(name: str) -> tuple[float, int]:
            rows = [found[dep][1] for dep in deps[name] if dep in found]
            return (sum(rows) / len(rows) if rows else order[name], order[name])

        for row, name in enumerate(sorted(here, key=middle)):
            found[name] = (column, row)
    return found


def _edge(way: Sequence[Node]) -> str:
    middle = HEIGHT // 2
    path = f"M{way[0].x + WIDTH} {way[0].y + middle}"
    for start, end in pairwise(way):
        x1, y1, x2, y2 = start.x + WIDTH, start.y + middle, end.x, end.y + middle
        bend = max(GAP_X // 2, (x2 - x1) // 2)
        path += f" C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
        if end is not way[-1]:
            path += f" H{x2 + WIDTH}"
    return path
