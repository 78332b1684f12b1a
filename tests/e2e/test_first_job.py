"""What a newcomer does first, against a real `up`: the commands of the README in a clone, the jobs of docs/job-types.md.

The clone uses the environment of the tests. So it starts in seconds, and the code that runs is that of this checkout.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import psycopg2
import pytest

from aeon_jobs.ops.mails import RECIPIENTS, Mail, MailFolder
from tests.docs.pages import PAGES, ROOT, Block, blocks
from tests.e2e.system import System
from tests.leaks import ignore, short_directory
from tests.waiting import wait_for

TIMEOUT_S = 120

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs the repository"),
    pytest.mark.skipif(shutil.which("git") is None, reason="needs git"),
]


@pytest.fixture(scope="module")
def clone() -> Iterator[System]:
    """A clone of the repository in which `up` runs, as `make up` starts it."""
    with short_directory() as directory:
        project = directory / "aeon-jobs"
        subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{ROOT}", str(project)], check=True)
        (project / ".venv").symlink_to(Path(sys.prefix))
        assert "aeon-jobs up" in recipe("up")
        system = System(project, [str(project / ".venv/bin/aeon-jobs"), "up"])
        ignore(system.process.pid)
        try:
            system.ready()
            yield system
        finally:
            assert system.end() == 0


def recipe(target: str) -> str:
    """What `make` would run."""
    done = subprocess.run(["make", "-n", "-C", str(ROOT), target], capture_output=True, text=True, check=True)
    return done.stdout


def shell(project: Path, script: str, **variables: str) -> str:
    """The output of a script in a new terminal. What it starts in the background ends with it."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    end = "trap 'jobs=$(jobs -p); [ -z \"$jobs\" ] || { kill $jobs; wait; }' EXIT\n"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", end + script],
        cwd=project,
        env=inherited | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def page(name: str, language: str) -> list[Block]:
    return [block for block in blocks(name) if block.language == language]


def variables_of(system: System) -> dict[str, str]:
    found: dict[str, str] = json.loads(shell(system.directory, ".venv/bin/aeon-jobs env --json"))
    return found


def test_the_first_job_of_the_readme_runs_as_it_stands(clone: System) -> None:
    (program,) = page("README.md", "python")
    assert program.code.startswith("# shop.py\n")
    assert len(program.code.strip().splitlines()) <= 24
    (clone.directory / "shop.py").write_text(program.code)
    targets, start, session = page("README.md", "sh")
    for target in re.findall(r"^make (\w+)", targets.code, re.MULTILINE):
        recipe(target)
    assert start.code.strip() == "make up"
    output = shell(clone.directory, session.code)
    assert "{'total': 25.0}" in output
    assert len(re.findall(r" invoice +(?:completed|running|failed|queued) ", output)) == 2
    statuses = "SELECT payload->>'order', status::text FROM jobs WHERE job_type = 'invoice' ORDER BY 1"
    wanted = [("7", "completed"), ("8", "failed")]
    variables = variables_of(clone)
    # The worker of the README ended with its terminal; it had both jobs, and gave back what it had not finished.
    wait_for(lambda: execute(variables, statuses) == wanted, "both jobs", timeout_s=TIMEOUT_S)


def test_a_wrong_payload_is_refused_as_the_readme_says(clone: System) -> None:
    (claim,) = re.findall(r"`(invoice\.send\(order=\"seven\", lines=\[\]\))`", PAGES["README.md"].read_text())
    (clone.directory / "shop.py").write_text(page("README.md", "python")[0].code)
    script = f"from shop import invoice\ntry:\n  {claim}\nexcept Exception as error:\n  print(error)"
    assert "payload.order" in shell(
        clone.directory, '.venv/bin/python -c "$SCRIPT"', SCRIPT=script, **variables_of(clone)
    )


def test_the_ways_of_the_readme_submit_a_job(clone: System) -> None:
    ways = re.findall(r"^\| (HTTP|command line|SQL) \| `([^`]+)`", PAGES["README.md"].read_text(), re.MULTILINE)
    commands = dict(ways)
    assert len(commands) == 3
    variables = variables_of(clone)
    (clone.directory / "shop.py").write_text(page("README.md", "python")[0].code)
    worker = "source .venv/bin/activate; dramatiq shop -p 1 -t 2 > worker.log 2>&1 &\nsource .venv/bin/activate\n"
    output = shell(clone.directory, worker + commands["command line"], **variables)
    assert re.search(r"status +completed", output)
    if shutil.which("curl"):
        assert '"status":"pending"' in shell(clone.directory, commands["HTTP"], **variables)
    before = count(variables, "invoice")
    execute(variables, commands["SQL"])
    assert count(variables, "invoice") == before + 1


def test_env_sets_a_terminal_up_and_holds_no_more_than_it_needs(clone: System) -> None:
    names = shell(clone.directory, 'eval "$(.venv/bin/aeon-jobs env)"; echo $AEON_JOBS_API $AEON_JOBS_API_KEY_FILE')
    url, key_file = names.split()
    key = Path(key_file).read_text().strip()
    assert httpx.get(f"{url}/api/me", headers={"Authorization": f"Bearer {key}"}).json()["role"] == "admin"
    files = [clone.directory / ".aeon-jobs" / name for name in ("env", "api-key", "webhook-secret", "redis/password")]
    assert [file.stat().st_mode & 0o077 for file in files] == [0] * 4
    variables = variables_of(clone)
    assert {"DATABASE_URL", "REDIS_URL", "AEON_JOBS_API", "AEON_JOBS_API_KEY_FILE"} < set(variables)
    secrets = [key, Path(variables["WEBHOOK_SECRET_FILE"]).read_text().strip(), password(variables["REDIS_URL"])]
    assert not [secret for secret in secrets if secret in clone.log.read_text()]


