"""API keys."""

from __future__ import annotations

from datetime import UTC, datetime

from aeon_jobs.api.client import views
from aeon_jobs.ops.cli.database.likeness import like
from aeon_jobs.ops.cli.database.office import Office, refuse_unfit
from aeon_jobs.persistence.admin import api_keys
from aeon_jobs.persistence.core.errors import InvalidJob


class People(Office):
    def api_keys(self) -> list[views.ApiKey]:
        with self.database.connection() as connection:
            return [like(views.ApiKey, key) for key in api_keys.all_keys(connection)]

    def create_key(self, name: str, role: str, *, expires_at: datetime | None = None) -> views.NewKey:
        refuse_unfit("name", name, 255)
        if expires_at is not None and expires_at <= datetime.now(UTC):
            raise InvalidJob.at("expires_at", "must be in the future")
        with self.database.transaction() as connection:
            key = api_keys.create(connection, name, role, expires_at, by=self.actor)
            key_id = api_keys.key_id_of(key) or ""
            after = {"name": name, "role": role, "expires_at": expires_at}
            self.note(connection, "key.create", ("key", key_id), after=after)
        return views.NewKey(id=key_id, name=name, role=role, key=key, expires_at=expires_at)

    def revoke_key(self, key_id: str) -> views.ApiKey:
        with self.database.transaction() as connection:
            key = api_keys.revoke(connection, key_id, by=self.actor)
            self.note(connection, "key.revoke", ("key", key_id))
        return like(views.ApiKey, key)
