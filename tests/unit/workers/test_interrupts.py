from __future__ import annotations

import builtins
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from threading import Event, Thread

import pytest
from dramatiq.threading import Interrupt

from aeon_jobs.middleware.execution.interrupts import Gate


class Stop(Interrupt):
    pass


def _interrupted(gate: Gate, *, is_swallowed: bool = False) -> type[BaseException] | None:
    """What leaves the gate when a handler is interrupted while it runs."""
    inside, caught = Event(), []

    def handler() -> None:
        try:
            with gate:
                inside.set()
                try:
                    while True:
                        pass
                except Stop:
                    if not is_swallowed:
                        raise
        except Stop as stop:
            caught.append(type(stop))

    thread = Thread(target=handler)
    thread.start()
    inside.wait(20)
    assert gate.interrupt(Stop)
    thread.join(20)
    assert not thread.is_alive()
    return caught[0] if caught else None


def test_an_interrupt_stops_the_handler() -> None:
    assert _interrupted(Gate()) is Stop


def test_a_handler_may_swallow_its_interrupt() -> None:
    assert _interrupted(Gate(), is_swallowed=True) is None


SLOW_MODULE = """
import builtins
builtins.slow_module_begins.set()
while not builtins.slow_module_may_end.is_set():
    pass
"""


@pytest.mark.parametrize("goes_on", [True, False], ids=["goes on", "returns at once"])
def test_an_interrupt_waits_for_the_end_of_an_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, goes_on: bool
) -> None:
    name = f"slow_module_{goes_on}".lower()
    (tmp_path / f"{name}.py").write_text(SLOW_MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    begins, may_end, steps = Event(), Event(), list[str]()
    monkeypatch.setattr(builtins, "slow_module_begins", begins, raising=False)
    monkeypatch.setattr(builtins, "slow_module_may_end", may_end, raising=False)
    gate = Gate()

    def handler() -> None:
        try:
            with gate:
                import_module(name)
                steps.append("imported")
                while goes_on:
                    pass
        except Stop:
            steps.append("stopped")

    thread = Thread(target=handler)
    thread.start()
    assert begins.wait(20)
    assert gate.interrupt(Stop)
    assert not gate.interrupt(Stop), "a second one was sent"
    may_end.set()
    thread.join(20)
    assert not thread.is_alive()
    assert steps == ["imported", "stopped"]


def test_at_most_one_interrupt_is_sent_and_none_to_a_handler_that_is_over() -> None:
    gate = Gate()
    _interrupted(gate)
    assert not gate.interrupt(Stop)
    with (other := Gate()):
        pass
    assert not other.interrupt(Stop)


def test_an_interrupt_that_comes_with_the_end_lands_in_the_gate_or_not_at_all() -> None:
    for _ in range(300):
        gate, inside, outcome = Gate(), Event(), []

        def handler(gate: Gate = gate, inside: Event = inside, outcome: list[str] = outcome) -> None:
            try:
                with gate:
                    inside.set()
                outcome.append("through")
            except Stop:
                outcome.append("stopped")

        thread = Thread(target=handler)
        thread.start()
        inside.wait(20)
        was_sent = gate.interrupt(Stop)
        thread.join(20)
        assert len(outcome) == 1
        assert was_sent or outcome == ["through"]


AFTERWARDS = """
import sys, threading
from dramatiq.threading import Interrupt
from aeon_jobs.middleware.execution.interrupts import Gate

gate = Gate()
try:
    with gate:
        threading.Thread(target=gate.interrupt, args=(Interrupt,)).start()
        while True:
            pass
except Interrupt:
    pass
threading.settrace(lambda *_: None)
thread = threading.Thread(target=lambda: print("went on"))
thread.start()
thread.join()
"""


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="only 3.11 hangs, others are merely slow")
def test_nothing_is_left_behind_that_hangs_a_debugger_or_coverage() -> None:
    done = subprocess.run([sys.executable, "-c", AFTERWARDS], capture_output=True, text=True, timeout=60)
    assert done.stdout == "went on\n"
