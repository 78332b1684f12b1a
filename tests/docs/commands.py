"""Programs that `sh` blocks name and that a test does not run as they are: one listed rule for each.

    docker      services that the command names are in compose.yaml; what runs in a container of ours runs here;
                `compose config` is the real one where Docker Compose is installed; `compose up` starts our processes
    make        the target exists; options of `make bench` are read by the benchmark's own parser
    pip         this package or the current directory, with extras that pyproject.toml has
    git         `clone` and `pull` do nothing
    dramatiq, aeon-jobs worker / dispatcher / scheduler
                start for real, in the background, until the page ends; the next command comes when they are registered
    aeon-jobs api, exporter, up, demo
                their options are read; tests run them elsewhere. `up MODULE` starts a worker with the module

Every other `aeon-jobs` command, and every other program, runs as it stands. A command without a rule here fails.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg2
import yaml

from tests.docs.pages import ROOT

IN_BACKGROUND = {"worker", "dispatcher", "scheduler"}
RUN_ELSEWHERE = {"api", "exporter", "up", "demo"}
TIMEOUT_S = 90


def docker(arguments: Sequence[str]) -> int:
    if arguments[:1] != ["compose"]:
        known = {("network", "create"), ("network", "inspect"), ("stop",), ("rm",)}
        return _known(any(tuple(arguments[: len(words)]) == words for words in known), "docker", arguments)
    command, rest = arguments[1], list(arguments[2:])
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    if command == "config":
        return _compose_config(rest)
    if command == "exec":
        service, *program = rest
        return _known(service in services, "docker", arguments) or _run(program)
    if command == "run":
        service, *words = [word for word in rest if word != "--rm"]
        return _known(service in services, "docker", arguments) or _run(["aeon-jobs", *words])
    named = [word for word in rest if not word.startswith("-") and not re.fullmatch(r"\w+=\d+", word)]
    scaled = [word.partition("=")[0] for word in rest if re.fullmatch(r"\w+=\d+", word)]
    is_known = command in {"build", "up", "ps", "stop", "down", "pull", "logs"} and {*named, *scaled} <= set(services)
    if is_known and command == "up":
        return _compose_up()
    if is_known and command == "stop":
        _stop(set(named))
    return _known(is_known, "docker", arguments)


def make(arguments: Sequence[str]) -> int:
    dry = subprocess.run(
        [_real("make") or "make", "-n", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False
    )
    if dry.returncode:
        print(dry.stderr, file=sys.stderr)
        return dry.returncode
    options = [word.removeprefix("ARGS=") for word in arguments if word.startswith("ARGS=")]
    if arguments[0] == "bench":
        from aeon_jobs.ops.benchmarks.__main__ import _options

        _options(shlex.split(" ".join(options)))
    return 0


def pip(arguments: Sequence[str]) -> int:
    extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    requirements = [word for word in arguments[1:] if not word.startswith("-")]
    for requirement in requirements:
        found = re.fullmatch(r"(?:aeon-jobs|\.)(?:\[(?P<extras>[\w,-]+)\])?", requirement)
        if not found or not set((found["extras"] or "").split(",")) - {""} <= extras:
            return _known(False, "pip", arguments)
    return _known(arguments[0] == "install" and bool(requirements), "pip", arguments)


def git(arguments: Sequence[str]) -> int:
    return _known(arguments[0] in {"clone", "pull"}, "git", arguments)


def dramatiq(arguments: Sequence[str]) -> int:
    return _in_background(["dramatiq", *arguments])


def aeon_jobs(arguments: Sequence[str]) -> int:
    """Of those with a rule; `Session` runs the others."""
    command = arguments[0]
    if command in IN_BACKGROUND:
        return _in_background(["aeon-jobs", *arguments])
    failed = _run(["aeon-jobs", *arguments, *(["--help"] if command in RUN_ELSEWHERE else [])])
    modules = [word for word in arguments[1:] if not word.startswith("-")]
    return failed or (_in_background(["aeon-jobs", "worker", *modules]) if command == "up" and modules else 0)


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "docker": docker,
    "make": make,
    "pip": pip,
    "git": git,
    "dramatiq": dramatiq,
    "aeon-jobs": aeon_jobs,
}


def _known(is_known: bool, program: str, arguments: Sequence[str]) -> int:
    if not is_known:
        print(f"{program} {shlex.join(arguments)}: tests/docs/commands.py has no rule for this", file=sys.stderr)
    return 0 if is_known else 64


def _real(name: str) -> str | None:
    """The program that a rule of this module stands in front of."""
    return shutil.which(name, path=os.environ["PATH"].partition(":")[2])


def _program(name: str) -> str:
    return str(Path(os.environ["DOCS_PROGRAMS"]) / name)


def _run(command: Sequence[str]) -> int:
    return subprocess.run([_program(command[0]), *command[1:]], check=False).returncode


def _compose_config(options: Sequence[str]) -> int:
    real = _real("docker")
    if real is None or subprocess.run([real, "compose", "version"], capture_output=True, check=False).returncode:
        return 0
    return subprocess.run([real, "compose", "config", *options], cwd=ROOT, check=False).returncode


def _compose_up() -> int:
    """What compose.yaml starts, without containers and servers: migrations, then the processes that do not run yet."""
    Path("data").mkdir(exist_ok=True)
    running = {name for name, pid in background().items() if _is_running(pid)}
    missing = sorted(IN_BACKGROUND - running)
    return _run(["aeon-jobs", "migrate", "up"]) or _in_background(*(["aeon-jobs", name] for name in missing))


def _stop(services: set[str]) -> None:
    for name, pid in background().items():
        if name in services and _is_running(pid):
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + TIMEOUT_S
            while _is_running(pid) and time.monotonic() < deadline:
                time.sleep(0.05)


def _is_running(pid: int) -> bool:
    """It is a child of the test's process (tests/leaks.py), so after its end it is a zombie for a while."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def background() -> dict[str, int]:
    """The programs that were started in the background: service (or program), process id."""
    processes = Path(os.environ["DOCS_STATE"]) / "processes"
    lines = processes.read_text().splitlines() if processes.exists() else []
    return {name: int(pid) for name, pid in (line.split() for line in lines)}


