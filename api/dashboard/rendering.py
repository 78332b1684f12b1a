"""Templates, and how values are written in them. Everything is escaped; `json_view` alone makes markup."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup, escape

from aeon_jobs.api.dashboard import assets
from aeon_jobs.api.dashboard.json_view import json_text, json_view
from aeon_jobs.api.dashboard.page import BASE, link

SHORT = 160
NOTHING = "\N{EN DASH}"


@dataclass(frozen=True)
class Rendered:
    """The content of a page, without what surrounds it."""

    title: str
    main: str

    @cached_property
    def version(self) -> str:
        """Another one when its content is another."""
        return hashlib.sha256(self.main.encode()).hexdigest()[:16]

    @cached_property
    def element(self) -> str:
        """What replaces the content of a page that is open."""
        attributes = f'data-version="{self.version}" data-title="{escape(self.title)}"'
        return f'<main id="main" tabindex="-1" {attributes}>{self.main}</main>'

    @cached_property
    def gzipped(self) -> bytes:
        return gzip.compress(self.element.encode(), 5, mtime=0)


def render(template: str, values: Mapping[str, Any]) -> str:
    """A template of templates/."""
    return environment().get_template(template).render(values)


@cache
def environment() -> jinja2.Environment:
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("aeon_jobs.api.dashboard"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals.update(BASE=BASE, link=link, asset=assets.address, utc=utc)
    found.filters.update(
        short_id=short_id,
        number=number,
        duration=duration,
        short=short,
        time=time,
        json=json_view,
        json_text=json_text,
        percent=percent,
        urlencode=segment,
    )
    return found


def number(value: float | None) -> str:
    """Grouped by thousands: 1,234,567."""
    if value is None:
        return NOTHING
    return f"{value:,.1f}" if isinstance(value, float) and value < 100 and value != int(value) else f"{value:,.0f}"


def percent(value: float | None) -> str:
    return NOTHING if value is None else f"{100 * value:.1f} %"


def duration(ms: float | None) -> str:
    """Such as 850 ms, 3.2 s, 4 min 10 s, 2 h 5 min, 3 d 4 h."""
    if ms is None:
        return NOTHING
    if ms < 1_000:
        return f"{ms:.0f} ms"
    seconds = ms / 1_000
    if seconds < 60:
        return f"{seconds:.1f} s"
    for size, unit, smaller_size, smaller in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            whole, rest = divmod(int(seconds), size)
            part = rest // smaller_size
            return f"{whole} {unit} {part} {smaller}" if part else f"{whole} {unit}"
    return f"{seconds:.1f} s"


def short(text: object, most: int = SHORT) -> str:
    """On one line, cut at `most` characters."""
    line = " ".join(str(text)[: most * 4].split())
    return line if len(line) <= most else line[: most - 1] + "…"


def short_id(job_id: object) -> str:
    """The first half, as on the command line: ids of one moment begin alike."""
    return str(job_id)[:18]


def segment(name: object) -> str:
    """As one part of a path, or as a value in an address: `/` is %2F."""
    return quote(str(name), safe="")


def utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def time(at: datetime | str | None) -> Markup:
    """Scripts write it as the viewer's zone has it, and how long ago; without them it is UTC."""
    if at is None:
        return Markup('<span class="muted">{}</span>').format(NOTHING)
    if isinstance(at, str):
        at = datetime.fromisoformat(at)
    return Markup('<time datetime="{}">{}</time>').format(
        at.astimezone(UTC).isoformat(timespec="milliseconds"), utc(at)
    )
