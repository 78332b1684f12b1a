"""Serve the API until the process is told to stop."""

from __future__ import annotations

import resource
import sys
from contextlib import suppress
from functools import partial
from typing import Any

import uvicorn

from aeon_jobs.api.server.connections import Connections
from aeon_jobs.api.server.limits import Limits
from aeon_jobs.api.server.protocol import LimitedProtocol
from aeon_jobs.persistence.core.settings import Settings

STOP_S = 5
_DID_NOT_START = 3
"""The exit status that uvicorn's own command has."""


def config(settings: Settings, app: Any = None, **options: Any) -> uvicorn.Config:
    """How uvicorn serves `app`, or the API."""
    protocol: Any = partial(LimitedProtocol, Connections(Limits.of(settings)))
    return uvicorn.Config(
        app or _api(settings),
        http=protocol,
        # No route speaks WebSocket, and its protocols have limits of their own.
        ws="none",
        timeout_graceful_shutdown=STOP_S,
        log_config=None,
        **options,
    )


def run(settings: Settings) -> None:
    """Until SIGINT or SIGTERM."""
    _allow_files(settings.api_max_connections + 200)
    server = uvicorn.Server(config(settings, host=settings.api_host, port=settings.api_port))
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(_DID_NOT_START)


def _api(settings: Settings) -> Any:
    # Imported late: the exporter is served too, and is smaller without all this.
    from aeon_jobs.api.http.app import create_app

    return create_app(settings)


def _allow_files(number: int) -> None:
    """Each connection is one. The usual soft limit is 1,024; the hard one is far above."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number if hard == resource.RLIM_INFINITY else min(number, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
