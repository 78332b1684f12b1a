"""The archive: its days, its months, and what a run did."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from aeon_jobs.api.contract import ArchiveRun, ArchiveStatus
from aeon_jobs.ops.cli.output.console import field_list
from aeon_jobs.ops.cli.output.tables import Column, table

MONTHS = (Column("partition"), Column("month", rank=2), Column("rows"), Column("size", rank=1))
DAYS = (Column("day"), Column("kind"), Column("due"), Column("kept", rank=1))


def archive_status(found: ArchiveStatus) -> RenderableType:
    kept = found.retention
    by_type = ", ".join(f"{name} {_days(days)}" for name, days in kept.by_type.items())
    summary = field_list(
        [
            ("jobs", _days(kept.jobs)),
            ("by type", by_type or None),
            ("dead letters", _days(kept.dead_letters)),
            ("audit log", _days(kept.audit_log)),
            ("in the archive", _days(kept.archive)),
            ("due", _counts(found.due)),
            ("kept for now", f"{found.kept} job(s)" if found.kept else None),
            ("archived", f"{found.rows} row(s), {size(found.bytes)}"),
        ]
    )
    rows = [(month.name, month.month, month.rows, size(month.bytes)) for month in found.partitions]
    return Group(summary, Text(""), table(MONTHS, rows, nothing="no month"))


def archive_run(done: ArchiveRun) -> RenderableType:
    counts = {name: getattr(done, name) for name in ("jobs", "dead_letters", "audit_entries")}
    if not done.dry_run:
        return Text(f"archived: {_counts(counts)}")
    rows = [(day.day, day.kind.replace("_", " "), day.due, day.kept) for day in done.days]
    return Group(Text(f"would be archived: {_counts(counts)}"), table(DAYS, rows, nothing="nothing is due"))


def _days(days: int) -> str:
    return f"{days} day(s)" if days else "for ever"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())


def size(number: float) -> str:
    """Bytes, such as 1.5 MB."""
    for unit in ("B", "kB", "MB"):
        if number < 1_000:
            return f"{number:.0f} {unit}"
        number /= 1_000
    return f"{number:.1f} GB"
