"""A few seeds of the history checker; `make faults` runs many more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.history.cluster import Servers
from tests.faults.history.run import run
from tests.leaks import short_directory, spare

# Chosen so that between them they crash PostgreSQL, lose Redis, kill, freeze, partition and skew.
SEEDS = (8, 11)


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with short_directory() as directory, Servers(Path(directory)) as servers:
        _spare(servers)
        yield servers


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", SEEDS)
def test_random_faults_break_no_promise(servers: Servers, seed: int) -> None:
    result = run(seed, servers)
    _spare(servers)

    assert not result.violations, f"replay: python -m tests.faults.history --seed {seed}\n" + "\n".join(
        map(str, result.violations)
    )
    assert result.jobs > 100


def _spare(servers: Servers) -> None:
    """They outlive a test, under other process ids than they began it with."""
    spare(servers.postgres.pid)
    spare(servers.redis.pid)
