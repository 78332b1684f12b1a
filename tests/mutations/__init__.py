"""The mutations of tests/mutate.py, one file for each part of docs/guarantees.md."""

from __future__ import annotations

from tests.mutations.batches import BATCHES
from tests.mutations.crashes import CRASHES_BETWEEN_STEPS
from tests.mutations.dispatchers import DISPATCHERS
from tests.mutations.effects import EFFECTS
from tests.mutations.handlers import HANDLERS
from tests.mutations.lanes import LANES
from tests.mutations.limits import LIMITS
from tests.mutations.postgres import POSTGRES_FAILURES
from tests.mutations.redis import REDIS_FAILURES
from tests.mutations.schedules import SCHEDULES
from tests.mutations.workers import WORKERS
from tests.mutations.workflows import WORKFLOWS

MUTATIONS = [
    *WORKERS,
    *LANES,
    *DISPATCHERS,
    *REDIS_FAILURES,
    *POSTGRES_FAILURES,
    *HANDLERS,
    *EFFECTS,
    *WORKFLOWS,
    *BATCHES,
    *SCHEDULES,
    *LIMITS,
    *CRASHES_BETWEEN_STEPS,
]
