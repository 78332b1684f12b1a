"""What a request acquired is released when it is over, however it ends."""

from __future__ import annotations

from collections.abc import Callable

from litestar.types import Scope

_KEY = "at_end"


def at_end(scope: Scope, release: Callable[[], object]) -> None:
    scope["state"].setdefault(_KEY, []).append(release)


def end(scope: Scope) -> None:
    for release in dict.pop(scope.get("state", {}), _KEY, ()):
        release()
