"""The application: routes, and what surrounds each of them.

middleware (request id, HEAD, headers) → router → authentication, rate limit → role → body → handler
whatever is raised on the way → errors.answer
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import structlog
from litestar import Litestar, Router
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.types import Receive, Scope, Send

from aeon_jobs.api.dashboard import router
from aeon_jobs.api.http import errors, openapi, resources
from aeon_jobs.api.http.authentication import Authentication, permitted
from aeon_jobs.api.http.intake.release import end
from aeon_jobs.api.http.middleware import surrounded
from aeon_jobs.api.http.parameters import job_filter, refuse_unknown
from aeon_jobs.api.http.requests import BESIDES_PAYLOAD_BYTES, ApiRequest
from aeon_jobs.api.http.resources import Resources, jobs_of
from aeon_jobs.api.http.routes import (
    archive,
    audit_log,
    bulk,
    bulk_changes,
    dead_letters,
    documentation,
    events,
    exposition,
    health,
    home,
    job_types,
    jobs,
    keys,
    metrics,
    queues,
    schedules,
    system,
    workers,
    workflows,
)
from aeon_jobs.persistence.core.settings import Settings, get_settings


class Api(Litestar):
    """`api.document()` is its OpenAPI document."""

    document: Callable[[], dict[str, Any]]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        try:
            await surrounded(super().__call__, scope, receive, send)
        finally:
            end(scope)


def create_app(settings: Settings | None = None) -> Api:
    """The ASGI application: ``uvicorn --factory aeon_jobs.api.http.app:create_app``. Connects to nothing yet."""
    _keep_secrets_out_of_tracebacks()
    built = resources.build(settings or get_settings())
    app = Api(**_parts(built), lifespan=[resources.running], state=State({"resources": built}), openapi_config=None)
    app.document = cache(lambda: openapi.document(_described(built)))
    return app


def _keep_secrets_out_of_tracebacks() -> None:
    """Under a bare uvicorn nobody has set the log up: structlog's own way shows local variables, callers' keys in them."""
    if not structlog.is_configured():
        plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])


def _described(built: Resources) -> Litestar:
    """The same routes, only to be described: Litestar would serve pages of its own beside a document."""
    return Litestar(**_parts(built), openapi_config=openapi.config())


def _parts(built: Resources) -> dict[str, Any]:
    return {
        "route_handlers": [
            home.home,
            health.router,
            exposition.prometheus,
            _jobs_router(built.settings),
            dead_letters.router,
            bulk_changes.router,
            schedules.router,
            _workflows_router(built.settings),
            queues.router,
            workers.router,
            job_types.router,
            keys.router,
            keys.me,
            audit_log.router,
            archive.router,
            system.system,
            *events.handlers,
            *documentation.handlers,
            *([router.router(built)] if built.settings.dashboard_enabled else []),
        ],
        "middleware": [DefineMiddleware(Authentication, authenticator=built.authenticator)],
        "guards": [permitted, refuse_unknown],
        "dependencies": {
            "resources": Provide(lambda: built, sync_to_thread=False),
            "jobs": Provide(jobs_of, sync_to_thread=False),
            "which": Provide(job_filter, sync_to_thread=False),
        },
        "exception_handlers": {Exception: errors.answer},
        "request_class": ApiRequest,
        "request_max_body_size": built.settings.job_max_payload_bytes + BESIDES_PAYLOAD_BYTES,
        "cors_config": _cors(built.settings),
        "logging_config": None,
    }


def _jobs_router(settings: Settings) -> Router:
    many = Router("/", route_handlers=[bulk.submit], request_max_body_size=settings.api_max_bulk_bytes)
    return Router(
        "/api/jobs",
        route_handlers=[*jobs.handlers, metrics.metrics, metrics.history, many, *bulk.handlers],
        tags=["Jobs"],
    )


def _workflows_router(settings: Settings) -> Router:
    many = Router("/", route_handlers=[workflows.create], request_max_body_size=settings.api_max_bulk_bytes)
    return Router("/api/workflows", route_handlers=[many, *workflows.handlers], tags=["Workflows"])


def _cors(settings: Settings) -> CORSConfig | None:
    origins = [origin.strip() for origin in settings.api_cors_origins.split(",") if origin.strip()]
    return CORSConfig(allow_origins=origins, expose_headers=["Location", "ETag"]) if origins else None
