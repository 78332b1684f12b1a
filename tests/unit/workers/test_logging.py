"""What a log line must not show."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

KEY_ID, SECRET = "abc123def456", "s-_" + "x" * 40
REQUEST = """
import logging, sys
from aeon_jobs.middleware.execution.logging import configure_logging
from aeon_jobs.persistence.core.settings import get_settings
configure_logging(get_settings(), "api")
logging.getLogger("uvicorn.access").info('"%s %s" %d', "GET", f"/api/me?api_key={sys.argv[1]}", 401)
try:
    raise ValueError(sys.argv[1])
except ValueError:
    logging.getLogger("x").exception("failed")
"""


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_an_api_key_in_a_url_or_an_error_is_logged_without_its_secret(log_format: str) -> None:
    command = [sys.executable, "-c", REQUEST, f"aeon_{KEY_ID}_{SECRET}"]
    environ = os.environ | {"LOG_FORMAT": log_format}

    done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60)

    assert done.returncode == 0, done.stderr
    assert f"api_key=aeon_{KEY_ID}_***" in done.stderr
    assert f"ValueError: aeon_{KEY_ID}_***" in done.stderr
    assert SECRET not in done.stderr
