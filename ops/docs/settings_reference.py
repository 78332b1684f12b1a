"""The tables of docs/configuration.md on the site: default and rule of each setting come from the settings class."""

from __future__ import annotations

import re
from typing import Any

from aeon_jobs.persistence.core.settings import Settings

_HEADING = "| variable | default | unit | meaning |\n|---|---|---|---|"
_ROW = re.compile(r"^\| `(?P<name>[A-Z_]+)` \| (?P<default>[^|]*) \| (?P<unit>[^|]*) \| (?P<meaning>.*) \|$", re.M)
_TYPES = {"integer": "whole number", "number": "number", "boolean": "`true` or `false`", "string": "text"}


def completed(page: str) -> str:
    """The page with a column for rules.

    Raises:
        KeyError: a row names no setting.
    """
    schema: dict[str, Any] = Settings.model_json_schema()["properties"]

    def row(found: re.Match[str]) -> str:
        rule = schema[found["name"].lower()]
        cells = (f"`{found['name']}`", _default(rule, found["default"]), found["unit"], _rule(rule), found["meaning"])
        return f"| {' | '.join(cells)} |"

    return _ROW.sub(
        row, page.replace(_HEADING, "| variable | default | unit | rule | meaning |\n|---|---|---|---|---|")
    )


def _default(rule: dict[str, Any], written: str) -> str:
    """`written` is kept where the class has no constant, or nothing."""
    default = rule.get("default")
    return written if default in (None, "") else f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _rule(rule: dict[str, Any]) -> str:
    choices = [choice for choice in rule.get("anyOf", [rule]) if choice.get("type") != "null"]
    return ", ".join(_one(choice) for choice in choices)


def _one(rule: dict[str, Any]) -> str:
    if "enum" in rule:
        return ", ".join(f"`{value}`" for value in rule["enum"])
    if rule.get("format") == "password":
        return "text; also as `…_FILE`"
    low = rule.get("minimum", rule["exclusiveMinimum"] + 1 if "exclusiveMinimum" in rule else None)
    high = rule.get("maximum")
    return _TYPES.get(rule.get("type", ""), "text") + (
        f", {low} to {high}" if None not in (low, high) else f", at least {low}" if low is not None else ""
    )
