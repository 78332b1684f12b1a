"""The demo, from the first server to the verdict.

1. Build the stage: PostgreSQL, Redis, a mail server and a webhook receiver in a temporary directory.
2. This thread supervises the programs; another one plays: submits, watches, judges.
3. Whoever ends first ends the other: the play when it is over, the supervisor on Ctrl-C.
4. Everything goes down and the directory with it; what the programs said last is shown if anything was wrong.
"""

from __future__ import annotations

import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from rich.console import Console
from rich.table import Table
from rich.text import Text

from aeon_jobs.ops.demo import performance, stage, weather, workload
from aeon_jobs.ops.demo.board import Board
from aeon_jobs.ops.demo.evidence import gather
from aeon_jobs.ops.demo.patience import Patience
from aeon_jobs.ops.demo.stage import Stage
from aeon_jobs.ops.demo.verdict import MOST_FAULTS, Finding, verdict
from aeon_jobs.ops.supervisor import STOP_SIGNALS
from aeon_jobs.ops.up import every_stop_signal_is_ctrl_c

DEADLINE_S = 150.0


def run(console: Console) -> bool:
    """Whether everything was as it should be.

    Raises:
        Overdue: it took longer than DEADLINE_S; says what was missing.
        EmbeddedServerError, MigrationError: what they say.
    """
    patience = Patience(DEADLINE_S)
    try:
        passed = _from_nothing_to_nothing(patience, console)
    except KeyboardInterrupt:
        console.print("demo interrupted; nothing is left behind", style="bold red")
        return False
    word, style = ("passed", "bold green") if passed else ("FAILED", "bold red")
    console.print(f"demo {word} in {patience.elapsed:.1f} s; nothing is left behind", style=style)
    return passed


def _from_nothing_to_nothing(patience: Patience, console: Console) -> bool:
    with every_stop_signal_is_ctrl_c(), ExitStack() as stack:
        for number in STOP_SIGNALS:
            stack.callback(signal.signal, number, signal.getsignal(number))
        try:
            console.print("starting PostgreSQL, Redis, a mail server and a webhook receiver …")
            return _on(stack.enter_context(stage.built(patience)), console)
        finally:
            # Another Ctrl-C must not stop the cleaning up.
            for number in STOP_SIGNALS:
                signal.signal(number, signal.SIG_IGN)


def _on(built: Stage, console: Console) -> bool:
    try:
        passed = _supervised(built, console)
    except Exception:
        _show_log(built, console)
        raise
    if not passed:
        _show_log(built, console)
    return passed


def _supervised(built: Stage, console: Console) -> bool:
    console.print(f"starting API, scheduler, dispatcher and workers; API at {built.api_url}")
    supervisor = built.supervisor()
    with ThreadPoolExecutor(1, thread_name_prefix="demo") as pool:
        play = pool.submit(_play, built, console)
        play.add_done_callback(lambda _: supervisor.stop())
        try:
            supervisor.run()
        finally:
            built.patience.stop()
    if supervisor.interrupted and play.exception():
        raise KeyboardInterrupt
    return play.result()


def _play(built: Stage, console: Console) -> bool:
    orders = workload.workload(weather.days(), built.receiver.address)
    numbers = Counter(order.job_type for order in orders)
    console.print(f"{len(orders)} jobs: {' · '.join(f'{number} {name}' for name, number in numbers.items())}")
    with Board(console, built.database, built.patience) as board:
        bill = performance.perform(built, board, orders)
    findings = verdict(gather(built, bill))
    show(findings, console)
    return all(finding.holds for finding in findings)


def show(findings: list[Finding], console: Console) -> None:
    table = Table("", "claim", "what was seen", title="checked against the database and the outputs")
    for finding in findings:
        mark = Text("✓", "green") if finding.holds else Text("✗", "bold red")
        table.add_row(mark, Text(finding.claim), Text(finding.seen))
        for fault in finding.faults[:MOST_FAULTS]:
            table.add_row("", "", Text(fault, "red"))
        more = len(finding.faults) - MOST_FAULTS
        if more > 0:
            table.add_row("", "", Text(f"… and {more} more", "red"))
    console.print(table)


def _show_log(built: Stage, console: Console) -> None:
    console.print("the last lines of the programs:", style="bold red")
    for line in built.last_lines():
        console.print(line, markup=False, soft_wrap=True)
