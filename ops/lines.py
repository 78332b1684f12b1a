"""The output of several programs on one terminal: each line after the coloured name of its program."""

from __future__ import annotations

import os
import queue
import threading
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.text import Text

COLOURS = ("cyan", "magenta", "green", "blue", "yellow")
OWN_NAME = "up"

BACKLOG = 10_000
"""Lines that wait for a slow terminal; more are dropped."""

LAST_LINES_S = 1.0
"""How long the end waits for the terminal to take the last lines."""


class Lines:
    """Writes whole lines, in a thread: a terminal that is paused (Ctrl-S, a pager, a broken connection) or closed must not
    keep a program from being restarted or stopped. The end of its context waits a moment for the last lines.
    """

    def __init__(self, console: Console, names: list[str]) -> None:
        self._console = console
        self._width = max(map(len, [*names, OWN_NAME]))
        self._colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
        self._backlog: queue.Queue[bytes | None] = queue.Queue(BACKLOG)
        self._writer = threading.Thread(target=self._write, name="lines", daemon=True)
        self._writer.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._put(None)
        self._writer.join(LAST_LINES_S)

    def say(self, text: str, style: str = "bold") -> None:
        """A line of the supervisor itself."""
        self._line(OWN_NAME, Text(text, style=style))

    def pass_on(self, name: str, line: bytes) -> None:
        """A line of a program, with its own colours."""
        self._line(name, Text.from_ansi(line.decode(errors="replace")))

    def _line(self, name: str, text: Text) -> None:
        prefix = (f"{name:<{self._width}} │ ", self._colours.get(name, "bold"))
        with self._console.capture() as rendered:
            self._console.print(Text.assemble(prefix, text), soft_wrap=True, highlight=False)
        self._put(rendered.get().encode(errors="replace"))

    def _put(self, line: bytes | None) -> None:
        try:
            self._backlog.put_nowait(line)
        except queue.Full:
            return

    def _write(self) -> None:
        # Past Python's own buffer: its lock, held by a write that never ends, would also hold up the exit.
        descriptor = self._console.file.fileno()
        try:
            while (line := self._backlog.get()) is not None:
                while line:
                    line = line[os.write(descriptor, line) :]
        except OSError:
            return  # the terminal is closed
