"""Which lost workers a later start has replaced."""

from __future__ import annotations

from dataclasses import dataclass

from aeon_jobs.persistence.metrics.replacements import replaced


@dataclass(frozen=True)
class Life:
    id: str
    started_at: float
    last_seen_at: float
    state: str = "running"
    lane: str | None = "a"
    kind: str = "worker"

    @property
    def is_alive(self) -> bool:
        return self.state == "running"


def lost(name: str, started_at: float, last_seen_at: float, lane: str = "a") -> Life:
    return Life(name, started_at, last_seen_at, "lost", lane)


def test_a_lost_worker_is_replaced_by_one_that_starts_later() -> None:
    assert replaced([lost("old", 0, 10), Life("new", 12, 20)]) == {"old"}


def test_it_is_not_replaced_by_one_that_was_there_already() -> None:
    assert replaced([lost("old", 0, 10), Life("other", 5, 20)]) == set()


def test_it_is_not_replaced_by_one_that_serves_something_else() -> None:
    assert replaced([lost("old", 0, 10), Life("new", 12, 20, lane="b")]) == set()
    assert replaced([lost("old", 0, 10), Life("new", 12, 20, kind="dispatcher")]) == set()


def test_each_start_replaces_one_and_the_first_first() -> None:
    assert replaced([lost("first", 0, 10), lost("second", 0, 11), Life("new", 12, 20)]) == {"first"}
    assert replaced([lost("first", 0, 10), lost("second", 0, 11), Life("b", 12, 20), Life("c", 13, 20)]) == {
        "first",
        "second",
    }


def test_a_worker_that_took_a_place_and_was_lost_is_missing_once() -> None:
    lives = [lost("first", 0, 10), lost("second", 12, 20)]
    assert replaced(lives) == {"first"}
    assert replaced([*lives, Life("third", 22, 30)]) == {"first", "second"}


def test_a_worker_that_took_a_place_and_then_stopped_cleanly_leaves_it_taken() -> None:
    assert replaced([lost("first", 0, 10), Life("second", 12, 20, "stopped")]) == {"first"}


def test_a_start_before_the_loss_is_growth() -> None:
    assert replaced([Life("grown", 5, 30), lost("old", 0, 10), Life("stopped", 0, 4, "stopped")]) == set()


def test_one_that_is_silent_but_not_marked_yet_counts_as_lost() -> None:
    silent = Life("silent", 0, 10, "running")
    object.__setattr__(silent, "state", "stopping")
    assert replaced([silent, Life("new", 40, 50)]) == {"silent"}
