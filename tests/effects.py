"""What a handler did: one line in the file EFFECTS_LOG, outside of PostgreSQL and Redis, appended atomically."""

from __future__ import annotations

import os

from aeon_jobs import current_job


def effect(what: str) -> None:
    line = f"{current_job().id} {current_job().attempt} {what}\n"
    descriptor = os.open(os.environ["EFFECTS_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)
