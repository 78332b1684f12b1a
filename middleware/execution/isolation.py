"""Run a handler in a process of its own, which can be killed for real: `isolation="process"`.

1. A fork server, started once per worker process and never threaded, forks a child for each run.
2. The child leads a process group of its own, so that whatever it starts dies with it.
3. Its answer comes back through a pipe. A child that dies without one (a crash in C, an OOM kill) is a failed attempt.
4. Interrupted, the worker's thread first asks the child (a signal raises JobTimedOut or JobCancelled in its main thread),
   and after a grace kills the group: infinite C loops, ignored signals and grandchildren included.

Not pebble: it kills the child it knows, and no grandchild.
"""

from __future__ import annotations

import asyncio
import ctypes
import importlib
import inspect
import multiprocessing
import os
import pickle
import signal
import sys
import traceback
from contextlib import suppress
from functools import lru_cache
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any, Literal, NamedTuple, NoReturn

import psutil
from dramatiq import Broker, Worker
from dramatiq.middleware import Middleware
from dramatiq.threading import Interrupt

from aeon_jobs.middleware.execution.definitions import Definition
from aeon_jobs.middleware.execution.job_logs import JobLogs
from aeon_jobs.middleware.execution.logging import configure_process
from aeon_jobs.middleware.execution.outcomes import JobCancelled, JobTimedOut
from aeon_jobs.middleware.execution.recorder import Recorder
from aeon_jobs.middleware.execution.results import storable
from aeon_jobs.middleware.execution.running import CurrentJob, set_current
from aeon_jobs.persistence.core import tracing
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import get_settings
from aeon_jobs.persistence.core.tracing import TraceContext
from aeon_jobs.persistence.queue.executions import Claimed
from aeon_jobs.persistence.queue.states import Verdict

LOOK_S = 0.1
PR_SET_PDEATHSIG = 1
_REQUESTS: dict[signal.Signals, type[Interrupt]] = {signal.SIGTERM: JobTimedOut, signal.SIGUSR1: JobCancelled}


class ChildDied(Exception):
    """The isolated process ended without an answer."""


class Answer(NamedTuple):
    kind: Literal["returned", "raised"]
    value: Any
    verdict: Verdict | None
    """Set when the handler completed its job in a transaction."""


def run_isolated(definition: Definition, job: CurrentJob) -> Any:
    """Run the handler of a claimed job in a child; returns what it returned, raises what it raised.

    Raises:
        ChildDied
        Interrupt: whatever was raised in the calling thread meanwhile; the child is dead by then.
    """
    assert job.claimed is not None
    # Before there is a child: a job that waited for this thread may have been cancelled or lost meanwhile.
    job.check()
    ours, theirs = _context().Pipe()
    where = (definition.handler.__module__, definition.name)
    arguments = (theirs, *where, job.claimed, job.worker_id, tracing.current(get_settings()))
    child = _context().Process(target=_main, args=arguments, name=f"aeon-{definition.name}", daemon=True)
    child.start()
    theirs.close()
    try:
        # The gate opens when there is somebody to kill: an interrupt while the child starts would leave it behind.
        with job.gate:
            job.check()
            answer = _wait(child, ours)
    except Interrupt as interrupt:
        _ask(child, type(interrupt))
        raise
    finally:
        _kill_group(child)
        ours.close()
    job.verdict = answer.verdict
    if answer.verdict:
        job.result = answer.verdict.result
    if answer.kind == "raised":
        raise answer.value
    return answer.value


class Isolation(Middleware):
    """Starts the fork server with the worker, so that the time of the first isolated job is its own."""

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        definitions = broker.definitions.values()  # type: ignore[attr-defined]
        modules = {definition.handler.__module__ for definition in definitions if definition.isolation == "process"}
        if modules:
            # Imported once, in a process without threads: a child then starts in milliseconds.
            ours = ["aeon_jobs.middleware.execution.isolation", *_span_modules()]
            _context().set_forkserver_preload([*ours, *sorted(modules)])
            first = _context().Process(target=_nothing)
            first.start()
            first.join()


def _span_modules() -> list[str]:
    is_wanted = get_settings().tracing_enabled
    return ["aeon_jobs.persistence.core.span_export", "aeon_jobs.persistence.core.spans"] if is_wanted else []


def _wait(child: Any, pipe: Connection) -> Answer:
    # Short waits: between two of them an interrupt can be raised in this thread.
    while not pipe.poll(LOOK_S):
        if not child.is_alive() and not pipe.poll(0):
            raise ChildDied(_cause(child))
    try:
        answer: Answer = pipe.recv()
    except EOFError:
        child.join(1)
        raise ChildDied(_cause(child)) from None
    return answer


