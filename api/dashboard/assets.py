"""Style sheet and scripts. Their address contains a digest of all of them: browsers keep them for ever."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources

_TYPES = {"js": "text/javascript", "css": "text/css"}
HEADERS = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}

OF_ANOTHER_VERSION = {"Cache-Control": "no-store", "Vary": "Accept-Encoding"}


@dataclass(frozen=True, slots=True)
class Asset:
    media_type: str
    content: bytes
    gzipped: bytes


@cache
def assets() -> dict[str, Asset]:
    """By name."""
    found = {}
    for entry in sorted(resources.files("aeon_jobs.api.dashboard").joinpath("static").iterdir(), key=lambda e: e.name):
        media_type = _TYPES.get(entry.name.rpartition(".")[2])
        if media_type:
            content = entry.read_bytes()
            found[entry.name] = Asset(media_type, content, gzip.compress(content, 9, mtime=0))
    return found


@cache
def digest() -> str:
    """Of all of them."""
    joined = hashlib.sha256()
    for name, asset in assets().items():
        joined.update(name.encode() + b"\0" + asset.content)
    return joined.hexdigest()[:16]


def address(name: str) -> str:
    return f"/dashboard/static/{digest()}/{name}"


def packed(content: bytes) -> bytes:
    """For a page that is sent once: quick rather than small."""
    return gzip.compress(content, 3, mtime=0)
