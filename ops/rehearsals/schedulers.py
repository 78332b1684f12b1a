"""Ten scheduler processes for five real minutes, with kills: is a run doubled or missed?

    make rehearse-schedulers                    300 s
    make rehearse-schedulers ARGS="60 4"        60 s, 4 processes

1. A PostgreSQL and a Redis of its own. Schedules of seconds and of minutes.
2. Every few seconds a scheduler is killed (SIGKILL) or frozen for a while (SIGSTOP), and a killed one is started again.
3. At the end each due time must have exactly one run and one job. The due times are counted here, without our timetable.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from aeon_jobs.ops.embedded import EmbeddedPostgres, EmbeddedRedis
from aeon_jobs.persistence.core import migrate
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.models import JobType
from aeon_jobs.persistence.core.settings import load_settings
from aeon_jobs.persistence.queue import job_types
from aeon_jobs.persistence.schedules import repository
from aeon_jobs.persistence.schedules.definitions import NewSchedule

PERIODS_S = {"every 2s": 2, "*/3 * * * * *": 3, "every 7s": 7, "*/10 * * * * *": 10, "* * * * *": 60}
BETWEEN_FAULTS_S = (2.0, 6.0)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def main() -> int:
    given = [int(argument) for argument in sys.argv[1:]]
    seconds, processes = (*given, *(300, 10)[len(given) :])
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="aj-", dir="/tmp")))
        postgres = stack.enter_context(EmbeddedPostgres(directory / "p"))
        redis = stack.enter_context(EmbeddedRedis(directory / "r"))
        servers = {"DATABASE_URL": postgres.url, "REDIS_URL": redis.url, "DATABASE_POOL_SIZE": "2"}
        settings = load_settings(database_url=postgres.url, redis_url=redis.url)
        database = Database(settings.postgres_dsn, schema=settings.job_schema, pool_size=2)
        stack.callback(database.dispose)
        migrate.up(database)
        _schedules(database)
        faults = _rehearse(os.environ | servers, directory, seconds, processes)
        print(f"{processes} schedulers, {seconds} s, {faults}")
        return _judge(database)


def _schedules(database: Database) -> None:
    with database.transaction() as connection:
        job_types.register(connection, [JobType(name="note", payload_schema={"type": "object"})])
        for cron in PERIODS_S:
            new = NewSchedule(name=cron, job_type="note", cron=cron, catch_up="all", overlap="allow_all")
            repository.create(connection, new, datetime.now(UTC))


def _rehearse(environment: dict[str, str], directory: Path, seconds: int, processes: int) -> str:
    chance, faults = random.Random(1), Counter[str]()
    alive = [_start(environment, directory, number) for number in range(processes)]
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            time.sleep(chance.uniform(*BETWEEN_FAULTS_S))
            number = chance.randrange(processes)
            if chance.random() < 0.7:
                alive[number].kill()
                alive[number].wait()
                alive[number] = _start(environment, directory, number)
                faults["kills"] += 1
            else:
                alive[number].send_signal(signal.SIGSTOP)
                time.sleep(chance.uniform(0.5, 3))
                alive[number].send_signal(signal.SIGCONT)
                faults["freezes"] += 1
        time.sleep(5)
    finally:
        for process in alive:
            process.kill()
            process.wait()
    return ", ".join(f"{count} {what}" for what, count in sorted(faults.items()))


def _start(environment: dict[str, str], directory: Path, number: int) -> subprocess.Popen[bytes]:
    with (directory / f"scheduler-{number}.log").open("ab") as log:
        command = [sys.executable, "-P", "-m", "aeon_jobs", "scheduler"]
        return subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)  # noqa: S603 (our own program)


def _judge(database: Database) -> int:
    failures = 0
    with database.connection() as connection:
        now = datetime.now(UTC)
        for schedule in connection.execute(text("SELECT * FROM job_schedules ORDER BY name")).all():
            query = "SELECT schedule_run_at FROM jobs WHERE schedule_id = :id"
            ran = Counter(connection.execute(text(query), {"id": schedule.id}).scalars())
            query = "SELECT due_at FROM job_schedule_runs WHERE schedule_id = :id AND outcome = 'submitted'"
            runs = set(connection.execute(text(query), {"id": schedule.id}).scalars())
            due = set(_due(PERIODS_S[schedule.cron], schedule.created_at, schedule.next_run_at))
            doubled = sum(count - 1 for count in ran.values())
            missed, extra = due - ran.keys(), ran.keys() - due
            late_s = (now - schedule.next_run_at).total_seconds()
            is_good = not (doubled or missed or extra) and runs == due and late_s < 10
            failures += not is_good
            verdict = "ok" if is_good else "FAILED"
            print(
                f"{verdict:6} {schedule.cron:15} {len(due):4} due times, {len(ran):4} jobs,"
                f" {doubled} doubled, {len(missed)} missed, {len(extra)} not due; next is {late_s:.0f} s late"
            )
    return 1 if failures else 0


def _due(period_s: int, after: datetime, before: datetime) -> Iterator[datetime]:
    """Multiples of the period: each line is due at them."""
    at = EPOCH + timedelta(seconds=((after - EPOCH) // timedelta(seconds=period_s) + 1) * period_s)
    while at < before:
        yield at
        at += timedelta(seconds=period_s)


if __name__ == "__main__":
    sys.exit(main())