def _in_background(*commands: Sequence[str]) -> int:
    """Start them, and return when each has registered itself, or a process below it."""
    state = Path(os.environ["DOCS_STATE"])
    started = [_start(command, state) for command in commands]
    deadline = time.monotonic() + TIMEOUT_S
    while not all(_tree(process) & _registered() for process, _ in started):
        if any(process.poll() is not None for process, _ in started) or time.monotonic() > deadline:
            logs = (f"{process.args}: {process.poll()}\n{log.read_text()}" for process, log in started)
            print("did not start:", *logs, sep="\n", file=sys.stderr)
            return 1
        time.sleep(0.05)
    return 0


def _tree(process: subprocess.Popen[bytes]) -> set[int]:
    """Process ids of it and all below it."""
    with suppress(psutil.NoSuchProcess):
        return {process.pid, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))}
    return set()


def _start(command: Sequence[str], state: Path) -> tuple[subprocess.Popen[bytes], Path]:
    name = command[1] if command[0] == "aeon-jobs" else command[0]
    log = state / f"{name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [_program(command[0]), *command[1:]], stdout=output, stderr=output, start_new_session=True
        )
    with (state / "processes").open("a") as processes:
        print(name, process.pid, file=processes)
    return process, log


def _registered() -> set[int]:
    """Process ids of all that are in the table of processes."""
    connection = psycopg2.connect(os.environ["DATABASE_URL"])
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM workers WHERE state = 'running'")
        found = {pid for (pid,) in cursor.fetchall()}
    connection.close()
    return found


if __name__ == "__main__":
    sys.exit(COMMANDS[sys.argv[1]](sys.argv[2:]))
