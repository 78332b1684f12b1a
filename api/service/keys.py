"""API keys: who may call. And who calls."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

from aeon_jobs.api.contract import ApiKey, Me, NewKey, NewKeyRequest
from aeon_jobs.api.service.core.use_cases import UseCases, shown
from aeon_jobs.api.service.core.validation import read
from aeon_jobs.persistence.admin import api_keys
from aeon_jobs.persistence.core.errors import InvalidJob


class KeyUseCases(UseCases):
    def api_keys(self) -> list[ApiKey]:
        """Every key ever made; never the secret, of which only a digest is stored."""
        with self.context.database.connection() as connection:
            return [shown(ApiKey, key) for key in api_keys.all_keys(connection)]

    def create_key(self, name: str, role: str, *, expires_at: datetime | None = None) -> NewKey:
        """Make a key; its secret cannot be had again. Two keys may share a name: so one is rotated.

        Raises:
            InvalidJob
        """
        return self.create_key_as(read(NewKeyRequest, {"name": name, "role": role, "expires_at": expires_at}))

    def create_key_as(self, request: NewKeyRequest) -> NewKey:
        """As `create_key`, of a request that is valid."""
        if request.expires_at is not None and request.expires_at <= datetime.now(UTC):
            raise InvalidJob.at("expires_at", "must be in the future")
        with self.context.database.transaction() as connection:
            by = self.principal.name
            key = api_keys.create(connection, request.name, request.role, request.expires_at, by=by)
            key_id = api_keys.key_id_of(key) or ""
            self._audit(connection, "key.create", ("key", key_id), after=asdict(request))
        return shown(NewKey, request, id=key_id, key=key)

    def revoke_key(self, key_id: str) -> ApiKey:
        """End a key. It works nowhere from two seconds after this on.

        Raises:
            KeyNotFound
        """
        with self.context.database.transaction() as connection:
            key = api_keys.revoke(connection, key_id, by=self.principal.name)
            self._audit(connection, "key.revoke", ("key", key_id))
        return shown(ApiKey, key)

    def me(self) -> Me:
        """Who acts."""
        principal = self.principal
        return Me(name=principal.name, role=str(principal.role), key_id=principal.key_id)  # type: ignore[arg-type]
