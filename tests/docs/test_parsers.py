"""A block that a reader could not use is found."""

from __future__ import annotations

import pytest

from tests.docs.parsers import PARSERS, command_lines, queries


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("python", "def broken(:\n"),
        ("sh", "if true; then\n"),
        ("sh", "aeon-jobs lisst\n"),
        ("sh", "sudo -u x aeon-jobs dlq list --oops | head\n"),
        ("sh", "make no-such-target\n"),
        ("sql", "SELEC 1"),
        ("json", "{"),
        ("yaml", "a: [1"),
        ("toml", "a = "),
        ("http", "POST /api/jobs HTTP/1.1\nHost: x\n\n{"),
        ("http", "FETCH /api/jobs\n"),
    ],
)
def test_a_broken_block_is_refused(language: str, code: str) -> None:
    with pytest.raises(Exception):  # noqa: B017 (each language has an error of its own)
        PARSERS[language](code)


def test_good_blocks_pass() -> None:
    PARSERS["sh"](
        "ID=$(aeon-jobs list --limit 1 --json | head -1) # aeon-jobs nothing\naeon-jobs dlq requeue \\\n  --all --yes\n"
    )
    PARSERS["sql"]("SELECT count(*)::int FROM jobs WHERE id = :'id';\n\\watch 5\n")
    PARSERS["http"]('POST /api/jobs HTTP/1.1\nContent-Type: application/json\n\n{"job_type": "x"}')


def test_command_lines_end_where_the_command_ends() -> None:
    assert list(command_lines("a && aeon-jobs list --type 'x y' > f; b | aeon-jobs watch", "aeon-jobs")) == [
        ["list", "--type", "x y"],
        ["watch"],
    ]


def test_queries_are_those_that_explain_takes() -> None:
    assert queries("VACUUM jobs; SELECT 1;") == ["SELECT 1"]
    assert queries("SELECT :'id'") == []
