"""What the rehearsal needs of Debian: docker.io, iptables and debootstrap by apt; Compose and buildx out of newer packages."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

PACKAGES = {"dockerd": "docker.io", "docker": "docker.io", "iptables": "iptables", "debootstrap": "debootstrap"}
MIRROR = "http://deb.debian.org/debian"
PLUGINS = ("docker-compose", "docker-buildx")
"""Debian 12 has neither Compose 2 nor buildx: those of Debian 13 are unpacked, and not installed."""


def run(*command: str | Path, **options: object) -> str:
    """The output of a command; its errors are shown when it fails."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    if done.returncode:
        print((done.stdout + done.stderr)[-3_000:])
        raise subprocess.CalledProcessError(done.returncode, command[:4])
    return str(done.stdout)


def install() -> list[str]:
    """Install what is missing; the packages."""
    missing = sorted({package for program, package in PACKAGES.items() if not shutil.which(program)})
    if missing:
        run("apt-get", "update", "-qq")
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", *missing)
    return missing


def plugins(directory: Path) -> Path:
    """A configuration directory of Docker with both plugins."""
    work, config = directory / "packages", directory / "config"
    (work / "lists" / "partial").mkdir(parents=True)
    (work / "cache" / "archives" / "partial").mkdir(parents=True)
    keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
    (work / "sources.list").write_text(f"deb [signed-by={keys}] {MIRROR} trixie main\n")
    apart = {
        "Dir::Etc::sourcelist": work / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": work / "lists",
        "Dir::Cache": work / "cache",
    }
    options = [word for name, value in apart.items() for word in ("-o", f"{name}={value}")]
    run("apt-get", *options, "update", "-qq")
    run("apt-get", *options, "download", *PLUGINS, cwd=work)
    for package in work.glob("*.deb"):
        run("dpkg-deb", "-x", package, work / "unpacked")
    shutil.copytree(work / "unpacked" / "usr" / "libexec" / "docker" / "cli-plugins", config / "cli-plugins")
    shutil.rmtree(work)
    return config
