"""The routes, one module per resource: a handler reads the request, calls one use case, and answers."""
