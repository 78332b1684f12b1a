"""Write the dashboard's file: `python -m aeon_jobs.ops.grafana`."""

from __future__ import annotations

from pathlib import Path

from aeon_jobs.ops.grafana.dashboard import as_json

FILE = Path(__file__).with_name("dashboards") / "aeon-jobs.json"

if __name__ == "__main__":
    FILE.write_text(as_json())
