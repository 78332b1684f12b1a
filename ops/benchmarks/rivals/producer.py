"""A client of one system, in that system's environment: `python -m … ADAPTER`, then one JSON request per line.

    {"do": "prepare"}
    {"do": "send" | "send_many", "count": jobs}
    {"do": "paced", "count": jobs, "rate": jobs per second}

Each is answered by {"seconds": how long it took}.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from typing import Any

from aeon_jobs.ops.benchmarks.rivals.adapter import Adapter


def main() -> None:
    adapter: Adapter = importlib.import_module(sys.argv[1]).ADAPTER()
    for line in sys.stdin:
        request = json.loads(line)
        began = time.perf_counter()
        _do(adapter, **request)
        print(json.dumps({"seconds": time.perf_counter() - began}), flush=True)


def _do(adapter: Adapter, do: str, count: int = 0, rate: float = 0, **_: Any) -> None:
    if do == "prepare":
        adapter.prepare()
    elif do == "paced":
        _paced(adapter, count, rate)
    else:
        submit = {"send": adapter.send, "send_many": adapter.send_many}[do]
        submit("noop", list(map(float, range(count))))


def _paced(adapter: Adapter, count: int, rate: float) -> None:
    """One job after the other at fixed times; whoever is late does not shift the others."""
    start = time.monotonic()
    for n in range(count):
        time.sleep(max(0.0, start + n / rate - time.monotonic()))
        adapter.send("stamp", [time.time()])


if __name__ == "__main__":
    main()
