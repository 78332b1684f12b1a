"""What `send_many` is given, job by job, and the rows that become of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from dramatiq import Message

from aeon_jobs.middleware.execution.definitions import Definition
from aeon_jobs.middleware.transport.options import new_job, submission
from aeon_jobs.persistence.core.errors import InvalidJob
from aeon_jobs.persistence.queue.submissions import Row, Template

Arguments = Mapping[str, Any] | tuple[Any, ...]
"""Of one job: named ones, or positional ones."""


class Outgoing:
    """Many jobs: arguments of one job type, with the same options, and messages of any."""

    def __init__(self, definition: Definition, options: Mapping[str, Any], known: Mapping[str, Definition]) -> None:
        """`known`: the job types of this process, by name."""
        self._definition, self._options, self._known = definition, options, known

    def definitions(self, given: Iterable[Arguments | Message[Any]]) -> list[Definition]:
        """The job types of some jobs, as far as they are known."""
        names = {one.actor_name for one in given if isinstance(one, Message)}
        return [self._definition, *(self._known[name] for name in names & self._known.keys())]

    def row(self, given: Arguments | Message[Any]) -> Row:
        """
        Raises:
            InvalidJob: names every field at fault.
        """
        if isinstance(given, Mapping):
            return self._template.row(self._definition.payload((), given))
        if isinstance(given, tuple):
            return self._template.row(self._definition.payload(given, {}))
        if isinstance(given, Message):
            return self._row_of_message(given)
        raise InvalidJob.at("", "must be a dict of arguments, a tuple of them, or a message")

    @cached_property
    def _template(self) -> Template:
        return Template(submission(self._definition, self._options, payload={}), self._definition)

    def _row_of_message(self, message: Message[Any]) -> Row:
        definition = self._known.get(message.actor_name)
        if definition is None:
            raise InvalidJob.at("", f"{message.actor_name!r:.100} is not a job type of this process")
        new = new_job(definition, message.copy(options={**self._options, **message.options}))
        return Template(new, definition).row(new.payload)
