"""The role of a container is read from the command line of its first process."""

from __future__ import annotations

import pytest

from aeon_jobs.ops.health import role_of


@pytest.mark.parametrize(
    ("command_line", "role"),
    [
        ("tini -- aeon-jobs worker their.jobs", "worker"),
        ("/usr/bin/tini -- /opt/aeon-jobs/bin/aeon-jobs api", "api"),
        ("python -m aeon_jobs dispatcher", "dispatcher"),
        ("tini -- aeon-jobs exporter", "exporter"),
        ("/opt/aeon-jobs/bin/aeon-jobs scheduler", "scheduler"),
        ("tini -- dramatiq their.jobs -p 1", "worker"),
        ("tini -- aeon-jobs migrate up", None),
        ("tini -- aeon-jobs submit api", None),
        ("sleep infinity", None),
        ("", None),
    ],
)
def test_the_role_of_a_command_line(command_line: str, role: str | None) -> None:
    assert role_of(command_line.split(" ")) == role
