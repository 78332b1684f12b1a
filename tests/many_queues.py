"""A thousand job types, each in a queue of its own."""

from __future__ import annotations

from aeon_jobs import job

COUNT = 1_000


def handler(n: int = 0) -> int:
    return n


for number in range(COUNT):
    job(name=f"in_queue_{number}", queue=f"queue-{number}")(handler)
