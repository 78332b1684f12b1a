"""Logs of a worker group are one format from the first line to the last, dramatiq's own included."""

from __future__ import annotations

import json
import os
import signal
import subprocess

from aeon_jobs.ops import worker
from aeon_jobs.persistence.core.settings import Settings


def test_every_line_of_a_worker_group_is_json(environment: Settings, redis_client):
    command = worker.command(environment.model_copy(update={"worker_processes": 1, "worker_concurrency": 1}), [])
    group = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"LOG_FORMAT": "json"})
    lines = []
    try:
        assert group.stderr
        for line in group.stderr:
            lines.append(line)
            if "ready for action" in line:
                group.send_signal(signal.SIGTERM)
    finally:
        group.kill()
        group.communicate()
    events = [json.loads(line)["event"] for line in lines if line.strip()]
    assert any("booting up" in event for event in events), events
    assert any("ready for action" in event for event in events)
    assert any("shut down" in event for event in events)
