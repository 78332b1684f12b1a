"""PostgreSQL: of a version that we know, migrated, tidied up, with room for us."""

from __future__ import annotations

from aeon_jobs.ops.doctor.finding import Finding, error, judged, ok, warning
from aeon_jobs.ops.doctor.patient import Patient
from aeon_jobs.persistence.core import migrate

OLDEST, NEWEST = 15, 18


def version(patient: Patient) -> Finding:
    name, found = "PostgreSQL version", patient.ask_one("version")
    major = found.number // 10_000
    if major < OLDEST:
        return error(name, found.text, f"upgrade PostgreSQL: {OLDEST} to {NEWEST} are supported")
    if major > NEWEST:
        return warning(name, found.text, f"not tested with it: {OLDEST} to {NEWEST} are supported")
    return ok(name, found.text)


def schema(patient: Patient) -> Finding:
    name, entries = "schema", migrate.status(patient.database)
    missing = [entry.migration.label for entry in entries if not entry.applied_at]
    changed = [entry.migration.label for entry in entries if entry.changed]
    if missing:
        return error(name, f"missing: {', '.join(missing)}", "aeon-jobs migrate up")
    if changed:
        detail = f"not as they were applied: {', '.join(changed)}"
        return error(name, detail, "install the version of aeon-jobs that migrated this database, or its successor")
    return ok(name, f"current: {entries[-1].migration.label}, in {patient.database.schema}")


def autovacuum(patient: Patient) -> Finding:
    """Rows of jobs are updated all the time: without it every query becomes slower by the hour."""
    name, found = "autovacuum", patient.ask_one("autovacuum", schema=f'"{patient.database.schema}"')
    if not found.is_on:
        return error(name, "off for the whole server", "ALTER SYSTEM SET autovacuum = on, track_counts = on; reload")
    if found.switched_off:
        tables = ", ".join(found.switched_off)
        return error(name, f"off for {tables}", f"ALTER TABLE {found.switched_off[0]} RESET (autovacuum_enabled)")
    return ok(name, "on")


def long_transactions(patient: Patient) -> Finding:
    """One that stays open keeps every dead row since it began: tables grow, indexes slow down."""
    name, limits = "long transactions", patient.limits
    found = patient.ask("long_transactions", long_s=limits.long_transaction_s, idle_s=limits.idle_in_transaction_s)
    if not found:
        return ok(name, f"none over {limits.long_transaction_s:.0f} s")
    worst = found[0]
    who = f"process {worst.pid} ({worst.application_name or 'without a name'})"
    return warning(
        name,
        f"{len(found)}; the oldest: {who}, {worst.state}, open for {worst.open_s:.0f} s",
        f"end it at its source, or SELECT pg_terminate_backend({worst.pid}); set idle_in_transaction_session_timeout",
    )


def connections(patient: Patient) -> Finding:
    found = patient.ask_one("connections")
    return judged(
        "connections",
        found.used / found.available,
        patient.limits.connections,
        f"{found.used} of {found.available} in use, {found.ours} of them by aeon-jobs",
        "put PgBouncer in front, lower DATABASE_POOL_SIZE, or raise max_connections",
    )
