"""The command line in the test's own process: what a command prints, and the exit code that it ends with."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from aeon_jobs.ops.cli import main


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Terminal:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *arguments: object, stdin: str | bytes = "") -> Done:
        typed = stdin.encode() if isinstance(stdin, str) else stdin
        self._monkeypatch.setattr(sys, "argv", ["aeon-jobs", *map(str, arguments)])
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed)))
        self._capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        said = self._capsys.readouterr()
        return Done(code, said.out, said.err)

    def ok(self, *arguments: object, stdin: str | bytes = "") -> Done:
        done = self(*arguments, stdin=stdin)
        assert done.code == 0, done
        return done

    def json(self, *arguments: object, stdin: str | bytes = "") -> Any:
        return self.ok(*arguments, "--json", stdin=stdin).json
