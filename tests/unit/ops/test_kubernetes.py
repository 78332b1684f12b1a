"""ops/kubernetes: valid by the schemas of Kubernetes, hardened, and with settings that exist."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from aeon_jobs.ops.health import ROLES
from aeon_jobs.persistence.core.settings import Settings

ROOT = Path(__file__).parents[3]
BASE, KEDA = ROOT / "ops" / "kubernetes" / "base", ROOT / "ops" / "kubernetes" / "keda"
VERSIONS = ["1.31", kubernetes_validate.latest_version()]
RESOURCES = [
    resource
    for path in sorted(BASE.glob("*.yaml"))
    if path.name != "kustomization.yaml"
    for resource in yaml.safe_load_all(path.read_text())
]
WITH_PODS = [resource for resource in RESOURCES if resource["kind"] in ("Deployment", "Job")]


def name(resource: Any) -> str:
    return f"{resource['kind']}-{resource['metadata']['name']}"


def containers(resource: Any) -> list[Any]:
    spec = resource["spec"]["template"]["spec"]
    return [*spec["containers"], *spec.get("initContainers", [])]


def of_kind(kind: str) -> dict[str, Any]:
    return {found["metadata"]["name"]: found["spec"] for found in RESOURCES if found["kind"] == kind}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("resource", RESOURCES, ids=name)
def test_a_resource_is_valid(resource: Any, version: str) -> None:
    kubernetes_validate.validate(resource, version, strict=True)


def test_the_check_finds_a_misspelt_field() -> None:
    broken = {**RESOURCES[0], "dataa": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSIONS[0], strict=True)


def test_the_kustomizations_name_every_file() -> None:
    for folder in (BASE, KEDA):
        files = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
        assert set(yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]) == files


@pytest.mark.parametrize("resource", WITH_PODS, ids=name)
def test_a_pod_is_hardened(resource: Any) -> None:
    pod = resource["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] == 10001  # of the Dockerfile
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    # A Service named redis would set REDIS_PORT to tcp://…, which is no port.
    assert pod["enableServiceLinks"] is False
    for container in containers(resource):
        hardened = {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["securityContext"] == hardened
        assert container["resources"]["limits"]["memory"] == "256Mi"
        assert "env" not in container  # secrets are files


def test_every_role_has_a_deployment_with_probes() -> None:
    deployments = of_kind("Deployment")
    assert set(deployments) == {f"aeon-jobs-{role}" for role in ROLES}
    for role in ROLES:
        spec = deployments[f"aeon-jobs-{role}"]["template"]["spec"]
        (container,) = spec["containers"]
        assert container["args"] == [role]
        assert {"startupProbe", "readinessProbe"} <= container.keys()
        assert ("livenessProbe" in container) == (role in ("api", "exporter"))
        assert spec["terminationGracePeriodSeconds"] >= (45 if role == "worker" else 30)


def test_what_has_several_pods_has_a_disruption_budget() -> None:
    several = {name for name, spec in of_kind("Deployment").items() if spec["replicas"] > 1}
    assert set(of_kind("PodDisruptionBudget")) == several
    for name, spec in of_kind("PodDisruptionBudget").items():
        assert spec["selector"] == of_kind("Deployment")[name]["selector"]


def test_the_settings_exist_and_hold_no_secret() -> None:
    (settings,) = (resource["data"] for resource in RESOURCES if resource["kind"] == "ConfigMap")
    known = {field.upper() for field in Settings.model_fields}
    assert {variable.removesuffix("_FILE") for variable in settings} <= known
    secrets = {field.upper() for field, found in Settings.model_fields.items() if "SecretStr" in str(found.annotation)}
    assert not secrets & set(settings)


def test_the_scaled_object_scales_the_workers_by_their_slots() -> None:
    (scaled,) = yaml.safe_load_all((KEDA / "scaled_object.yaml").read_text())
    assert scaled["spec"]["scaleTargetRef"]["name"] in of_kind("Deployment")
    (settings,) = (resource["data"] for resource in RESOURCES if resource["kind"] == "ConfigMap")
    threads = int(settings.get("WORKER_CONCURRENCY", Settings.model_fields["worker_concurrency"].default))
    (trigger,) = scaled["spec"]["triggers"]
    assert int(trigger["metadata"]["threshold"]) == threads * int(settings["WORKER_PROCESSES"])


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not here")
def test_kustomize_builds_it(tmp_path: Path) -> None:
    """With the component: KEDA sets the number of workers, so the base must not."""
    shutil.copytree(ROOT / "ops" / "kubernetes", tmp_path / "kubernetes")
    overlay = tmp_path / "kubernetes" / "mine"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text("resources: [../base]\ncomponents: [../keda]\n")
    built = subprocess.run(["kubectl", "kustomize", overlay], capture_output=True, text=True, check=True).stdout
    found = list(yaml.safe_load_all(built))
    assert len(found) == len(RESOURCES) + 1
    (worker,) = (spec["spec"] for spec in found if name(spec) == "Deployment-aeon-jobs-worker")
    assert "replicas" not in worker
    assert worker["selector"]["matchLabels"]["app.kubernetes.io/name"] == "aeon-jobs"
    for resource in found:
        if resource["kind"] != "ScaledObject":
            kubernetes_validate.validate(resource, VERSIONS[-1], strict=True)
