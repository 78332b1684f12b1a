"""Starts programs, passes their output on, restarts programs that die, stops everything in order.

1. One thread, one loop: it waits for output, for a signal, or for the time of the next restart.
2. A program that ends is started again after a wait, which grows with each death in a row. Before that the rest of its
   process group is killed. An embedded server that dies is started again too.
3. INT or TERM begins the shutdown: TERM to one rank after the other, KILL after a program's limit. A second one kills all.
4. When the supervisor itself is killed, the kernel tells its direct children (`ops.embedded.tether`).

Everything happens in the main thread: the kernel ties children to the thread that started them.
"""

from __future__ import annotations

import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

from aeon_jobs.ops.child import Child
from aeon_jobs.ops.embedded import EmbeddedServer, EmbeddedServerError
from aeon_jobs.ops.lines import Lines
from aeon_jobs.ops.programs import Program
from aeon_jobs.ops.restart import Deaths, RestartPolicy

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
TICK = 1.0
"""Seconds between checks of the servers when nothing else happens."""

STOP_TICK = 0.1
"""Seconds between checks during the shutdown."""


class Supervisor:
    """Runs `programs` until told to stop.

    Args:
        servers: already running; they are restarted here when they die, and stopped by their owner.
        environ: the programs' environment, where secrets go (never into argv, which everybody can read).
        on_tick: called at least once a second.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        environ: Mapping[str, str],
        lines: Lines,
        servers: Sequence[EmbeddedServer] = (),
        policy: RestartPolicy | None = None,
        on_tick: Callable[[], None] = lambda: None,
    ) -> None:
        self._policy = policy or RestartPolicy()
        self._children = [Child(program, environ, self._policy) for program in programs]
        self._servers = [WatchedServer(server, self._policy) for server in servers]
        self._lines = lines
        self._on_tick = on_tick
        self._signals_seen = 0
        self._interrupted = False
        self._waker: socket.socket | None = None

    def run(self) -> None:
        """Returns when everything has stopped."""
        with self._wakeup() as wakeup:
            try:
                while not self._signals_seen:
                    self._start_due()
                    self._on_tick()
                    self._wait(wakeup)
            finally:
                self._stop_all(wakeup)

    def stop(self) -> None:
        """Make `run` stop everything and return, as on a signal. Callable from any thread, also before `run`."""
        self._signals_seen = max(self._signals_seen, 1)
        with suppress(OSError):
            if self._waker:
                self._waker.send(b"\0")

    def restart(self, name: str, why: str) -> None:
        """Restart a program as soon as it has stopped; call it in the thread of `run`, such as in `on_tick`."""
        for child in self._children:
            if child.program.name == name:
                self._lines.say(f"{why}: restarting {name}")
                child.restart(time.monotonic())

    @property
    def interrupted(self) -> bool:
        """Whether a signal asked to stop."""
        return self._interrupted

    @property
    def hurried(self) -> bool:
        """Whether a second signal asked to stop at once."""
        return self._signals_seen > 1

    def _start_due(self) -> None:
        for server in self._servers:
            server.restart_if_dead(self._lines)
        now = time.monotonic()
        for child in self._children:
            if child.start_at is not None and child.start_at <= now:
                child.start(now)
            if child.overstays(now):
                self._kill(child)

    def _wait(self, wakeup: socket.socket) -> None:
        """Pass output on until a signal comes or something is due, then reap the children that ended."""
        with selectors.DefaultSelector() as selector:
            selector.register(wakeup, selectors.EVENT_READ)
            for child in self._running():
                if child.output is not None:
                    selector.register(child.output, selectors.EVENT_READ, child)
            ready = selector.select(self._timeout())
        for key, _ in ready:
            if isinstance(key.data, Child):
                self._pass_on(key.data.program.name, key.data.read_lines())
        with suppress(BlockingIOError):
            wakeup.recv(1024)
        self._reap_children()

    def _timeout(self) -> float:
        if self._signals_seen:
            return STOP_TICK
        due = [child.start_at for child in self._children if child.start_at is not None]
        return max(0.0, min([TICK, *(at - time.monotonic() for at in due)]))

    def _reap_children(self) -> None:
        for child in self._running():
            status = child.reap(time.monotonic())
            if status is None:
                continue
            self._pass_on(child.program.name, child.clear())
            self._announce_death(child, status)

    def _announce_death(self, child: Child, status: int) -> None:
        name, how = child.program.name, _how_it_ended(status)
        if self._signals_seen or child.restarting:
            return
        if child.awaits_change(status):
            self._lines.say(
                f"{name} cannot import its modules (see above); it starts again when a file changes", "bold red"
            )
        elif child.start_at is None:
            self._lines.say(f"{name} {how}; it is not restarted (WORKER_AUTO_RESTART=false)", "bold red")
        else:
            wait = max(0.0, child.start_at - time.monotonic())
            self._lines.say(f"{name} {how}; restarting in {wait:.1f} s", "bold red")

    def _stop_all(self, wakeup: socket.socket) -> None:
        self._signals_seen = max(self._signals_seen, 1)
        for rank in sorted({child.program.rank for child in self._children}):
            self._stop([child for child in self._running() if child.program.rank == rank], wakeup)

    def _stop(self, children: Sequence[Child], wakeup: socket.socket) -> None:
        if children:
            self._lines.say(f"stopping {', '.join(child.program.name for child in children)}")
        for child in children:
            child.terminate()
        began = time.monotonic()
        while alive := [child for child in children if child.running]:
            for child in alive:
                self._kill_if_overstaying(child, began)
            self._wait(wakeup)

    def _kill_if_overstaying(self, child: Child, asked_at: float) -> None:
        if self.hurried:
            child.kill_group()
        elif time.monotonic() - asked_at > child.program.stop_limit:
            self._kill(child)

    def _kill(self, child: Child) -> None:
        self._lines.say(
            f"{child.program.name} did not stop within {child.program.stop_limit:.0f} s: killed", "bold red"
        )
        child.kill_group()

    def _running(self) -> list[Child]:
        return [child for child in self._children if child.running]

    def _pass_on(self, name: str, lines: Sequence[bytes]) -> None:
        for line in lines:
            self._lines.pass_on(name, line)

    @contextmanager
    def _wakeup(self) -> Iterator[socket.socket]:
        """A socket that becomes readable on every signal, also when a child ends."""
        reader, writer = socket.socketpair()
        reader.setblocking(False)
        writer.setblocking(False)
        self._waker = writer
        # nohup ignores HUP on purpose
        heeded = [number for number in STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        previous = {number: signal.signal(number, self._count) for number in heeded}
        previous[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, _only_wake)
        descriptor = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        try:
            yield reader
        finally:
            signal.set_wakeup_fd(descriptor)
            for number, handler in previous.items():
                signal.signal(number, handler)
            reader.close()
            writer.close()

    def _count(self, _number: int, _frame: FrameType | None) -> None:
        self._signals_seen += 1
        self._interrupted = True


class WatchedServer:
    """An embedded server that is started again, at growing intervals, when it dies."""

    def __init__(self, server: EmbeddedServer, policy: RestartPolicy) -> None:
        self._server, self._policy = server, policy
        self._deaths = Deaths()
        self._alive_since = time.monotonic()
        self._start_at: float | None = None

    def restart_if_dead(self, lines: Lines) -> None:
        now = time.monotonic()
        if self._server.running:
            return
        if self._start_at is None:
            self._deaths = self._deaths.after(now - self._alive_since, self._policy)
            self._start_at = self._deaths.next_start(now, self._policy)
            lines.say(f"{self._server.name} died; restarting", "bold red")
        elif self._start_at <= now:
            self._start(lines)

    def _start(self, lines: Lines) -> None:
        self._start_at, self._alive_since = None, time.monotonic()
        try:
            self._server.restart()
        except EmbeddedServerError as error:
            lines.say(str(error), "bold red")


def _only_wake(_number: int, _frame: FrameType | None) -> None:
    """Python writes to the wake-up descriptor only for signals that have a handler."""


def _how_it_ended(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"
