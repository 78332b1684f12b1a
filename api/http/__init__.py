"""The HTTP API: Litestar around `api.service`. A handler reads the request, calls one use case, and answers.

    app             the application, and what surrounds each route
    routes          one module per resource
    authentication, rate_limits, middleware, requests, errors     what every request meets
    streams         live news of jobs, one watcher per process
    openapi         the document and its page

May import `api.contract`, `api.service` and `persistence`.
"""
