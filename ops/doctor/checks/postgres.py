"""PostgreSQL: version, migrations, vacuum, transactions, connections."""

from __future__ import annotations

from aeon_jobs.api.service.checks.finding import Finding, by_limits, error, ok, warning
from aeon_jobs.ops.doctor.context import Context
from aeon_jobs.persistence.core import migrate

OLDEST, NEWEST = 15, 18


def version(context: Context) -> Finding:
    name, found = "PostgreSQL version", context.query_one("version")
    major = found.number // 10_000
    if major < OLDEST:
        return error(name, found.text, f"upgrade PostgreSQL: {OLDEST} to {NEWEST} are supported")
    if major > NEWEST:
        return warning(name, found.text, f"not tested with it: {OLDEST} to {NEWEST} are supported")
    return ok(name, found.text)


def schema(context: Context) -> Finding:
    name, entries = "schema", migrate.status(context.database)
    missing = [entry.migration.label for entry in entries if not entry.applied_at]
    changed = [entry.migration.label for entry in entries if entry.changed]
    if missing:
        return error(name, f"missing: {', '.join(missing)}", "aeon-jobs migrate up")
    if changed:
        detail = f"changed since they were applied: {', '.join(changed)}"
        return error(name, detail, "install the version of aeon-jobs that migrated this database, or a newer one")
    return ok(name, f"current: {entries[-1].migration.label}, in {context.database.schema}")


def autovacuum(context: Context) -> Finding:
    """Rows of jobs change all the time. Without autovacuum every query becomes slower by the hour."""
    name, found = "autovacuum", context.query_one("autovacuum", schema=f'"{context.database.schema}"')
    if not found.is_on:
        return error(name, "off for the whole server", "ALTER SYSTEM SET autovacuum = on, track_counts = on; reload")
    if found.switched_off:
        tables = ", ".join(found.switched_off)
        return error(name, f"off for {tables}", f"ALTER TABLE {found.switched_off[0]} RESET (autovacuum_enabled)")
    return ok(name, "on")


def long_transactions(context: Context) -> Finding:
    """A transaction that stays open keeps every dead row since it began: tables grow, indexes slow down."""
    name, limits = "long transactions", context.limits
    found = context.query("long_transactions", long_s=limits.long_transaction_s, idle_s=limits.idle_in_transaction_s)
    if not found:
        return ok(name, f"none over {limits.long_transaction_s:.0f} s")
    worst = found[0]
    who = f"process {worst.pid} ({worst.application_name or 'no application name'})"
    return warning(
        name,
        f"{len(found)}; the oldest: {who}, {worst.state}, open for {worst.open_s:.0f} s",
        f"end it in its program, or run SELECT pg_terminate_backend({worst.pid}); set idle_in_transaction_session_timeout",
    )


def connections(context: Context) -> Finding:
    found = context.query_one("connections")
    return by_limits(
        "connections",
        found.used / found.available,
        context.limits.connections,
        f"{found.used} of {found.available} in use, {found.ours} of them by aeon-jobs",
        "put PgBouncer in front, lower DATABASE_POOL_SIZE, or raise max_connections",
    )
