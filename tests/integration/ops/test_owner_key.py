from __future__ import annotations

from pathlib import Path

from aeon_jobs.ops import owner_key
from aeon_jobs.persistence.admin import api_keys
from aeon_jobs.persistence.core.database import Database


def test_the_owner_of_an_up_has_one_key_in_a_file_of_their_own(database: Database, tmp_path: Path) -> None:
    file = owner_key.ensure(tmp_path, database)
    key = file.read_text().strip()
    assert file.stat().st_mode & 0o777 == 0o600
    with database.connection() as connection:
        holder = api_keys.authenticate(connection, key)
    assert holder
    assert holder.role == "admin"

    assert owner_key.ensure(tmp_path, database).read_text().strip() == key


def test_a_key_that_opens_nothing_any_more_gives_way_to_another(database: Database, tmp_path: Path) -> None:
    first = owner_key.ensure(tmp_path, database).read_text().strip()
    with database.connection() as connection:
        api_keys.revoke(connection, api_keys.key_id_of(first) or "", by="me")

    second = owner_key.ensure(tmp_path, database).read_text().strip()

    assert second != first
    with database.connection() as connection:
        assert api_keys.authenticate(connection, second)
        assert api_keys.authenticate(connection, first) is None
