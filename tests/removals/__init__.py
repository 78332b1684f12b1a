"""What `tests/taken_out.py` takes out, promise by promise."""

from __future__ import annotations

from tests.removals.between_steps import BETWEEN
from tests.removals.effects import EFFECTS
from tests.removals.handlers import HANDLERS
from tests.removals.postgres_away import IN_POSTGRES
from tests.removals.redis_away import IN_REDIS
from tests.removals.workers import WORKERS

REMOVALS = [*WORKERS, *IN_REDIS, *IN_POSTGRES, *HANDLERS, *EFFECTS, *BETWEEN]
