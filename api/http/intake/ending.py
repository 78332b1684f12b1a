"""What a request took and gives back when it is over, however it ends."""

from __future__ import annotations

from collections.abc import Callable

from litestar.types import Scope

_KEY = "at_end"


def at_end(scope: Scope, give_back: Callable[[], object]) -> None:
    scope["state"].setdefault(_KEY, []).append(give_back)


def end(scope: Scope) -> None:
    for give_back in dict.pop(scope.get("state", {}), _KEY, ()):
        give_back()
