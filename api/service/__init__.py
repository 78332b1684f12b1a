"""The use cases: what can be done with jobs, in Python, without HTTP. The HTTP API and the command line call the same.

    core            context of a process, principals, validation, errors
    submissions, jobs, bulk, dead_letters, schedules, queues, workers, job_types, keys, audit, metrics, events     by noun
    service         all of them together: `Jobs`

Takes and gives what `api.contract` declares. May import `api.contract` and `persistence`.
"""

from aeon_jobs.api.service.service import Jobs

__all__ = ["Jobs"]
