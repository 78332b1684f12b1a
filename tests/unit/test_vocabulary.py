"""One word per thing, and the field's word: the retired ones of docs/contributing.md are nowhere in the tree.

Where a retired word is ordinary English as well, its pattern names only what it was used for: a module, a class, a phrase.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.docs.pages import ROOT

PATTERNS = {
    "bell, ring": r"\bbells?\b|\bring_|_ring\b|\bRing\b|\brings?\(",
    "board": r"\bBoard\b|\bboard\.py|import board\b|\bboards?\(",
    "breath": r"\bbreath",
    "bury, burial": r"\bbur(?:y|ied|ies|ial|ials)\b|\bbury_|_buried\b",
    "callers": r"\bcallers\.py|import callers\b|\bCallers?\b",
    "calls": r"\bcalls\.py|_calls\.py|import \w*calls\b|\bcalls import\b",
    "conversations": r"\bconversations\b",
    "crowd": r"\bcrowds?\b",
    "desk": r"\bdesks?\b|_desk\b",
    "doorkeeper": r"doorkeeper",
    "envelope": r"\benvelopes?\b",
    "evidence": r"\bevidence\b",
    "examination": r"\bexaminations?\b",
    "exchange": r"\bExchange\b|\bexchange\.py|import exchange\b|\bexchange\(",
    "forms": r"\bforms\.py|import forms\b|\bforms import\b",
    "inbox, room": r"\binbox|\bRoom\b|\bthis room\b|\bsmall rooms\b",
    "journal": r"\bjournals?(?:\b|_)",
    "ledger": r"\bledgers?\b",
    "leftovers": r"\bleftovers?\b",
    "letter": r"\bletter_id\b|\bletter number\b|\bletters\.\w|\bletter_\w|(?<!Dead )\bLetters?\b",
    "likeness": r"\blikeness",
    "office": r"\boffices?\b",
    "patience": r"\bPatience\b|\bpatience\.py|import patience\b",
    "patient": r"\bPatients?\b|\bpatient\.py|import patient\b|\bpatient: ",
    "people": r"\bpeople\.py|import people\b|\bPeople\b",
    "reading": r"\breading\.py|import reading\b|\breading import\b",
    "recycled": r"\brecycle",
    "removals, taken_out": r"\bremovals\b|\btaken_out\b",
    "site": r"(?<!-)\bSite\b|\bsite\.py|import site\b",
    "stage": r"\bStage\b|\bstage\.py|import stage\b",
    "tally": r"\btally\b|\btallies\b",
    "town": r"\btowns?\b",
    "undertaker": r"undertaker",
    "verdict of the demo": r"\bverdict\.py|demo_verdict|demo import verdict\b",
    "wakeups": r"\bwakeups\b|\bWakeups\b",
    "wire": r"\bWire\b|\bwire\.py|import wire\b|\bon the wire\b",
    "workshop": r"\bworkshops?\b",
}

SMTP = re.compile(r"\baiosmtpd\b|\bsmtp", re.IGNORECASE)
"""Mail has envelopes: what a message is sent in, beside its own headers."""


TEXT = {".py", ".md", ".sql", ".lua", ".sh", ".yaml", ".yml", ".toml", ".json", ".conf", ""}
GENERATED = {"static", "build", "dist", "site", "aeon_jobs.egg-info"}
GLOSSARY = ROOT / "docs" / "contributing.md"
HERE = Path(__file__).resolve()


def test_no_retired_word_is_in_the_tree() -> None:
    assert [f"{hit.file}:{hit.line}: {hit.word}" for hit in _hits()] == []


def test_the_glossary_names_every_retired_word_with_what_replaces_it() -> None:
    table = GLOSSARY.read_text().partition("| retired |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1:3] for line in table.splitlines()[2:]]
    assert [retired.strip() for retired, _ in rows] == sorted(PATTERNS)
    assert all(instead.strip() for _, instead in rows)


class _Hit(NamedTuple):
    word: str
    file: str
    line: int


def _hits() -> Iterator[_Hit]:
    # One after the other: a pattern that begins with a letter is searched ten times as fast as an alternative of many.
    patterns = {word: re.compile(pattern) for word, pattern in PATTERNS.items()}
    for path in _sources():
        text = path.read_text(errors="replace")
        is_mail = SMTP.search(text) is not None
        for word, pattern in patterns.items():
            for match in pattern.finditer(text):
                if not (is_mail and word == "envelope"):
                    yield _Hit(word, str(path.relative_to(ROOT)), text.count("\n", 0, match.start()) + 1)


def _sources() -> Iterator[Path]:
    """The tree as it stands, each file once: `aeon_jobs/` leads to the folders beside it."""
    for directory, folders, files in os.walk(ROOT):
        folders[:] = [f for f in folders if f not in GENERATED and (f[0] != "." or f in {".ci", ".github"})]
        for file in files:
            path = Path(directory, file)
            if path.suffix in TEXT and path not in (HERE, GLOSSARY) and file != ".git":
                yield path
