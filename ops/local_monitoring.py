"""What `aeon-jobs up` runs for PROMETHEUS_ENABLED: the exporter, and a Prometheus if this machine has one.

Grafana is not run: GRAFANA_ENABLED names what it needs.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, MutableMapping
from pathlib import Path

from aeon_jobs.ops.local_services import LocalServices
from aeon_jobs.ops.ports import first_free
from aeon_jobs.ops.programs import GRACE_S, Program, StopRank, ours
from aeon_jobs.ops.up_messages import short
from aeon_jobs.persistence.core.settings import Settings

HOST = "127.0.0.1"
PROMETHEUS_PORT = 9090
SHIPPED = Path(__file__).parent

_CONFIGURATION = """\
global: {{scrape_interval: 5s, evaluation_interval: 5s}}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: aeon-jobs-exporter
    static_configs: [{{targets: ["{target}"]}}]
"""


def provide(data_dir: Path, settings: Settings, environ: MutableMapping[str, str]) -> LocalServices:
    """Programs and lines for the person who started `up`; puts METRICS_PORT into `environ`."""
    if not (settings.monitoring_enabled and settings.prometheus_enabled):
        return LocalServices((), ())
    port = first_free(settings.metrics_host, settings.metrics_port)
    if port is None:
        return LocalServices((), (f"Metrics     no port is free from {settings.metrics_port} on: no exporter",))
    environ["METRICS_PORT"] = str(port)
    programs = [Program("exporter", ours("exporter"), StopRank.DELIVERY, stop_limit=5 + GRACE_S)]
    address = f"{_local(settings.metrics_host)}:{port}"
    summary = [f"Metrics     http://{address}/metrics"]
    prometheus_port = first_free(HOST, PROMETHEUS_PORT)
    binary = shutil.which("prometheus", path=environ.get("PATH"))
    if binary and prometheus_port:
        programs.append(_prometheus(binary, data_dir / "prometheus", address, prometheus_port))
        summary.append(f"Prometheus  http://{HOST}:{prometheus_port}, data in {short(data_dir / 'prometheus')}")
    else:
        summary.append("Prometheus  is not on the path: let yours scrape the address above")
    return LocalServices(tuple(programs), (*summary, *_grafana(settings, prometheus_port)))


def _prometheus(binary: str, folder: Path, target: str, port: int) -> Program:
    folder.mkdir(exist_ok=True)
    file = folder / "prometheus.yml"
    file.write_text(_CONFIGURATION.format(rules=SHIPPED / "prometheus" / "rules" / "*.yml", target=target))
    argv = (
        binary,
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={HOST}:{port}",
        "--log.level=warn",
    )
    return Program("prometheus", argv, StopRank.DELIVERY, stop_limit=10 + GRACE_S)


def _grafana(settings: Settings, prometheus_port: int | None) -> Iterator[str]:
    if settings.grafana_enabled:
        dashboard = SHIPPED / "grafana" / "dashboards" / "aeon-jobs.json"
        yield f"Grafana     is not run here. Data source: http://{HOST}:{prometheus_port}; dashboard: {dashboard}"


def _local(host: str) -> str:
    """The address for a client on this machine."""
    return HOST if host in ("0.0.0.0", "::") else host  # noqa: S104 (not bound here)
