"""llms.txt (https://llmstxt.org): a list of all pages for language models; llms-full.txt: all pages in one file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

_HEAD = "# aeon-jobs\n\n> Jobs that are never lost, for Python: PostgreSQL decides, Redis delivers, Dramatiq runs.\n\n"
_NOT_PROSE = ("#", "|", "-", "<", "`", "!", ">")


def write(site: Path, sections: Mapping[str, Sequence[str]], texts: Mapping[str, str]) -> None:
    """`sections`: title → paths of pages. `texts`: path → Markdown. The Markdown of each page stands beside its HTML."""
    for path, text in texts.items():
        file = site / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    parts = [
        f"## {title}\n\n" + "".join(_entry(p, texts[p]) for p in pages) + "\n" for title, pages in sections.items()
    ]
    (site / "llms.txt").write_text(_HEAD + "".join(parts))
    ordered = [path for pages in sections.values() for path in pages]
    whole = "\n\n".join(f"<!-- {path} -->\n\n{texts[path].strip()}" for path in ordered)
    (site / "llms-full.txt").write_text(f"{_HEAD}{whole}\n")


def _entry(path: str, text: str) -> str:
    title = next((line.lstrip("# ") for line in text.splitlines() if line.startswith("# ")), path)
    return f"- [{title}]({path}): {_first_sentence(text)}\n"


def _first_sentence(text: str) -> str:
    paragraphs = (" ".join(part.split()) for part in text.split("\n\n"))
    first = next((part for part in paragraphs if part and not part.startswith(_NOT_PROSE)), "")
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", first)
    return re.split(r"(?<=[.:]) ", plain, maxsplit=1)[0]
