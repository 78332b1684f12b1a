"""The public module's types: a service's own mypy finds its mistakes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

SERVICE = """
import asyncio
from datetime import timedelta
from typing import Literal
from uuid import UUID

from aeon_jobs import JobMessage, Retry, current_job, job


@job
def plain(order: str, number: int = 1) -> dict[str, int]:
    current_job().progress(0.5)
    return {order: number}


@job(queue="mail", max_retries=5, timeout=timedelta(seconds=30))
async def welcome(user_id: int, language: Literal["de", "en"] = "en") -> str:
    raise Retry(after=1)


async def main() -> None:
    greeting: str = await welcome(user_id=7)
    sent: JobMessage[str] = await welcome.send_async(7, language="de")
    result: str = await sent.result()
    ids: list[UUID] = await welcome.options(priority=3).send_many_async([{"user_id": 1}, (2,), sent])
    print(greeting, result, ids)


table: dict[str, int] = plain("a", number=2)
message: JobMessage[dict[str, int]] = plain.options(priority=90, delay=timedelta(seconds=1)).send("a")
later: dict[str, int] = message.get_result(block=True, timeout=500)
same: JobMessage[dict[str, int]] = plain.send_with_options(args=("a",), priority=3, depends_on=[message])
asyncio.run(main())
"""

MISTAKES = {
    "plain.send(order=5)": 'Argument "order" to "send" of "JobActor" has incompatible type "int"; expected "str"',
    'plain.send(oder="a")': 'Unexpected keyword argument "oder" for "send" of "JobActor"',
    'plain("a", number="b")': 'Argument "number" to "__call__" of "JobActor" has incompatible type "str"; expected "int"',
    'welcome.send(user_id="x")': 'Argument "user_id" to "send" of "JobActor" has incompatible type "str"; expected "int"',
    "plain.options(prioritty=3)": 'Unexpected keyword argument "prioritty" for "__call__" of "ActorOptions"',
    'plain.options(priority="3")': 'Argument "priority" to "__call__" of "ActorOptions" has incompatible type "str"',
    "plain.options(priority=3).send(5)": 'Argument 1 to "send" of "Sending" has incompatible type "int"; expected "str"',
    'plain.send_with_options(args=("a",), prioritty=3)': 'Unexpected keyword argument "prioritty" for "send_with_options"',
    "wrong: int = welcome(user_id=7)": "Incompatible types in assignment",
    'bad: int = plain.send("a").get_result()': "Incompatible types in assignment",
}


def test_a_services_module_passes_mypy_strict_and_its_mistakes_do_not(tmp_path):
    """One run of mypy: it takes seconds to begin."""
    lines = SERVICE.count("\n")
    module = tmp_path / "shop.py"
    module.write_text(SERVICE + "\n".join(MISTAKES) + "\n")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--no-error-summary",
            "--cache-dir",
            str(tmp_path / "cache"),
            str(module),
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=180,
    )
    told: dict[int, str] = {}
    for line in done.stdout.splitlines():
        file, number, kind, message = line.split(":", 3)
        if kind.strip() == "error":
            told.setdefault(int(number) if file.endswith("shop.py") else 0, message)
    assert sorted(told) == [lines + 1 + index for index in range(len(MISTAKES))], done.stdout
    for message, (mistake, expected) in zip((told[number] for number in sorted(told)), MISTAKES.items(), strict=True):
        assert expected in message, (mistake, message)
