"""The collection: one point for each section, with a sparse vector and the section as its payload.

The id of a point follows from its place, so publishing again replaces it. Points of earlier publications that are not replaced
are removed at the end: until then a search finds old sections, and never too few. Points of others in the collection stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from qdrant_client import QdrantClient, models

from aeon_jobs.ops.docs_publisher import bm25
from aeon_jobs.ops.docs_publisher.sections import Section

SOURCE = "aeon-jobs docs"
"""In the payload of each point of ours."""
VECTOR = "bm25"
BATCH = 100


class UnusableCollection(Exception):
    """The collection is there, and has no vector of that name: it is for something else."""


@dataclass(frozen=True, slots=True)
class Published:
    collection: str
    pages: int
    sections: int
    removed: int
    """Points of sections that are no more."""


def publish(client: QdrantClient, collection: str, sections: Sequence[Section], version: str) -> Published:
    """
    Raises:
        UnusableCollection
    """
    _prepare(client, collection)
    publication = str(uuid4())
    for first in range(0, len(sections), BATCH):
        points = [_point(section, version, publication) for section in sections[first : first + BATCH]]
        client.upsert(collection, points=points, wait=True)
    old = _of_ours(other_than=publication)
    removed = client.count(collection, count_filter=old, exact=True).count
    client.delete(collection, points_selector=models.FilterSelector(filter=old), wait=True)
    return Published(collection, len({section.page for section in sections}), len(sections), removed)


def search(client: QdrantClient, collection: str, question: str, limit: int = 5) -> list[dict[str, Any]]:
    """The payloads of the sections that fit best."""
    found = client.query_points(collection, query=_vector(bm25.of_query(question)), using=VECTOR, limit=limit)
    return [dict(point.payload or {}) for point in found.points]


def _prepare(client: QdrantClient, collection: str) -> None:
    if not client.collection_exists(collection):
        # The server knows all sections, so it computes how rare a word is.
        rarity = models.SparseVectorParams(modifier=models.Modifier.IDF)
        client.create_collection(collection, vectors_config={}, sparse_vectors_config={VECTOR: rarity})
    elif VECTOR not in (client.get_collection(collection).config.params.sparse_vectors or {}):
        raise UnusableCollection(f"--collection: {collection!r:.100} is there, and has no sparse vector {VECTOR!r}")


def _point(section: Section, version: str, publication: str) -> models.PointStruct:
    payload = {
        "source": SOURCE,
        "page": section.page,
        "headings": list(section.headings),
        "title": " / ".join(section.headings),
        "link": f"{section.page}#{section.anchor}" if section.anchor else section.page,
        "part": section.part,
        "text": section.text,
        "version": version,
        "publication": publication,
    }
    vector = _vector(bm25.of_text(section.searched))
    return models.PointStruct(id=str(_id(section)), payload=payload, vector={VECTOR: vector})


def _id(section: Section) -> UUID:
    return uuid5(NAMESPACE_URL, f"aeon-jobs:{section.page}#{section.anchor}:{section.part}")


def _vector(weights: bm25.Weights) -> models.SparseVector:
    return models.SparseVector(indices=list(weights), values=list(weights.values()))


def _of_ours(*, other_than: str) -> models.Filter:
    source = models.FieldCondition(key="source", match=models.MatchValue(value=SOURCE))
    current = models.FieldCondition(key="publication", match=models.MatchValue(value=other_than))
    return models.Filter(must=[source], must_not=[current])
