"""Pages, cut into sections, in a real Qdrant collection: that of qdrant-client's local mode."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from qdrant_client import QdrantClient, models

from aeon_jobs.ops.docs_publisher import bm25, sections
from aeon_jobs.ops.docs_publisher.qdrant import UnusableCollection, publish, search
from aeon_jobs.ops.docs_publisher.sections import MAX_CHARACTERS, sections_of
from tests.docs.pages import ROOT

PAGE = """Before all.

# Backups

How to `restore`.

## Commands

```sh
# not a heading

pg_dump
```

Then rest.

## Commands

Again.

# Retries

Jobs are retried with a [backoff](x.md).
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "guides").mkdir()
    (tmp_path / "guides" / "backup.md").write_text(PAGE)
    (tmp_path / "index.md").write_text("# Welcome\n\nRead on.\n")
    return tmp_path


@pytest.fixture
def client() -> Iterator[QdrantClient]:
    client = QdrantClient(":memory:")
    yield client
    client.close()


def test_a_page_is_cut_at_its_headings_and_not_in_its_code(folder: Path) -> None:
    found = [(section.page, section.headings, section.anchor) for section in sections_of(folder)]
    assert found == [
        ("guides/backup.md", ("guides/backup.md",), ""),
        ("guides/backup.md", ("Backups",), "backups"),
        ("guides/backup.md", ("Backups", "Commands"), "commands"),
        ("guides/backup.md", ("Backups", "Commands"), "commands-1"),
        ("guides/backup.md", ("Retries",), "retries"),
        ("index.md", ("Welcome",), "welcome"),
    ]
    assert sections_of(folder)[2].text == "```sh\n# not a heading\n\npg_dump\n```\n\nThen rest."


def test_a_long_section_is_cut_between_paragraphs(tmp_path: Path) -> None:
    paragraphs = [f"{n} " + "word " * 100 for n in range(20)]
    (tmp_path / "long.md").write_text("# Long\n\n" + "\n\n".join(paragraphs))
    found = sections_of(tmp_path)
    assert [section.part for section in found] == list(range(len(found)))
    assert len(found) > 1
    assert max(len(section.text) for section in found) <= MAX_CHARACTERS
    assert "\n\n".join(section.text for section in found) == "\n\n".join(paragraphs).rstrip()


def test_every_page_of_ours_has_sections_that_are_found_by_their_titles(client: QdrantClient) -> None:
    ours = sections_of(ROOT / "docs")
    done = publish(client, "docs", ours, "1")
    assert (done.sections, done.removed) == (len(ours), 0)
    assert client.count("docs").count == len(ours)
    for question, page in [
        ("opentelemetry spans and the collector", "operations/tracing.md"),
        ("why are the lines of dramatiq not JSON", "operations/logging.md"),
        ("timeout of a statement in PostgreSQL", "configuration.md"),
    ]:
        assert page in [found["page"] for found in search(client, "docs", question)], question


def test_a_point_tells_where_its_section_is(folder: Path, client: QdrantClient) -> None:
    publish(client, "docs", sections_of(folder), "1.2.3")
    found = search(client, "docs", "backups: which command restores?", limit=1)[0]
    found.pop("publication")
    assert found == {
        "source": "aeon-jobs docs",
        "page": "guides/backup.md",
        "headings": ["Backups"],
        "title": "Backups",
        "link": "guides/backup.md#backups",
        "part": 0,
        "text": "How to `restore`.",
        "version": "1.2.3",
    }


def test_publishing_again_replaces_sections_and_removes_old_ones_of_ours_alone(
    folder: Path, client: QdrantClient
) -> None:
    publish(client, "docs", sections_of(folder), "1")
    theirs = models.PointStruct(id=7, payload={"text": "theirs"}, vector={})
    client.upsert("docs", [theirs])
    (folder / "guides" / "backup.md").write_text("# Backups\n\nNew words.\n")

    done = publish(client, "docs", sections_of(folder), "2")

    assert (done.pages, done.sections, done.removed) == (2, 2, 4)
    points, _ = client.scroll("docs", limit=100)
    texts = {(point.payload or {})["text"]: (point.payload or {}).get("version") for point in points}
    assert texts == {"theirs": None, "New words.": "2", "Read on.": "2"}


def test_a_collection_for_something_else_is_left_alone(folder: Path, client: QdrantClient) -> None:
    client.create_collection("docs", models.VectorParams(size=3, distance=models.Distance.DOT))
    with pytest.raises(UnusableCollection, match="has no sparse vector 'bm25'"):
        publish(client, "docs", sections_of(folder), "1")
    assert client.count("docs").count == 0


def test_a_rare_word_counts_more_and_a_stem_finds_its_forms() -> None:
    assert bm25.of_query("the retries of a job") == bm25.of_query("retry, JOBS!")
    once, twice = bm25.of_text("job"), bm25.of_text("job job")
    assert once.keys() == twice.keys()
    assert 1 < next(iter(twice.values())) / next(iter(once.values())) < 2
    assert bm25.of_query("") == {}
    assert sections.MAX_CHARACTERS / 5 > bm25.AVERAGE_LENGTH
