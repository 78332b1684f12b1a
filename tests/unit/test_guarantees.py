"""docs/guarantees.md: every test that it names exists, and every row has a mutation that removes its code."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.mutate import GUARANTEES, ROOT, SECOND_TABLE, Mutation, copy_to, rows, table
from tests.mutations import MUTATIONS

ROWS = list(rows())


@cache
def names_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / "tests" / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize(("row", "tests"), ROWS, ids=[row for row, _ in ROWS])
def test_every_test_that_a_row_names_exists(row: str, tests: list[str]) -> None:
    for test in tests:
        file, _, name = test.partition("::")
        assert name in names_in(file), f"{row}: {test}"


def test_every_row_names_a_test() -> None:
    lines = [line for line in GUARANTEES.read_text().partition(SECOND_TABLE)[0].splitlines() if line.startswith("|")]
    heads = [line for line in lines if line.endswith("| test |")]
    assert len(ROWS) == len(lines) - 2 * len(heads)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[f"{mutation.row}: {mutation.what}" for mutation in MUTATIONS])
def test_a_mutation_finds_its_code_and_belongs_to_a_row_and_its_tests(mutation: Mutation) -> None:
    for change in mutation.changes:
        assert (ROOT / change.file).read_text().count(change.old) == 1, change
    (named,) = [tests for row, tests in ROWS if row.startswith(mutation.row)]
    assert set(mutation.tests) <= set(named)
    assert mutation.tests


def test_every_test_of_a_row_has_a_mutation() -> None:
    for row, tests in ROWS:
        tried = {test for mutation in MUTATIONS if row.startswith(mutation.row) for test in mutation.tests}
        assert set(tests) <= tried, row


def test_the_second_table_is_that_of_the_mutations() -> None:
    assert table(MUTATIONS) in GUARANTEES.read_text()


def test_the_tests_of_a_mutation_import_the_copy(tmp_path: Path) -> None:
    copy_to(tmp_path)
    program = "import aeon_jobs.persistence.queue.states as module; print(module.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(done.stdout.strip()).resolve().is_relative_to(tmp_path.resolve())
