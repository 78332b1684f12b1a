"""When a program that died is started again: pure, the clock is an argument.

The wait doubles with each death in a row, up to a limit; a program that lived long enough starts afresh.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Times in seconds."""

    base: float = 0.5
    multiplier: float = 2.0
    limit: float = 30.0
    steady_after: float = 60.0
    """A life at least this long wipes the slate clean."""

    def delay(self, deaths: int) -> float:
        """The wait after so many deaths in a row, the first being 1."""
        # Deaths are bounded before the power is taken: 2.0 ** 2000 overflows.
        return min(self.limit, self.base * self.multiplier ** min(deaths - 1, 64))


@dataclass(frozen=True, slots=True)
class Deaths:
    """How often in a row a program died."""

    in_a_row: int = 0

    def after(self, lifetime: float, policy: RestartPolicy) -> Deaths:
        """The count once a life of `lifetime` seconds has ended."""
        return Deaths(1 if lifetime >= policy.steady_after else self.in_a_row + 1)

    def next_start(self, now: float, policy: RestartPolicy) -> float:
        return now + policy.delay(self.in_a_row)
