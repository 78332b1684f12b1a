"""A scraper like Prometheus: it asks an exporter and the API for their metrics every few seconds, from a thread of its own."""

from __future__ import annotations

import gzip
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from aeon_jobs.ops.benchmarks.http_api import HOST, Api
from aeon_jobs.ops.benchmarks.program import Program
from aeon_jobs.ops.benchmarks.system import System, wait_until
from aeon_jobs.ops.ports import any_free, is_free

EVERY_S = 5.0
"""As the Prometheus of `aeon-jobs up`."""
_HEADERS = {
    "Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.3",
    "Accept-Encoding": "gzip",
}


@dataclass(slots=True)
class Scrapes:
    seconds: list[float] = field(default_factory=list)
    """Of each scrape."""
    kilobytes: float = 0
    """Of the last answer, unpacked."""
    failed: list[str] = field(default_factory=list)

    def scrape(self, address: str, headers: Mapping[str, str]) -> None:
        request = urllib.request.Request(address, headers=_HEADERS | dict(headers))  # noqa: S310 (http, our own)
        began = time.perf_counter()
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                body = answer.read()
                packed = answer.headers.get("Content-Encoding") == "gzip"
        except OSError as error:
            self.failed.append(f"{address}: {error}")
            return
        self.seconds.append(time.perf_counter() - began)
        self.kilobytes = len(gzip.decompress(body) if packed else body) / 1_000


@contextmanager
def scraping(system: System, api: Api) -> Iterator[Scrapes]:
    """With an exporter of its own; yields what was measured so far."""
    port, scrapes, stopped = any_free(HOST), Scrapes(), threading.Event()
    targets = [
        (f"http://{HOST}:{port}/metrics", {}),
        (f"http://{HOST}:{api.port}/metrics", {"Authorization": f"Bearer {api.key}"}),
    ]

    def go_on() -> None:
        while not stopped.is_set():
            for address, headers in targets:
                scrapes.scrape(address, headers)
            stopped.wait(EVERY_S)

    thread = threading.Thread(target=go_on)
    with Program(["exporter"], system.directory / "exporter.log", METRICS_PORT=str(port)):
        wait_until(lambda: not is_free(HOST, port), "the exporter")
        thread.start()
        try:
            yield scrapes
        finally:
            stopped.set()
            thread.join()
