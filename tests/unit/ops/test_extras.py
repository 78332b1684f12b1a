"""What an extra brings is written twice: for pip in pyproject.toml, for our messages in ops/extras. They agree."""

from __future__ import annotations

import tomllib

from packaging.requirements import Requirement

from aeon_jobs.ops import extras
from tests.docs.pages import ROOT

NO_COMMAND_NEEDS = {"demo", "all", "dev", "docs"}
"""Extras made of extras, and those for developers."""
ONLY_FASTER = {"uvloop", "opentelemetry-api"}
"""uvloop is not for every platform; the API of OpenTelemetry comes with its SDK."""


def test_every_extra_is_known_with_what_it_brings() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    by_distribution = {
        extra: {module.replace("_", "-").replace(".", "-") for module in modules}
        for extra, modules in extras.MODULES.items()
    }
    assert by_distribution == {
        extra: {Requirement(line).name for line in lines} - ONLY_FASTER
        for extra, lines in declared.items()
        if extra not in NO_COMMAND_NEEDS
    }


def test_everything_is_installed_where_we_develop() -> None:
    assert [extra for extra in extras.MODULES if not extras.installed(extra)] == []
    assert extras.missing(["up", "shop"]) is None


def test_a_module_names_the_extra_that_brings_it() -> None:
    assert extras.that_brings("litestar") == "api"
    assert extras.that_brings("shop") is None


def test_a_sentence_names_what_to_install() -> None:
    assert extras.sentence("aeon-jobs api", "cli", "api") == (
        'aeon-jobs api needs more than the base install: pip install "aeon-jobs[cli,api]"'
    )
