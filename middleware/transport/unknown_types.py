"""Messages that no handler here can take: an unknown job type.

dramatiq emits nothing but before_nack / after_nack for them. A registered type goes back, for a worker that runs it,
now or after a restart; a type that nobody ever registered is dead-lettered. (Messages that cannot even be read never
get this far: see `JobBroker.give_up`. A payload that does not fit is found when the handler is called.)
"""

from __future__ import annotations

import structlog
from dramatiq import Broker, MessageProxy
from dramatiq.middleware import Middleware

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.queue import dead_letters, dispatch
from aeon_jobs.persistence.queue.states import Failure

_log = structlog.get_logger(__name__)


class UnknownTypes(Middleware):
    def __init__(self, database: Database) -> None:
        self._database = database

    def before_nack(self, broker: Broker, message: MessageProxy) -> None:
        found = dispatch.parse_message_id(message.options.get("redis_message_id", ""))
        if found is None:
            return
        try:
            with self._database.connection() as connection:
                if dispatch.pass_on(connection, found):
                    return
                failure = Failure("UnknownJobType", f"no worker runs job type {message.actor_name!r}")
                if dead_letters.fail_unstarted(connection, found, "unknown_type", failure):
                    _log.error("unknown job type: dead-lettered", job_id=str(found[0]), job_type=message.actor_name)
        except Exception as error:  # noqa: BLE001 (the dispatcher finds the job again)
            _log.warning("unknown job type not settled", job_id=str(found[0]), error=str(error))
