"""The Dockerfile and the compose file, as far as that needs no Docker. `make rehearse-containers` builds and runs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from aeon_jobs.ops.health import ROLES

ROOT = Path(__file__).parents[3]
SERVICES = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


@pytest.mark.parametrize(
    "dockerfile", [ROOT / "Dockerfile", *sorted((ROOT / "ops/rehearsals").rglob("*.Dockerfile"))], ids=str
)
def test_hadolint_has_no_complaint(dockerfile: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), dockerfile], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_user_is_a_number_and_not_root() -> None:
    (user,) = [line.split()[1] for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("USER")]
    assert user == "10001:10001"


def test_every_role_is_a_hardened_service() -> None:
    assert set(ROLES) <= set(SERVICES)
    for role in ROLES:
        service = SERVICES[role]
        assert service["command"] == [role]
        _hardened(service)
        assert service["deploy"]["resources"]["limits"]["memory"] == "256M"
    assert SERVICES["worker"]["deploy"]["resources"]["limits"]["cpus"] == "0.5"


def test_the_profiles() -> None:
    profiles: dict[str, set[str]] = {}
    for name, service in SERVICES.items():
        for profile in service.get("profiles", []):
            profiles.setdefault(profile, set()).add(name)
    assert profiles == {
        "standalone": {"postgres"},
        "monitoring": {"prometheus", "alertmanager", "grafana", "redis-commander"},
    }


def test_what_has_no_password_is_published_on_this_machine_alone() -> None:
    for service in SERVICES.values():
        assert all(port.startswith(("127.0.0.1:", "${API_BIND:-127.0.0.1}:")) for port in service.get("ports", []))


def test_every_mounted_file_is_in_the_repository() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = str(volume).split(":")[0]
            assert not source.startswith("./") or (ROOT / source).exists(), source


def _hardened(service: dict[str, Any]) -> None:
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
