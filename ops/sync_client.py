"""The client that waits, made from the one for asyncio: they differ in `async` and `await`, and in what each library calls it.

``python -m aeon_jobs.ops.sync_client`` writes it, ``--check`` compares.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "api" / "client"
SOURCE, TARGET = FOLDER / "asynchronous.py", FOLDER / "sync.py"

_DOCSTRING = (
    '"""The client that waits for its answers. Made from `asynchronous`: python -m aeon_jobs.ops.sync_client"""'
)
_REPLACEMENTS = [
    (r'\A"""[^"]*"""', _DOCSTRING),
    (
        "Belongs to one event loop; close it, or use it in an `async with`",
        "May be shared by threads; close it, or use it in a `with`",
    ),
    (r"^import asyncio$", "import time"),
    (r"\bAwaitable, ", ""),
    (r"\basyncio\.sleep\b", "time.sleep"),
    (r"Awaitable\[(\w+)\]", r"\1"),
    (r"\bAsync(?=[A-Z])", ""),
    (r"\basync (?=def|with|for)", ""),
    (r"\bawait ", ""),
    (r"\ba(?=close\(|read\(|iter_lines\()", ""),
    (r"__a(?=enter__|exit__)", "__"),
    (r"A coroutine method", "A method"),
    (r"for (\w+) in (.+):\n +yield \1$", r"yield from \2"),
]


def sync_source() -> str:
    """The text of sync.py, from today's asynchronous.py."""
    text = SOURCE.read_text()
    for pattern, replacement in _REPLACEMENTS:
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    return _formatted(text)


def _formatted(text: str) -> str:
    for command in (["check", "--select", "I", "--fix", "--quiet"], ["format", "--quiet"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(TARGET), "-"]
        text = subprocess.run(ruff, input=text, capture_output=True, text=True, check=True).stdout  # noqa: S603
    return text


def main(arguments: list[str]) -> None:
    if arguments != ["--check"]:
        TARGET.write_text(sync_source())
    elif TARGET.read_text() != sync_source():
        sys.exit(f"{TARGET.name} is out of date: run python -m aeon_jobs.ops.sync_client")


if __name__ == "__main__":
    main(sys.argv[1:])
