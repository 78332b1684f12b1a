"""`aeon-jobs docs`: the pages of the documentation."""

from __future__ import annotations

import os
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from aeon_jobs.ops import extras
from aeon_jobs.ops.cli.exit_codes import Exit, InvalidInput
from aeon_jobs.ops.cli.group import CommandGroup
from aeon_jobs.ops.cli.output.console import Output, error

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

COLLECTION = "gap-006-implementation"
KEY = "QDRANT_API_KEY"
TIMEOUT_S = 30

app = CommandGroup(help="The pages of the documentation.")


@app.command()
def publish(
    output: Output,
    qdrant: Annotated[
        str,
        typer.Option(
            metavar="URL", help=f"Of a Qdrant server, or a directory. The key comes from {KEY} or {KEY}_FILE."
        ),
    ],
    collection: Annotated[str, typer.Option(help="It is made if it is not there.")] = COLLECTION,
    folder: Annotated[Path, typer.Option(help="The folder with the pages, as in a clone of the repository.")] = Path(
        "docs"
    ),
) -> None:
    """Put the pages into a Qdrant collection, section by section. Needs the extra qdrant."""
    if not extras.installed("qdrant"):
        raise InvalidInput(extras.sentence("aeon-jobs docs publish", "qdrant"))
    from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

    from aeon_jobs.ops.docs_publisher import qdrant as store
    from aeon_jobs.ops.docs_publisher.sections import sections_of

    if not (sections := sections_of(folder)):
        raise InvalidInput(f"--folder: there is no Markdown page with text in {folder}")
    try:
        client = _client(qdrant)
        try:
            done = store.publish(client, collection, sections, metadata.version("aeon-jobs"))
        finally:
            client.close()
    except store.UnusableCollection as fault:
        raise InvalidInput(str(fault)) from None
    except UnexpectedResponse as fault:
        error(f"Qdrant refuses: {fault.status_code} {fault.reason_phrase}")
        raise typer.Exit(Exit.FAILED) from None
    except ResponseHandlingException as fault:
        error(f"Qdrant does not answer: {fault.source}")
        raise typer.Exit(Exit.UNAVAILABLE) from None
    told = f"{done.sections} sections of {done.pages} pages in {done.collection}; {done.removed} old ones removed"
    output.show(asdict(done), lambda _: told)


def _client(where: str) -> QdrantClient:
    from qdrant_client import QdrantClient

    if "://" not in where:
        return QdrantClient(path=where)
    address = urlsplit(where)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise InvalidInput("--qdrant: must be http://host:port, https://host:port, or a directory")
    if address.username or address.password or address.query:
        raise InvalidInput(f"--qdrant: must have no user, password or query: a process list shows it. Set {KEY}")
    # Its check of versions is a thread and a request more; what we call is in every version since 1.10.
    return QdrantClient(url=where, api_key=_key(), timeout=TIMEOUT_S, check_compatibility=False)


def _key() -> str | None:
    if path := os.environ.get(f"{KEY}_FILE"):
        return Path(path).read_text().strip()
    return os.environ.get(KEY) or None
