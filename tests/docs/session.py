"""Runs the blocks of one page, from top to bottom, as a reader would: in one directory, with one environment."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg2

from tests.docs import environment
from tests.docs.commands import COMMANDS, IN_BACKGROUND, RUN_ELSEWHERE
from tests.docs.pages import ROOT, Block, pip_extras
from tests.waiting import wait_for

TIMEOUT_S = 120
PROGRAMS = ("curl", "psql", "openssl")
"""Programs of the system that blocks may use; without them the block is skipped."""

RUN = {"python", "sh", "sql"}
RULED = sorted(IN_BACKGROUND | RUN_ELSEWHERE)
"""Commands of aeon-jobs with a rule in tests/docs/commands.py."""


class BlockFailed(AssertionError):
    def __init__(self, block: Block, output: str) -> None:
        super().__init__(f"{block}\n{block.code}\n{output}")


class Session:
    """`substitutions`: what a page says for any reader, and what it is here, such as the address of the API."""

    def __init__(self, page: str, directory: Path, variables: dict[str, str], substitutions: dict[str, str]) -> None:
        self.page, self.directory = page, directory / "work"
        self.variables, self._substitutions = variables, substitutions
        self._state = directory / "state"
        self._programs = environment.create(directory / "env", pip_extras(page))
        self._python: subprocess.Popen[str] | None = None
        self.is_whole = True
        """No block was skipped."""
        self.directory.mkdir()
        self._state.mkdir()
        self._write_commands(directory / "commands")

    def run(self, block: Block) -> None:
        code = block.code
        for said, here in self._substitutions.items():
            code = code.replace(said, here)
        if block.language in RUN:
            {"python": self._run_python, "sh": self._run_sh, "sql": self._run_sql}[block.language](block, code)

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Run statements in the page's database; the rows of the last one."""
        address = self.variables["DATABASE_URL"]
        with closing(psycopg2.connect(address)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        if self._python and self._python.stdin:
            self._python.stdin.close()
            self._python.wait(TIMEOUT_S)
            self._answers.close()
        for pid in self._background():
            _stop(pid)

    def logs(self) -> str:
        """What the programs in the background wrote."""
        return "\n".join(path.read_text() for path in sorted(self._state.glob("*.log")))

    # --- one language each ----------------------------------------------------------------------

    def _run_python(self, block: Block, code: str) -> None:
        first = code.partition("\n")[0]
        if first.startswith("# ") and first.endswith(".py") and " " not in first[2:]:
            (self.directory / first[2:]).write_text(code)
            return
        python = self._python or self._start_python()
        assert python.stdin
        print(json.dumps([block.page, block.line, code]), file=python.stdin, flush=True)
        answer = self._answers.readline()
        if failure := json.loads(answer or '"the process ended"'):
            raise BlockFailed(block, failure)

    def _start_python(self) -> subprocess.Popen[str]:
        reading, writing = os.pipe()
        program = ROOT / "tests" / "docs" / "python_blocks.py"
        self._python = subprocess.Popen(
            [self._programs / "python", "-P", program, str(writing)],
            cwd=self.directory,
            env=self._environment(),
            stdin=subprocess.PIPE,
            pass_fds=[writing],
            text=True,
        )
        os.close(writing)
        self._answers = os.fdopen(reading)
        return self._python

    def _run_sh(self, block: Block, code: str) -> None:
        for program in PROGRAMS:
            if program in code and not shutil.which(program):
                self.is_whole = False
                return
        variables = self._state / "variables"
        script = f"set -a; [ ! -f {variables} ] || . {variables}\n{code}\nexport -p > {variables}\n"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.directory,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            raise BlockFailed(block, done.stdout)

    def _run_sql(self, block: Block, code: str) -> None:
        try:
            self.execute(code)
        except psycopg2.Error as error:
            raise BlockFailed(block, str(error)) from error

    # --- the environment ------------------------------------------------------------------------

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self._state.parent / 'commands'}:{self._programs}:{os.environ['PATH']}",
            "HOME": str(self.directory),
            "CURL_HOME": str(self._state),
            "DOCS_PROGRAMS": str(self._programs),
            "DOCS_STATE": str(self._state),
            "LANG": "C.UTF-8",
            **self.variables,
        }

    def _write_commands(self, directory: Path) -> None:
        directory.mkdir()
        for name in COMMANDS:
            script = directory / name
            call = f'PYTHONPATH={ROOT} exec {sys.executable} -m tests.docs.commands {name} "$@"'
            if name == "aeon-jobs":
                # Most of its commands run as they stand: a second Python in front of each would cost half a minute.
                call = f'case "$1" in {"|".join(RULED)}) {call};; *) exec {self._programs}/{name} "$@";; esac'
            script.write_text(f"#!/bin/sh\n{call}\n")
            script.chmod(0o755)
        (self._state / ".curlrc").write_text("fail-with-body\nshow-error\n")

    def _background(self) -> list[int]:
        processes = self._state / "processes"
        lines = processes.read_text().splitlines() if processes.exists() else []
        return [int(line.split()[1]) for line in lines]


@contextmanager
def opened(page: str, directory: Path, variables: dict[str, str], substitutions: dict[str, str]) -> Iterator[Session]:
    session = Session(page, directory, variables, substitutions)
    try:
        yield session
    finally:
        session.close()


def _stop(pid: int) -> None:
    """TERM, as an operator does. Its parent has ended, so that it is a child of the test's process (tests/leaks.py)."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)

    def has_ended() -> bool:
        return os.waitpid(pid, os.WNOHANG) != (0, 0)

    with suppress(ChildProcessError):
        wait_for(has_ended, "the program ends", TIMEOUT_S)
