"""A package index on disk with wheels that hold nothing but metadata, and a lock for some of them."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Sequence
from pathlib import Path


class StubIndex:
    """A directory in the form of PEP 503: `simple/<name>/index.html` beside its wheels."""

    def __init__(self, directory: Path) -> None:
        self._simple = directory / "simple"

    @property
    def url(self) -> str:
        return self._simple.as_uri()

    def add(self, name: str, version: str, requires: Sequence[str] = (), extras: Sequence[str] = ()) -> str:
        """Add a release; the line of a lock that names it."""
        folder = self._simple / name
        folder.mkdir(parents=True, exist_ok=True)
        wheel = folder / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
        _write(
            wheel,
            name,
            version,
            [*map("Provides-Extra: {}".format, extras)] + [f"Requires-Dist: {r}" for r in requires],
        )
        links = "".join(f'<a href="{file.name}">{file.name}</a>' for file in sorted(folder.glob("*.whl")))
        (folder / "index.html").write_text(f"<!DOCTYPE html><html><body>{links}</body></html>")
        return f"{name}=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def _write(wheel: Path, name: str, version: str, lines: Sequence[str]) -> None:
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    metadata = "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines, ""])
    tags = "Wheel-Version: 1.0\nGenerator: stub\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = {f"{info}/METADATA": metadata, f"{info}/WHEEL": tags}
    record = "".join(f"{path},{_digest(text)},{len(text)}\n" for path, text in files.items()) + f"{info}/RECORD,,\n"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in (files | {f"{info}/RECORD": record}).items():
            archive.writestr(path, text)


def _digest(text: str) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
