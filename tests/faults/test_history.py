"""A few seeds of the history checker; `make faults` runs many more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.history.cluster import Servers
from tests.faults.history.run import run
from tests.leaks import ignore, short_directory

# Together they crash PostgreSQL, lose Redis, and kill, freeze, partition and skew processes.
SEEDS = (8, 11)


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with short_directory() as directory, Servers(Path(directory)) as servers:
        _ignore(servers)
        yield servers


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", SEEDS)
def test_random_faults_violate_no_guarantee(servers: Servers, seed: int) -> None:
    result = run(seed, servers)
    _ignore(servers)

    assert not result.violations, f"repeat: python -m tests.faults.history --seed {seed}\n" + "\n".join(
        map(str, result.violations)
    )
    assert result.jobs > 100


def _ignore(servers: Servers) -> None:
    """The servers outlive a test, and a restart changes their process ids."""
    ignore(servers.postgres.pid)
    ignore(servers.redis.pid)
