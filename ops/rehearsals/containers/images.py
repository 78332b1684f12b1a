"""The images. None comes from a registry: the base is Debian itself, with Python; PostgreSQL and Redis are its packages.

Inside the build this machine's certificates and pip settings hold, so that a mirror or proxy works as it does outside.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from aeon_jobs.ops.rehearsals.containers.engine import Engine
from aeon_jobs.ops.rehearsals.containers.tools import MIRROR, run

STAND_INS = Path(__file__).with_name("stand_ins")
BASE = "python:3.11-slim-bookworm"
CURRENT, PREVIOUS = "aeon-jobs:0.1.0", "aeon-jobs:previous"
SETTINGS_OF_PIP = ("/etc/pip.conf",)
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"


def base(engine: Engine, directory: Path) -> None:
    """Debian 12 with python, under the name of the image that the Dockerfile begins with."""
    root = directory / "base"
    include = "python3,python3-venv,python3-pip,ca-certificates"
    run("debootstrap", "--variant=minbase", f"--include={include}", "bookworm", root, MIRROR)
    (root / "usr/bin/python").symlink_to("python3")
    for marker in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        marker.unlink()
    shutil.copy(f"/{CERTIFICATES}", root / CERTIFICATES)
    for settings in filter(Path.exists, map(Path, SETTINGS_OF_PIP)):
        shutil.copy(settings, root / str(settings).lstrip("/"))
    # As the official images: apt keeps no files.
    (root / "etc/apt/apt.conf.d/docker-clean").write_text('Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";\n')
    for kept in (*root.glob("var/cache/apt/*.bin"), *root.glob("var/cache/apt/archives/*.deb")):
        kept.unlink()
    shutil.rmtree(root / "var/lib/apt/lists")
    (root / "var/lib/apt/lists/partial").mkdir(parents=True)
    _import(engine, root)
    shutil.rmtree(root)


def _import(engine: Engine, root: Path) -> None:
    with subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE) as tar:
        engine.docker("import", "-c", 'CMD ["python3"]', "-", BASE, stdin=tar.stdout)


def stand_in(engine: Engine, name: str) -> None:
    """An image of Debian's package under the name of the official one, which no registry can be asked for."""
    file = STAND_INS / f"{name.partition(':')[0].replace('/', '-')}.Dockerfile"
    engine.docker("build", "--network=host", "--quiet", "--tag", name, "--file", file, STAND_INS)


def build(engine: Engine, source: Path, name: str) -> None:
    """Our image, with the Dockerfile as it stands."""
    engine.docker("build", "--network=host", "--tag", name, source)


def compressed_size(engine: Engine, name: str) -> int:
    """Bytes of all layers, compressed as a registry keeps them."""
    command = f"docker save {name} | gzip -6 | wc -c"
    return int(run("sh", "-c", command, env=engine.environment))


def checkout(repository: Path, commit: str, directory: Path) -> Path:
    """The files of a commit."""
    directory.mkdir(parents=True)
    archive = subprocess.run(["git", "-C", str(repository), "archive", commit], capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(directory)], input=archive, check=True)
    return directory


def before_newest_migration(repository: Path, git: Callable[..., str] = run) -> tuple[str, int]:
    """The last commit without the newest migration, and the version of its schema."""
    folder = "persistence/core/migrations"
    newest = max(path.name for path in (repository / folder).glob("*.up.sql"))
    added = git(
        "git", "-C", repository, "log", "--diff-filter=A", "--format=%H", "-1", "--", f"{folder}/{newest}"
    ).strip()
    commit = f"{added}^"
    names = git("git", "-C", repository, "ls-tree", "--name-only", commit, f"{folder}/").split()
    return commit, max(int(Path(name).name[:4]) for name in names if name.endswith(".up.sql"))
