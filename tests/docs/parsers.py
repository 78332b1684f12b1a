"""Whether a code block is well-formed in its language. Nothing runs, so every block of every page is checked, in milliseconds.

An `aeon-jobs` command line in a `sh` block must have a command that exists, with options that it has. A `make` line must
name a target.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import pglast
import typer.main
import yaml

from tests.docs.pages import ROOT

PLAIN = {"dockerfile", "text", "mermaid", "promql", "conf", "ini", "diff"}
"""Languages of blocks that are not code of ours: output, diagrams, files of other programs."""
_METHODS = {"GET", "POST", "PATCH", "DELETE", "PUT", "HEAD"}


class Malformed(AssertionError):
    """The message says what is wrong."""


def python(code: str) -> None:
    compile(code, "<block>", "exec")


def sh(code: str) -> None:
    done = subprocess.run(["bash", "-n"], input=code, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Malformed(done.stderr)
    for words in command_lines(code, "aeon-jobs"):
        _check_command(words)
    for words in command_lines(code, "make"):
        _check_targets([word for word in words if "=" not in word and not word.startswith("-")])


def sql(code: str) -> None:
    """PostgreSQL's own grammar. Lines of psql (`\\watch`) are left out; its variables count as parameters."""
    statements = "\n".join(line for line in code.splitlines() if not line.startswith("\\"))
    pglast.parse_sql(re.sub(r"(?<!:):'?[a-z_]+'?", "$1", statements))


def queries(code: str) -> list[str]:
    """The statements of a block that EXPLAIN takes, as they stand; those with parameters are left out."""
    if re.search(r"(?<!:):'?[a-z_]+'?", code):
        return []
    statements = pglast.split("\n".join(line for line in code.splitlines() if not line.startswith("\\")))
    return [text for text in statements if re.match(r"(select|insert|update|delete|with)\b", text.strip(), re.I)]


def http(code: str) -> None:
    """A request or a response: its first line, headers, an empty line, and a body, JSON if it begins like that."""
    head, _, body = code.partition("\n\n")
    first, *headers = head.splitlines()
    if first.split()[0] not in _METHODS and not first.startswith("HTTP/"):
        raise Malformed(f"{first!r} is no request and no response")
    if wrong := [line for line in headers if not re.match(r"[\w-]+: ", line)]:
        raise Malformed(f"no headers: {wrong}")
    if body.lstrip().startswith(("{", "[")):
        json.loads(body)


def _yaml(code: str) -> None:
    list(yaml.safe_load_all(code))


PARSERS: dict[str, Callable[[str], Any]] = {
    "python": python,
    "sh": sh,
    "sql": sql,
    "http": http,
    "yaml": _yaml,
    "json": json.loads,
    "toml": tomllib.loads,
}


def command_lines(code: str, program: str) -> Iterator[list[str]]:
    """The arguments of each call of the program: words up to the end of its command."""
    joined = re.sub(r"\\\n", " ", re.sub(r"(?m)(^|\s)#.*$", r"\1", code))
    for found in re.finditer(rf"(?m)(?:^|[\s(`!;|&])(?<!-){re.escape(program)}(?P<rest>(?: +{_WORD})*)", joined):
        yield [re.sub(r"^['\"]|['\"]$", "", word) for word in re.findall(_WORD, found["rest"])]


_WORD = r"""(?:'[^']*'|"(?:\\.|[^"\\])*"|[^\s'"|;&<>()`])+"""


@lru_cache
def _application() -> Any:
    return typer.main.get_command(__import__("aeon_jobs.ops.cli", fromlist=["app"]).app)


def _check_command(words: list[str]) -> None:
    command, path = _application(), "aeon-jobs"
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        name, words = words[0], words[1:]
        if name not in command.commands:
            raise Malformed(f"{path} has no command {name}")
        command, path = command.commands[name], f"{path} {name}"
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    given = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    if unknown := given - known - {"--help", "--version"}:
        raise Malformed(f"{path} has no option {', '.join(sorted(unknown))}: {shlex.join(words)}")


def _check_targets(targets: list[str]) -> None:
    known = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.M))
    if unknown := set(targets) - known:
        raise Malformed(f"the Makefile has no target {', '.join(sorted(unknown))}")
