"""The client for services that only speak HTTP.

    from aeon_jobs.api.client import Client

    with Client("https://jobs.example.com", key=KEY) as jobs:
        submitted = jobs.submit("email_notification", {"to": "ada@example.com", "subject": "Hello", "body": "…"})
        job = jobs.wait(submitted.job_id, timeout_s=60)

    errors             what goes wrong, as one tree
    bodies             requests of `api.contract` as JSON
    operations, *_operations   the API's operations as values: what is sent, how the answer is read; no IO
    messages           what is given to httpx, and what its answers mean; no IO
    retrying           when a request is sent again, and when next
    polling            operations that are repeated until something holds; no IO
    event_stream       server-sent events, line by line; no IO
    asynchronous       the IO; `sync` is made from it

Imports httpx, tenacity, `api.contract` and the standard library, nothing of a server: it may be copied out.
"""

from aeon_jobs.api.client.asynchronous import AsyncClient
from aeon_jobs.api.client.errors import (
    ApiError,
    Conflict,
    ConnectionFailed,
    Forbidden,
    IdempotencyKeyReused,
    InvalidRequest,
    JobNotOver,
    NotFound,
    Refused,
    ServerFailed,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
    WrongState,
)
from aeon_jobs.api.client.retrying import Retries
from aeon_jobs.api.client.sync import Client
from aeon_jobs.api.contract import DeadLetterFilter, Event, Explanation, Job, JobFilter, JobSummary, NewJob, Submitted

__all__ = [
    "ApiError",
    "AsyncClient",
    "Client",
    "Conflict",
    "ConnectionFailed",
    "DeadLetterFilter",
    "Event",
    "Explanation",
    "Forbidden",
    "IdempotencyKeyReused",
    "InvalidRequest",
    "Job",
    "JobFilter",
    "JobNotOver",
    "JobSummary",
    "NewJob",
    "NotFound",
    "Refused",
    "Retries",
    "ServerFailed",
    "Submitted",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "UnexpectedAnswer",
    "WrongState",
]
