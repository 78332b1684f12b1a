"""Raise an exception in the thread of a handler, at most one, and only while the handler runs.

An asynchronous exception that lands outside a handler kills dramatiq's worker thread for good. So a gate is opened around
the handler alone, innermost of everything, and closed before anything else happens; both under a lock.

One that lands in an import would leave the module's lock held for good: every thread that imports the module later would wait
for ever. So it is held back until the import is over.
"""

from __future__ import annotations

import ctypes
import sys
import time
from threading import Lock, Thread, get_ident
from types import TracebackType

from dramatiq.threading import Interrupt

HELD_S = 0.01
"""Between looks whether an import is over."""
_IMPORT = "<frozen importlib._bootstrap>"


class Gate:
    """Around one run of one handler."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._thread: int | None = None
        self._frame = 0
        """The id of the frame that runs the handler."""
        self._sent: type[Interrupt] | None = None
        self._is_held = False
        """It is sent when an import is over."""

    def interrupt(self, exception: type[Interrupt]) -> bool:
        """Raise `exception` in the handler's thread. False: another came first, or the handler is over.

        The thread notices when it next runs Python: a blocking C call is not cut short, nor is an import.
        """
        with self._lock:
            if self._sent is not None or self._thread is None:
                return False
            self._sent = exception
            if self._is_importing():
                self._is_held = True
                Thread(target=self._send_held, args=(exception,), name="interrupt", daemon=True).start()
            else:
                _raise_in(self._thread, exception)
            return True

    def _send_held(self, exception: type[Interrupt]) -> None:
        while True:
            time.sleep(HELD_S)
            with self._lock:
                if self._thread is None:
                    return
                if not self._is_importing():
                    self._is_held = False
                    _raise_in(self._thread, exception)
                    return

    def _is_importing(self) -> bool:
        """Whether the handler's thread imports something. It may begin right after: microseconds stay open."""
        frame = sys._current_frames().get(self._thread or 0)
        while frame is not None and id(frame) != self._frame:
            if frame.f_code.co_filename == _IMPORT:
                return True
            frame = frame.f_back
        return False

    def __enter__(self) -> Gate:
        with self._lock:
            self._thread, self._frame = get_ident(), id(sys._getframe(1))
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
                if self._is_held:
                    landed = self._sent
                elif self._sent:
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
