"""Where the steps of a workflow stand when it is drawn."""

from __future__ import annotations

from aeon_jobs.api.dashboard.graph import HEIGHT, Drawing, draw


def test_each_step_stands_to_the_right_of_what_it_waits_for() -> None:
    deps = {
        "pay": ["check", "reserve"],
        "check": ["order"],
        "reserve": ["check"],
        "order": [],
        "mail": ["order", "pay"],
    }
    drawing = draw(deps)
    x = {node.name: node.x for node in drawing.nodes}
    assert all(x[dep] < x[name] for name, found in deps.items() for dep in found)
    assert [node.name for node in drawing.nodes] == list(deps)
    assert len(drawing.edges) == 6


def test_no_two_steps_stand_in_one_place() -> None:
    deps: dict[str, list[str]] = {"first": []}
    deps |= {f"part {n}": ["first"] for n in range(50)}
    deps["last"] = [f"part {n}" for n in range(50)]
    drawing = draw(deps)
    assert len({(node.x, node.y) for node in drawing.nodes}) == 52
    assert _inside(drawing)


def test_no_edge_passes_behind_a_step() -> None:
    drawing = draw({"reserve": [], "check": [], "approve": ["check"], "invoice": ["reserve", "approve"]})
    rows = {node.name: node.y for node in drawing.nodes}
    (long,) = [edge for edge in drawing.edges if "H" in edge]
    passes = int(long.split(" H")[0].split()[-1]) - HEIGHT // 2
    assert passes != rows["approve"]


def test_unknown_steps_and_nothing_at_all_can_be_drawn() -> None:
    assert draw({}).nodes == []
    assert draw({"a": ["of another workflow"]}).edges == []
    assert draw({"a": ["b"], "b": ["a"]}).nodes


def _inside(drawing: Drawing) -> bool:
    return all(0 <= node.x < drawing.width and 0 <= node.y < drawing.height for node in drawing.nodes)
