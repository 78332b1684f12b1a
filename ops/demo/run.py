"""The demo, from the first server to the exit code.

1. Start PostgreSQL, Redis, a mail server and a webhook receiver in a temporary directory.
2. The main thread supervises the programs. A second thread submits the jobs, waits for them, and checks the results.
3. The first to end stops the other: the scenario when it is done, the supervisor on Ctrl-C.
4. Stop everything and remove the directory. After a failure, show the last output of the programs.
"""

from __future__ import annotations

import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from rich.console import Console
from rich.table import Table
from rich.text import Text

from aeon_jobs.ops.demo import scenario, system, weather, workload
from aeon_jobs.ops.demo.checks import MOST_FAULTS, Finding, check_all
from aeon_jobs.ops.demo.deadline import Deadline
from aeon_jobs.ops.demo.progress import Progress
from aeon_jobs.ops.demo.results import gather
from aeon_jobs.ops.demo.system import DemoSystem
from aeon_jobs.ops.supervisor import STOP_SIGNALS
from aeon_jobs.ops.up import every_stop_signal_is_ctrl_c

DEADLINE_S = 150.0

NEXT = (
    "Next: `make up` (or `aeon-jobs up`) keeps such a system running; README.md shows how to write a job of your own."
)


def run(console: Console) -> bool:
    """Whether every check passed.

    Raises:
        DeadlinePassed: it took longer than DEADLINE_S; the message says what was missing.
        EmbeddedServerError, MigrationError
    """
    deadline = Deadline(DEADLINE_S)
    try:
        passed = _whole_demo(deadline, console)
    except KeyboardInterrupt:
        console.print("The demo was interrupted. Nothing is left behind.", style="bold red")
        return False
    word, style = ("passed", "bold green") if passed else ("FAILED", "bold red")
    console.print(f"The demo {word} in {deadline.elapsed:.1f} s. Nothing is left behind.", style=style)
    if passed:
        console.print(NEXT, soft_wrap=True, highlight=False)
    return passed


def _whole_demo(deadline: Deadline, console: Console) -> bool:
    with every_stop_signal_is_ctrl_c(), ExitStack() as stack:
        for number in STOP_SIGNALS:
            stack.callback(signal.signal, number, signal.getsignal(number))
        try:
            console.print("Starting PostgreSQL, Redis, a mail server and a webhook receiver …")
            return _with_log(stack.enter_context(system.started(deadline)), console)
        finally:
            # Another Ctrl-C must not interrupt the cleanup.
            for number in STOP_SIGNALS:
                signal.signal(number, signal.SIG_IGN)


def _with_log(system: DemoSystem, console: Console) -> bool:
    try:
        passed = _supervised(system, console)
    except Exception:
        _show_log(system, console)
        raise
    if not passed:
        _show_log(system, console)
    return passed


def _supervised(system: DemoSystem, console: Console) -> bool:
    console.print(f"Starting API ({system.api_url}), scheduler, dispatcher and workers …")
    supervisor = system.supervisor()
    with ThreadPoolExecutor(1, thread_name_prefix="demo") as pool:
        running = pool.submit(_run_and_check, system, console)
        running.add_done_callback(lambda _: supervisor.stop())
        try:
            supervisor.run()
        finally:
            system.deadline.stop()
    if supervisor.interrupted and running.exception():
        raise KeyboardInterrupt
    return running.result()


def _run_and_check(system: DemoSystem, console: Console) -> bool:
    orders = workload.workload(weather.days(), system.receiver.address)
    numbers = Counter(order.job_type for order in orders)
    counts = " · ".join(f"{number} {name}" for name, number in numbers.items())
    console.print(f"Submitting {len(orders)} jobs: {counts}")
    with Progress(console, system.database, system.deadline) as progress:
        submissions = scenario.run(system, progress, orders)
    console.print("All jobs have ended. Checking every row, mail, webhook and file …")
    findings = check_all(gather(system, submissions))
    show(findings, console)
    console.print("Stopping everything …")
    return all(finding.holds for finding in findings)


def show(findings: list[Finding], console: Console) -> None:
    table = Table("", "check", "found", title="checks of the database and the outputs")
    for finding in findings:
        mark = Text("✓", "green") if finding.holds else Text("✗", "bold red")
        table.add_row(mark, Text(finding.claim), Text(finding.seen))
        for fault in finding.faults[:MOST_FAULTS]:
            table.add_row("", "", Text(fault, "red"))
        more = len(finding.faults) - MOST_FAULTS
        if more > 0:
            table.add_row("", "", Text(f"… and {more} more", "red"))
    console.print(table)


def _show_log(system: DemoSystem, console: Console) -> None:
    console.print("The last output of the programs:", style="bold red")
    for line in system.last_lines():
        console.print(line, markup=False, soft_wrap=True)
