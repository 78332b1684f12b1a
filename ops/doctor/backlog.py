"""What waits: for a thread, or for a person."""

from __future__ import annotations

from aeon_jobs.ops.doctor.finding import Finding, judged, ok
from aeon_jobs.ops.doctor.patient import Patient


def oldest_job(patient: Patient) -> Finding:
    name, found = "oldest waiting job", patient.ask("oldest_job")
    if not found:
        return ok(name, "none waits")
    (job,) = found
    detail = f"{job.waited_s:.0f} s: {job.job_type} in queue {job.queue_name}"
    remedy = f"aeon-jobs explain {job.id}; if there are just too many: more workers"
    return judged(name, job.waited_s, patient.limits.oldest_job_s, detail, remedy)


def dead_letters(patient: Patient) -> Finding:
    found = patient.ask_one("dead_letters")
    since = f", the oldest of {found.since:%Y-%m-%d}" if found.open else ""
    remedy = "aeon-jobs dlq list --causes, then requeue or discard"
    return judged("open dead letters", found.open, patient.limits.dead_letters, f"{found.open}{since}", remedy)
