"""Asks Prometheus, by its HTTP API."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True, slots=True)
class Series:
    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]
    """(Unix time, value), finite values alone."""


class Prometheus:
    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=15.0, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def targets(self) -> dict[str, str]:
        """By scrape job: up, unknown, or the error of the last scrape."""
        try:
            found = self._get("/api/v1/targets", state="active")["activeTargets"]
        except httpx.HTTPError:
            return {}
        return {target["labels"]["job"]: target["lastError"] or target["health"] for target in found}

    def firing(self) -> set[str]:
        """Names of the alerts that fire."""
        return {
            alert["labels"]["alertname"]
            for alert in self._get("/api/v1/alerts")["alerts"]
            if alert["state"] == "firing"
        }

    def history(self, expression: str, seconds: float, points: int = 120) -> list[Series]:
        """The series of the last `seconds`, in about so many `points`, without those that have no finite value.

        Raises:
            httpx.HTTPStatusError: the expression is wrong.
        """
        now = time.time()
        answer = self._get(
            "/api/v1/query_range", query=expression, start=now - seconds, end=now, step=max(1, seconds // points)
        )
        series = [Series(found["metric"], _finite(found["values"])) for found in answer["result"]]
        return [each for each in series if each.points]

    def _get(self, path: str, **parameters: Any) -> Any:
        return self._http.get(path, params=parameters).raise_for_status().json()["data"]


def _finite(values: list[tuple[float, str]]) -> tuple[tuple[float, float], ...]:
    points = ((moment, float(value)) for moment, value in values)
    return tuple((moment, value) for moment, value in points if math.isfinite(value))
