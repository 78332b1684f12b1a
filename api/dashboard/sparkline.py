"""A small chart as SVG: one bar for each value. No script draws it, and no style is inline."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

HEIGHT, BAR, GAP = 24, 4, 1


def sparkline(values: Sequence[int], label: str) -> Markup:
    """`label` says what the bars are, for those who do not see them."""
    most = max(values, default=0)
    bars = Markup("").join(_bar(place, value, most) for place, value in enumerate(values) if value)
    width = len(values) * (BAR + GAP)
    return Markup(
        '<svg class="sparkline" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        ' role="img" aria-label="{label}">'
        '<line class="base" x1="0" x2="{width}" y1="{height}" y2="{height}"/>{bars}</svg>'
    ).format(width=width, height=HEIGHT, label=label, bars=bars)


def _bar(place: int, value: int, most: int) -> Markup:
    height = max(2, round(HEIGHT * value / most))
    return Markup('<rect x="{}" y="{}" width="{}" height="{}"/>').format(
        place * (BAR + GAP), HEIGHT - height, BAR, height
    )
