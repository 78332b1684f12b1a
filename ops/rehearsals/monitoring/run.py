"""The rehearsal, from the first server to the exit code.

1. Find Prometheus and Alertmanager.
2. Start PostgreSQL, Redis, a mail server and a webhook receiver in a temporary directory, as the demo does.
3. Start Prometheus, Alertmanager and the receiver of alerts on the shipped configuration.
4. The main thread supervises the programs: API, exporter, scheduler, dispatcher. A second thread runs the scenario.
5. Stop everything and remove the directory.
"""

from __future__ import annotations

import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
from rich.console import Console

from aeon_jobs.ops.demo import system
from aeon_jobs.ops.demo.deadline import Deadline
from aeon_jobs.ops.demo.system import DemoSystem
from aeon_jobs.ops.lines import Lines
from aeon_jobs.ops.ports import any_free
from aeon_jobs.ops.programs import WORKER, Program, StopRank, ours, programs
from aeon_jobs.ops.rehearsals.monitoring import binaries, configuration, servers
from aeon_jobs.ops.rehearsals.monitoring.configuration import OPS, Addresses
from aeon_jobs.ops.rehearsals.monitoring.prometheus import Prometheus
from aeon_jobs.ops.rehearsals.monitoring.receiver import HOST, Receiver
from aeon_jobs.ops.rehearsals.monitoring.scenario import Scenario
from aeon_jobs.ops.supervisor import STOP_SIGNALS, Supervisor
from aeon_jobs.ops.up import every_stop_signal_is_ctrl_c
from aeon_jobs.persistence.admin import api_keys

DEADLINE_S = 900.0
PICTURES = OPS.parent / "docs/operations/pictures"
NAMED_GAUGE = {"queue_depth_gauge", "worker_alive_gauge"}
"""Names that the specification gives; promtool finds their ending needless."""


def run(console: Console, *, pictures: bool = False) -> bool:
    """Whether every step showed what it must.

    Raises:
        BinaryMissing, EmbeddedServerError, MigrationError
    """
    try:
        with every_stop_signal_is_ctrl_c(), ExitStack() as stack:
            for number in STOP_SIGNALS:
                stack.callback(signal.signal, number, signal.getsignal(number))
            try:
                return _rehearse(console, PICTURES if pictures else None, stack)
            finally:
                # Another Ctrl-C must not interrupt the cleanup.
                for number in STOP_SIGNALS:
                    signal.signal(number, signal.SIG_IGN)
    except KeyboardInterrupt:
        console.print("Interrupted. Nothing is left behind.", style="bold red")
        return False


def _rehearse(console: Console, pictures: Path | None, stack: ExitStack) -> bool:
    tools = binaries.find()
    console.print("Starting PostgreSQL, Redis, a mail server and a webhook receiver …")
    found = stack.enter_context(system.started(Deadline(DEADLINE_S)))
    receiver = stack.enter_context(Receiver())
    addresses = Addresses(
        exporter=f"{HOST}:{found.settings.metrics_port}",
        api=f"{HOST}:{found.settings.api_port}",
        alertmanager=f"{HOST}:{any_free(HOST)}",
        webhook=receiver.url,
    )
    prometheus_address = f"{HOST}:{any_free(HOST)}"
    console.print(f"Starting Prometheus and Alertmanager; all durations are divided by {configuration.FACTOR} …")
    files = found.directory / "prometheus"
    prometheus_yml = configuration.write_prometheus(files, addresses, _viewer_key(found))
    alertmanager_yml = configuration.write_alertmanager(files, addresses)
    _check_configuration(tools.promtool, prometheus_yml)
    stack.enter_context(servers.alertmanager(tools, alertmanager_yml, addresses.alertmanager))
    stack.enter_context(servers.prometheus(tools, prometheus_yml, prometheus_address))
    prometheus = Prometheus(f"http://{prometheus_address}")
    stack.callback(prometheus.close)
    scenario = Scenario(found, prometheus, receiver, console, pictures)
    passed = _supervised(found, scenario, tools.promtool, addresses)
    if not passed:
        logs = [line for log in files.glob("*.log") for line in log.read_text().splitlines()[-10:]]
        for line in [*found.last_lines(), *logs]:
            console.print(line, markup=False, soft_wrap=True)
    console.print("The rehearsal passed." if passed else "The rehearsal FAILED.", "Stopping everything …")
    return passed


def _supervised(found: DemoSystem, scenario: Scenario, promtool: str, addresses: Addresses) -> bool:
    specs = [program for program in programs(found.settings) if program.name != WORKER]
    specs.append(Program("exporter", ours("exporter"), StopRank.DELIVERY, stop_limit=5.0))
    lines = Lines(Console(file=found.log, color_system=None), [spec.name for spec in specs])
    supervisor = Supervisor(specs, environ=os.environ, lines=lines, servers=found.servers)
    with ThreadPoolExecutor(1, thread_name_prefix="rehearsal") as pool:
        running = pool.submit(
            lambda: scenario.run() and _metrics_are_well_formed(promtool, addresses, scenario.console)
        )
        running.add_done_callback(lambda _: supervisor.stop())
        try:
            supervisor.run()
        finally:
            found.deadline.stop()
    if supervisor.interrupted and running.exception():
        raise KeyboardInterrupt
    return running.result()


def _viewer_key(found: DemoSystem) -> str:
    with found.database.transaction() as connection:
        return api_keys.create(connection, "prometheus", "viewer")


def _check_configuration(promtool: str, file: Path) -> None:
    subprocess.run([promtool, "check", "config", str(file)], check=True, capture_output=True)  # noqa: S603


def _metrics_are_well_formed(promtool: str, addresses: Addresses, console: Console) -> bool:
    """promtool finds nothing but the two names of the specification."""
    text = httpx.get(f"http://{addresses.exporter}/metrics", trust_env=False, timeout=15).raise_for_status().content
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, check=False)  # noqa: S603
    found = done.stderr.decode().splitlines()
    faults = [line for line in found if line.split(" ")[0] not in NAMED_GAUGE]
    mark, seen = ("✗", "; ".join(faults)) if faults else ("✓", "nothing but the two names with _gauge")
    console.print(f"         {mark} promtool check metrics found: {seen}", soft_wrap=True)
    return not faults
