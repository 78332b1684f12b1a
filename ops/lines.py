"""The log of several programs on one terminal: each line behind the coloured name of its program."""

from __future__ import annotations

from contextlib import suppress

from rich.console import Console
from rich.text import Text

COLOURS = ("cyan", "magenta", "green", "blue", "yellow")
OWN_NAME = "up"


class Lines:
    """Writes whole lines; goes silent when nobody reads any more: shutting down matters more."""

    def __init__(self, console: Console, names: list[str]) -> None:
        self._console = console
        self._width = max(map(len, [*names, OWN_NAME]))
        self._colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}

    def say(self, text: str, style: str = "bold") -> None:
        """A line of the supervisor's own."""
        self._write(OWN_NAME, Text(text, style=style))

    def pass_on(self, name: str, line: bytes) -> None:
        """A line of a program, its own colours kept."""
        self._write(name, Text.from_ansi(line.decode(errors="replace")))

    def _write(self, name: str, text: Text) -> None:
        prefix = Text(f"{name:<{self._width}} │ ", style=self._colours.get(name, "bold white"))
        # rich turns a closed pipe into SystemExit
        with suppress(OSError, ValueError, SystemExit):
            self._console.print(prefix + text, soft_wrap=True, highlight=False)
