"""Quantiles of histograms."""

from __future__ import annotations

import pytest

from aeon_jobs.persistence.metrics.history import quantile

BOUNDS = (1.0, 2.0, 4.0)


@pytest.mark.parametrize(
    ("buckets", "share", "expected"),
    [
        ([0, 0, 0, 0], 0.5, None),
        ([], 0.5, None),
        ([10, 0, 0, 0], 0.5, 0.5),
        ([0, 10, 0, 0], 0.5, 1.5),
        ([5, 0, 5, 0], 0.95, 3.8),
        ([5, 5, 0, 0], 0.5, 1.0),
        ([1, 0, 0, 9], 0.95, 4.0),
    ],
)
def test_a_quantile_lies_within_its_bucket(buckets: list[float], share: float, expected: float | None) -> None:
    found = quantile(buckets, BOUNDS, share)
    assert found == (None if expected is None else pytest.approx(expected))
