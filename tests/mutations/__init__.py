"""What `tests/mutate.py` takes out, promise by promise."""

from __future__ import annotations

from tests.mutations.between_steps import BETWEEN
from tests.mutations.effects import EFFECTS
from tests.mutations.handlers import HANDLERS
from tests.mutations.postgres_away import IN_POSTGRES
from tests.mutations.redis_away import IN_REDIS
from tests.mutations.workers import WORKERS

MUTATIONS = [*WORKERS, *IN_REDIS, *IN_POSTGRES, *HANDLERS, *EFFECTS, *BETWEEN]
