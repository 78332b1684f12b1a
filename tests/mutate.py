"""Each promise of docs/guarantees.md with the code that keeps it taken out: its test must then fail.

    python -m tests.mutate [words…]      try those whose row or description holds one of the words; without any, all
    python -m tests.mutate --table       the table of the documentation

It works on a copy of this tree, where one mutation after the other is made and undone. What is here is checked by
`unit/test_guarantees.py`: every row has a mutation, and each still finds the code that it takes out.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import redis

from aeon_jobs.ops.embedded import EmbeddedPostgres, EmbeddedRedis
from tests.leaks import short_directory

ROOT = Path(__file__).parent.parent
GUARANTEES = ROOT / "docs" / "guarantees.md"
TIMEOUT = {"FAULT_TIMEOUT": "20", "FAULT_JOBS": "200"}
"""For systems that will not recover."""


@dataclass(frozen=True)
class Change:
    """`old`, which stands in the file exactly once, gives way to `new`."""

    file: str
    old: str
    new: str = ""

    def apply(self, root: Path) -> None:
        path = root / self.file
        write(path, path.read_text().replace(self.old, self.new))


@dataclass(frozen=True)
class Mutation:
    row: str
    """The first cell of the row, or how it begins."""
    what: str
    """What was taken out."""
    changes: Sequence[Change]
    tests: Sequence[str]
    """Each of them must fail."""


@dataclass(frozen=True)
class Workspace:
    copy: Path
    postgres_url: str
    redis_url: str


def rows() -> Iterator[tuple[str, list[str]]]:
    """(first cell, tests) of every row of the document that names tests, "…::name" written out."""
    file = ""
    for line in GUARANTEES.read_text().partition("## Tried by")[0].splitlines():
        if not line.startswith("|"):
            continue
        names = []
        for path, name in re.findall(r"`([\w/]+\.py|…)::(\w+)`", line):
            file = file if path == "…" else path
            names.append(f"{file}::{name}")
        if names:
            yield line.split("|")[1].strip(), names


def main(arguments: list[str]) -> int:
    from tests.mutations import MUTATIONS

    if arguments == ["--table"]:
        print(table(MUTATIONS))
        return 0
    words = [word.lower() for word in arguments]
    wanted = [r for r in MUTATIONS if not words or any(word in f"{r.row} {r.what}".lower() for word in words)]
    unnoticed = try_out(wanted)
    print(f"{len(wanted)} mutations, {len(unnoticed)} of them not noticed")
    return bool(unnoticed)


def try_out(mutations: Sequence[Mutation]) -> list[Mutation]:
    """Those that no test noticed, or not every test that should."""
    with (
        short_directory() as directory,
        EmbeddedPostgres(directory / "pg", durable=False) as postgres,
        EmbeddedRedis(directory / "redis", durable=False) as server,
    ):
        copy = directory / "tree"
        _copy(copy)
        workspace = Workspace(copy, postgres.url, server.url)
        return [mutation for mutation in mutations if not _is_missed(workspace, mutation)]


def table(mutations: Sequence[Mutation]) -> str:
    lines = ["| row | taken out | failed |", "|---|---|---|"]
    for mutation in mutations:
        failed = ", ".join(f"`{name.rpartition('::')[2]}`" for name in mutation.tests)
        lines.append(f"| {mutation.row} | {mutation.what} | {failed} |")
    return "\n".join(lines)


def _is_missed(workspace: Workspace, mutation: Mutation) -> bool:
    """Whether every test of the mutation fails without the code."""
    originals = {change.file: (workspace.copy / change.file).read_text() for change in mutation.changes}
    for change in mutation.changes:
        change.apply(workspace.copy)
    try:
        failed = [_fails(workspace, mutation, test) for test in mutation.tests]
        return all(failed)
    finally:
        for file, text in originals.items():
            write(workspace.copy / file, text)


def _fails(workspace: Workspace, mutation: Mutation, test: str) -> bool:
    began = time.monotonic()
    with redis.Redis.from_url(workspace.redis_url) as client:
        client.flushall()
    servers = {"DATABASE_URL": workspace.postgres_url, "REDIS_URL": workspace.redis_url}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--timeout", "150", f"tests/{test}"],
        cwd=workspace.copy,
        env={**os.environ, **TIMEOUT, **servers, "PYTHONPATH": str(workspace.copy)},
        capture_output=True,
        text=True,
    )
    verdict = {0: "NOT NOTICED", 1: "failed"}.get(run.returncode, f"pytest ended with {run.returncode}")
    print(f"{verdict:12}{time.monotonic() - began:4.0f} s  {mutation.row} | {mutation.what} | {test}", flush=True)
    reasons = [line for line in run.stdout.splitlines() if line.startswith(("FAILED", "ERROR", "E   "))]
    print(*(f"                    {reason[:150]}" for reason in reasons[:4]), sep="\n", flush=True)
    return run.returncode == 1


_moments = count(1)


def write(path: Path, text: str) -> None:
    """Its time of change is one that it never had: bytecode compiled within the same second is not taken for its own."""
    path.write_text(text)
    moment = int(time.time()) - 10 * next(_moments)
    os.utime(path, (moment, moment))


def _copy(target: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
