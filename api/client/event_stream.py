"""Server-sent events, line by line (WHATWG HTML section 9.2), and where to go on after a break. No IO."""

from __future__ import annotations

import json
from dataclasses import replace

import httpx

from aeon_jobs.api import contract
from aeon_jobs.api.client import operations
from aeon_jobs.api.client.errors import ConnectionFailed, UnexpectedAnswer
from aeon_jobs.api.client.messages import refuse
from aeon_jobs.api.client.operations import Id, Operation, get, nothing, segment
from aeon_jobs.api.client.parsing import one
from aeon_jobs.api.contract import JobFilter

STREAM_ENDED = ConnectionFailed("the API ended the stream of events", was_sent=True)
_read = one(contract.JobEvent)


class EventStream:
    """One stream over any number of connections."""

    def __init__(self, path: str, which: JobFilter | None = None, last_event_id: str | None = None) -> None:
        operation = get(path, nothing)
        self._call = replace(operation, params=operations.filter_params(which)) if which else operation
        self._last_id = last_event_id
        self._fields: dict[str, str] = {}
        self.is_over = False
        """The job is over: there will be no more events."""
        self.failures = 0
        """Connections in a row that brought nothing."""

    @classmethod
    def of_job(cls, job_id: Id, last_event_id: str | None = None) -> EventStream:
        return cls(f"/api/jobs/{segment(job_id)}/events", last_event_id=last_event_id)

    @classmethod
    def of_all(cls, which: JobFilter | None = None, last_event_id: str | None = None) -> EventStream:
        return cls("/api/events", which, last_event_id)

    def request(self) -> Operation[None]:
        """The request that goes on where the stream broke."""
        headers = {"Accept": "text/event-stream"}
        if self._last_id:
            headers["Last-Event-ID"] = self._last_id
        self._fields = {}
        self.failures += 1
        return replace(self._call, headers=headers)

    def begin(self, response: httpx.Response) -> None:
        """
        Raises:
            Refused, UnexpectedAnswer: it is no stream of events.
        """
        refuse(response)
        if response.status_code == httpx.codes.NO_CONTENT:  # there will be no more events
            self.is_over = True

    def feed(self, line: str) -> contract.Event | None:
        """The event that `line` completes, if it does."""
        self.failures = 0
        if line:
            self._take(line)
            return None
        fields, self._fields = self._fields, {}
        return self._event(fields) if "data" in fields else None

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        if name:  # else a comment: the server lives
            before = f"{self._fields[name]}\n" if name == "data" and name in self._fields else ""
            self._fields[name] = before + value.removeprefix(" ")

    def _event(self, fields: dict[str, str]) -> contract.Event:
        try:
            job = _read(json.loads(fields["data"]))
        except ValueError:
            raise UnexpectedAnswer("an event that is not JSON") from None
        self._last_id = fields.get("id", self._last_id)
        self.is_over = job.is_over and self._call.path != "/api/events"
        return contract.Event(id=self._last_id, kind=fields.get("event", "message"), job=job)
