"""Files that only their owner may read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def write(path: Path, text: str) -> None:
    """Replace the file. Other users can read neither the new file nor a part of it, at no moment."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    part.rename(path)


def read_or_create(path: Path, create: Callable[[], str]) -> str:
    """The file's only line; a missing or empty file is written first."""
    if not (path.exists() and path.read_text().strip()):
        write(path, f"{create()}\n")
    return path.read_text().strip()
