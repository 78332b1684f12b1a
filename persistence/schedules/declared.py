"""Schedules that code declares, written when a worker starts.

1. A new one is created.
2. Of one that is there, each field that the code changed is changed, if no operator has edited it. `declared` keeps what the
   code said last, to tell the two apart. A pause belongs to the operator alone.
3. One that the code does not declare any more is marked as orphaned. It runs on, until somebody deletes or pauses it. A worker
   judges only the modules that it has loaded: other services have schedules of their own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog

from aeon_jobs.persistence.core.database import run
from aeon_jobs.persistence.core.errors import InvalidJob, NameTaken

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from aeon_jobs.persistence.schedules.definitions import NewSchedule

_NOT_DECLARED = ("name", "enabled", "pause_note", "created_by")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Declaration:
    new: NewSchedule
    module: str
    """Which declares it."""


def sync(connection: Connection, declarations: Sequence[Declaration], now: datetime) -> None:
    """Write what the code of this process declares. Call it in a transaction; several processes may do so at once."""
    for declaration in sorted(declarations, key=lambda declaration: declaration.new.name):
        try:
            _write(connection, declaration, now)
        except InvalidJob as error:
            _log.error("declared schedule cannot run", schedule=declaration.new.name, error=str(error))
    modules = run(connection, "schedules/declaring_modules").scalars().all()
    parameters = {
        "names": [declaration.new.name for declaration in declarations],
        "loaded": [module for module in modules if module in sys.modules],
    }
    for name in run(connection, "schedules/orphan", parameters).scalars():
        _log.warning("schedule is orphaned: its code does not declare it any more, it runs on", schedule=name)


def _write(connection: Connection, declaration: Declaration, now: datetime) -> None:
    # Not at the top: a worker without declared schedules does not load the models.
    from aeon_jobs.persistence.schedules import repository

    new = declaration.new
    row = run(connection, "schedules/lock_named", {"name": new.name}).one_or_none()
    if row is None:
        try:
            schedule_id = repository.create(connection, new, now)
        except NameTaken:  # another worker is as quick
            return
        _keep(connection, schedule_id, declaration)
    elif row.declared is None:
        _log.warning("declared schedule is left alone: an operator made one of its name", schedule=new.name)
    else:
        changes = changed(_declared(new), row.declared, _stored(row, new))
        if changes:
            repository.change(connection, row.id, {name: _value(new, name) for name in changes}, now)
        _keep(connection, row.id, declaration)


def changed(now: Mapping[str, Any], before: Mapping[str, Any], stored: Mapping[str, Any]) -> list[str]:
    """Fields that the code changed since, and that no operator has edited. Pure."""
    return [name for name in now if now[name] != before.get(name) and stored[name] == before.get(name)]


def _keep(connection: Connection, schedule_id: Any, declaration: Declaration) -> None:
    declared = json.dumps(_declared(declaration.new))
    parameters = {"id": schedule_id, "declared": declared, "module": declaration.module[:255]}
    run(connection, "schedules/keep_declared", parameters)


def _declared(new: NewSchedule) -> dict[str, Any]:
    return {name: _plain(_value(new, name)) for name in type(new).__dataclass_fields__ if name not in _NOT_DECLARED}


def _stored(row: Row[Any], new: NewSchedule) -> dict[str, Any]:
    return {name: _plain(getattr(row, name)) for name in _declared(new)}


def _value(new: NewSchedule, name: str) -> Any:
    from aeon_jobs.persistence.schedules.definitions import overlap_of

    return overlap_of(new) if name == "overlap" else getattr(new, name)


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
