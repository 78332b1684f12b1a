"""Raise an exception in the thread of a handler, at most one, and only while the handler runs.

An asynchronous exception that lands outside a handler kills dramatiq's worker thread for good. So a gate is opened around
the handler alone, innermost of everything, and closed before anything else happens; both under a lock.
"""

from __future__ import annotations

import ctypes
from threading import Lock, get_ident
from types import TracebackType

from dramatiq.threading import Interrupt


class Gate:
    """Around one run of one handler."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._thread: int | None = None
        self._sent: type[Interrupt] | None = None

    def interrupt(self, exception: type[Interrupt]) -> bool:
        """Raise `exception` in the handler's thread. False: another came first, or the handler is over.

        The thread notices when it next runs Python: a blocking C call is not cut short.
        """
        with self._lock:
            if self._sent is not None or self._thread is None:
                return False
            self._sent = exception
            _raise_in(self._thread, exception)
            return True

    def __enter__(self) -> Gate:
        with self._lock:
            self._thread = get_ident()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        late = self._shut()
        if late and kind is None:
            # It was sent before the handler returned, and landed here: it counts, the handler's answer does not.
            raise late

    def close(self) -> None:
        """From here on nothing interrupts this run.

        Raises:
            Interrupt: one came just before.
        """
        if late := self._shut():
            raise late

    def _shut(self) -> type[Interrupt] | None:
        """Close, even when the interrupt lands right here. At most one is ever sent, so the loop ends."""
        landed: type[Interrupt] | None = None
        while True:
            try:
                with self._lock:
                    self._thread = None
                if self._sent:
                    _clear()
            except Interrupt as interrupt:
                landed = type(interrupt)
            else:
                return landed


class _Cleared(BaseException):
    """Takes the place of whatever was on its way to this thread."""


def _clear() -> None:
    """See to it that nothing is on its way to this thread any more, delivered or not.

    Sending None would do that too, but leaves CPython's "somebody has an exception to raise" up for good: every thread of the
    process would then take the slow path at every jump, and on 3.11 a traced one would never get past the start of a function.
    Only an exception that lands takes it down.
    """
    try:
        _raise_in(get_ident(), _Cleared)
        while True:
            pass
    except _Cleared:
        return


def _raise_in(thread: int, exception: type[BaseException]) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(exception))
