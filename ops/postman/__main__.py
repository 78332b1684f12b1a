"""Write the collection, or with ``--check`` exit 1 when the file is not what the API says."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from aeon_jobs.api.http.app import create_app
from aeon_jobs.ops.postman.collection import collection_of
from aeon_jobs.persistence.core.settings import load_settings

FILE = Path(__file__).parent / "aeon-jobs.postman_collection.json"


def current() -> str:
    """The collection of the API as it is; nothing is connected to."""
    document = create_app(load_settings()).document()
    return json.dumps(collection_of(document), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    if "--check" not in sys.argv:
        FILE.write_text(current())
    elif not FILE.exists() or FILE.read_text() != current():
        sys.exit(f"{FILE} is out of date: run python -m aeon_jobs.ops.postman")


if __name__ == "__main__":
    main()
