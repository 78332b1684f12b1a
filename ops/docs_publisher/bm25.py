"""BM25 as a sparse vector: the weight of each word in a text. Qdrant multiplies it by the word's rarity (IDF) at search.

Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009. Numbers and ids of words are those of
the model "Qdrant/bm25": murmur3 of the English Snowball stem, k 1.2, b 0.75, average length 256. So no model is downloaded,
and a query can be made by that model too.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

import mmh3
import snowballstemmer

K, B, AVERAGE_LENGTH = 1.2, 0.75, 256
MAX_WORD = 40

_STOP_WORDS = """
a an and are as at be been but by can did do does for from had has have if in into is it its no not of on or so such than that
the their then there these they this those to was were what when where which who will with would you your
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
"""Words that say nothing about a text."""

Weights = dict[int, float]
"""By id of the word."""


def of_text(text: str) -> Weights:
    """The vector of a section."""
    words = _words(text)
    longer = 1 - B + B * len(words) / AVERAGE_LENGTH
    weights = Weights()
    for word, count in Counter(words).items():
        id_ = _id(word)
        weights[id_] = weights.get(id_, 0) + count * (K + 1) / (count + K * longer)
    return weights


def of_query(text: str) -> Weights:
    """The vector of a question."""
    return {_id(word): 1.0 for word in _words(text)}


def _words(text: str) -> list[str]:
    # A name like queue_depth_gauge is several words, and so is `send_many()`.
    found = re.findall(r"[^\W_]+", text.lower())
    return [_stem(word) for word in found if word not in STOP_WORDS and len(word) <= MAX_WORD]


@cache
def _stem(word: str) -> str:
    stem: str = _stemmer().stemWord(word)
    return stem


@cache
def _stemmer() -> snowballstemmer.stemmer:
    return snowballstemmer.stemmer("english")


def _id(word: str) -> int:
    return abs(mmh3.hash(word))