def _cause(child: Any) -> str:
    code = child.exitcode
    if code is not None and code < 0:
        return f"the isolated process was killed by signal {signal.Signals(-code).name}"
    return f"the isolated process ended with code {code} and no answer"


def _ask(child: Any, request: type[Interrupt]) -> None:
    """Let the handler clean up, for half the grace that the deadline gives."""
    number = next((number for number, kind in _REQUESTS.items() if kind is request), signal.SIGTERM)
    with suppress(ProcessLookupError):
        os.kill(child.pid, number)
    child.join(get_settings().job_interrupt_grace / 2_000)


def _kill_group(child: Any) -> None:
    """The child and all it started, those that left its group included, as far as they can be found."""
    try:
        descendants = psutil.Process(child.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        descendants = []
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    if child.is_alive():
        # It may not have become a group's leader yet.
        child.kill()
    for process in descendants:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    child.join(5)


@lru_cache(maxsize=1)
def _context() -> multiprocessing.context.ForkServerContext:
    return multiprocessing.get_context("forkserver")


def _nothing() -> None: ...


# --- in the child ---------------------------------------------------------------------------------


def _main(pipe: Connection, module: str, name: str, claimed: Claimed, worker_id: str, trace: TraceContext) -> NoReturn:
    os.setsid()
    _die_with_parent()
    for number in _REQUESTS:
        signal.signal(number, _interrupt)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tracing.start(get_settings(), "isolated")
    with tracing.within(get_settings(), trace):
        answer = _run(module, name, claimed, worker_id)
    with suppress(BrokenPipeError):
        pipe.send(answer)
    pipe.close()
    tracing.stop(get_settings())
    # Straight out: threads that the handler left behind must not hold the process.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _run(module: str, name: str, claimed: Claimed, worker_id: str) -> Answer:
    settings = get_settings()
    configure_process(settings, "isolated", job_id=str(claimed.id), job_type=name, attempt=claimed.attempt)
    database = Database(settings.postgres_dsn, schema=settings.job_schema, pool_size=2)
    recorder = Recorder(database, settings)
    recorder.worker_id = worker_id
    job = CurrentJob(claimed, database, recorder)
    set_current(job)
    logs = JobLogs(database, {name})
    try:
        definition = _definition(module, name)
        if definition.keep_logs:
            logs.open()
        job.result = _call(definition, claimed)
        return Answer("returned", storable(job.result), job.verdict)
    except BaseException as error:  # noqa: BLE001 (all of it is the parent's to judge)
        return Answer("raised", _portable(error), job.verdict)
    finally:
        job.tell_last()
        logs.close()
        database.dispose()


def _definition(module: str, name: str) -> Definition:
    importlib.import_module(module)
    from dramatiq import get_broker

    definition: Definition = get_broker().get_actor(name).options["definition"]
    return definition


def _call(definition: Definition, claimed: Claimed) -> Any:
    arguments = definition.arguments(claimed.payload)
    if inspect.iscoroutinefunction(definition.handler):
        return asyncio.run(definition.handler(**arguments))
    return definition.handler(**arguments)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise _REQUESTS[signal.Signals(number)]


def _die_with_parent() -> None:
    """The fork server dies with its worker, and we with the fork server (Linux; elsewhere the lease decides).

    The server lives while anybody holds its "alive" pipe, and hands a copy to each child, which would need it only to fork
    from the same server. Ours never does, and must not keep the server alive.
    """
    alive = getattr(forkserver._forkserver, "_forkserver_alive_fd", None)
    if alive is not None:
        os.close(alive)
        forkserver._forkserver._forkserver_alive_fd = None  # type: ignore[attr-defined]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _portable(error: BaseException) -> BaseException:
    """The error as it can cross the pipe, with its traceback as a note."""
    error.add_note("in the isolated process:\n" + "".join(traceback.format_exception(error)))
    error.__cause__ = error.__context__ = None
    try:
        copy: BaseException = pickle.loads(pickle.dumps(error))  # noqa: S301 (our own, a line ago)
    except Exception:  # noqa: BLE001 (anything may go wrong in somebody's __init__)
        return RemoteError.standing_for(error)
    return copy


class RemoteError(Exception):
    """Stands for an error that cannot be pickled; keeps its name and message."""

    @classmethod
    def standing_for(cls, error: BaseException) -> RemoteError:
        remote = cls(f"{type(error).__name__}: {error}")
        for note in getattr(error, "__notes__", []):
            remote.add_note(note)
        return remote
