"""Removes the code behind each row of docs/guarantees.md; the row's tests must then fail.

    python -m tests.mutate [words…]      only mutations whose row or description has one of the words
    python -m tests.mutate --table       print the second table of docs/guarantees.md

It works on a copy of the repository. It makes one mutation, runs its tests, and undoes it. `unit/test_guarantees.py` checks
that every row has a mutation, and that each mutation still finds the code that it removes.
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
SECOND_TABLE = "## The tests fail without the code"
TIMEOUT = {"FAULT_TIMEOUT": "20", "FAULT_JOBS": "200"}
"""Short, because a system without the code does not recover."""


@dataclass(frozen=True)
class Change:
    """Replaces `old`, which is in the file exactly once, by `new`."""

    file: str
    old: str
    new: str = ""

    def apply(self, root: Path) -> None:
        path = root / self.file
        write(path, path.read_text().replace(self.old, self.new))


@dataclass(frozen=True)
class Mutation:
    row: str
    """The first cell of the row, or its first words."""
    what: str
    """What is removed."""
    changes: Sequence[Change]
    tests: Sequence[str]
    """Each of them must fail."""


@dataclass(frozen=True)
class Workspace:
    copy: Path
    postgres_url: str
    redis_url: str


def rows() -> Iterator[tuple[str, list[str]]]:
    """(first cell, tests) of every row that names tests. "…::name" means the file of the test before."""
    file = ""
    for line in GUARANTEES.read_text().partition(SECOND_TABLE)[0].splitlines():
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
    undetected = undetected_of(wanted)
    print(f"{len(wanted)} mutations, {len(undetected)} not detected")
    return bool(undetected)


def undetected_of(mutations: Sequence[Mutation]) -> list[Mutation]:
    """Run the tests of each mutation; those of which not every test failed."""
    with (
        short_directory() as directory,
        EmbeddedPostgres(directory / "pg", durable=False) as postgres,
        EmbeddedRedis(directory / "redis", durable=False) as server,
    ):
        copy = directory / "tree"
        copy_to(copy)
        workspace = Workspace(copy, postgres.url, server.url)
        return [mutation for mutation in mutations if not _is_detected(workspace, mutation)]


def table(mutations: Sequence[Mutation]) -> str:
    lines = ["| guarantee | removed | tests that failed |", "|---|---|---|"]
    for mutation in mutations:
        failed = ", ".join(f"`{name.rpartition('::')[2]}`" for name in mutation.tests)
        (cell,) = [row for row, _ in rows() if row.startswith(mutation.row)]
        lines.append(f"| {cell} | {mutation.what} | {failed} |")
    return "\n".join(lines)


def _is_detected(workspace: Workspace, mutation: Mutation) -> bool:
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
    outcome = {0: "NOT DETECTED", 1: "failed"}.get(run.returncode, f"pytest ended with {run.returncode}")
    print(f"{outcome:13}{time.monotonic() - began:4.0f} s  {mutation.row} | {mutation.what} | {test}", flush=True)
    reasons = [line for line in run.stdout.splitlines() if line.startswith(("FAILED", "ERROR", "E   "))]
    print(*(f"                    {reason[:150]}" for reason in reasons[:4]), sep="\n", flush=True)
    return run.returncode == 1


_writes = count(1)


def write(path: Path, text: str) -> None:
    """Write the file with a modification time that it never had: Python must not use bytecode of an earlier version."""
    path.write_text(text)
    modified = int(time.time()) - 10 * next(_writes)
    os.utime(path, (modified, modified))


def copy_to(target: Path) -> None:
    """The files of the repository, as they are now."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in listed.stdout.splitlines():
        source = ROOT / name
        if source.is_file() or source.is_symlink():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            # As links: aeon_jobs/ in the copy must lead to the folders of the copy, which are mutated.
            shutil.copy2(source, target / name, follow_symlinks=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