def test_the_submissions_of_the_job_types_run(clone: System) -> None:
    variables = variables_of(clone)
    before = max((mail.number for mail in mails(clone)), default=0)
    with closing(socket.create_server(("localhost", 0))) as free:
        port = free.getsockname()[1]
    here = {"localhost:8000": variables["AEON_JOBS_API"].removeprefix("http://"), "localhost:9000": f"localhost:{port}"}
    variables["KEY"] = Path(variables["AEON_JOBS_API_KEY_FILE"]).read_text().strip()
    found = [block for block in blocks("docs/job-types.md") if block.language in ("sh", "python", "sql")]
    codes = [(block.language, replaced(block.code, here)) for block in found]
    (receiver,) = [code for _, code in codes if code.startswith("# receiver.py")]
    receiver = receiver.replace("9000", str(port))
    script = [
        "source .venv/bin/activate",
        'python -c "$RECEIVER" > receiver.log 2>&1 &',
        f"until (: < /dev/tcp/localhost/{port}) 2>/dev/null; do kill -0 $!; done",
        *(f"python -c {quoted(code)}" for language, code in codes if language == "python" and code.count("def ") == 0),
        *(code for language, code in codes if language == "sh" and (shutil.which("curl") or "curl" not in code)),
        f"python -c {quoted(EXECUTE)}",
        f"python -c {quoted(WAIT)}",
    ]
    sql = json.dumps([code for language, code in codes if language == "sql"])
    assert [language for language, _ in codes].count("sql") == 3
    # In Python, in SQL and over HTTP.
    ways = 3 if shutil.which("curl") else 2
    shell(clone.directory, "\n".join(script), **variables, RECEIVER=receiver, SQL=sql)
    new = [mail for mail in mails(clone) if mail.number > before]
    assert [(mail.message["Subject"], mail.message[RECIPIENTS]) for mail in new] == [
        ("Your order", "ann@example.com")
    ] * ways
    assert (Path(variables["DATA_ROOT"]) / "results" / "wet-days.csv").read_text().startswith("weather,days\n")
    received = (clone.directory / "receiver.log").read_text().splitlines()
    assert len([line for line in received if line.startswith("verified:") and '"order.paid"' in line]) == ways
    listed = shell(clone.directory, ".venv/bin/aeon-jobs mails; .venv/bin/aeon-jobs mails 1")
    assert "Your order" in listed
    assert "It is on its way." in listed


EXECUTE = """
import json, os, psycopg2
connection = psycopg2.connect(os.environ["DATABASE_URL"])
with connection, connection.cursor() as cursor:
    for statement in json.loads(os.environ["SQL"]):
        cursor.execute(statement)
"""
WAIT = """
import os, psycopg2, time
connection = psycopg2.connect(os.environ["DATABASE_URL"])
connection.autocommit = True
cursor = connection.cursor()
types = ("email_notification", "data_processing", "webhook_delivery")
while True:
    cursor.execute("SELECT status::text, error_message FROM jobs WHERE job_type IN %s AND status <> 'completed'", (types,))
    open_ = cursor.fetchall()
    assert not [row for row in open_ if row[0] in ("failed", "cancelled") or row[1]], open_
    if not open_:
        break
    time.sleep(0.1)
"""


def test_a_program_that_names_no_database_is_told_what_to_do(clone: System) -> None:
    with closing(socket.socket()) as probe:
        if probe.connect_ex(("localhost", 5432)) == 0:
            pytest.skip("PostgreSQL runs at the default address")
    script = "! .venv/bin/aeon-jobs list 2>&1"
    assert 'eval "$(aeon-jobs env)"' in shell(clone.directory, script)


def test_env_says_when_no_up_runs(tmp_path: Path) -> None:
    script = f"! {Path(sys.prefix)}/bin/aeon-jobs env 2>&1"
    assert f"no `aeon-jobs up` runs with the data directory {tmp_path}/.aeon-jobs" in shell(tmp_path, script)


def execute(variables: dict[str, str], statement: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(variables["DATABASE_URL"])
    with closing(connection), connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def count(variables: dict[str, str], job_type: str) -> int:
    ((found,),) = execute(variables, f"SELECT count(*) FROM jobs WHERE job_type = '{job_type}'")
    return int(str(found))


def mails(system: System) -> list[Mail]:
    return MailFolder(system.directory / ".aeon-jobs" / "mails").all()


def password(url: str) -> str:
    found = re.search(r":([^:@]+)@", url)
    assert found
    return found[1]


def quoted(code: str) -> str:
    return f"$(cat <<'PYTHON'\n{code}\nPYTHON\n)".join('""')


def replaced(code: str, here: dict[str, str]) -> str:
    for said, meant in here.items():
        code = code.replace(said, meant)
    return code
