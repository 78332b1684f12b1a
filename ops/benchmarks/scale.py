"""How many jobs, requests and seconds a benchmark takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    jobs: int = 10_000
    """Jobs in the table, for the floors of the database."""
    stored: int = 1_000_000
    """Jobs in the large database."""
    in_front: int = 100_000
    """Blocked jobs, and as many scheduled for later, all of high priority."""
    queries: int = 500
    paced_s: float = 10
    """Seconds of each measurement at a fixed rate."""
    sends: int = 1_000
    bulk: int = 20_000
    drained: int = 5_000
    drains: int = 3
    requests: int = 1_500
    soak_s: float = 60
    settle_s: float = 10
    """Seconds for which idle processes are measured."""
    pickups: int = 20
    naps: int = 50
    nap_s: float = 2
    flushed: int = 500
    lease_ms: int | None = None
    """Of the workers that are frozen; None is the default."""

    @property
    def lease_settings(self) -> dict[str, str]:
        """Settings of processes that detect a dead worker."""
        if self.lease_ms is None:
            return {}
        return {"WORKER_LOCK_DURATION": str(self.lease_ms), "WORKER_HEARTBEAT_INTERVAL": str(self.lease_ms // 4)}


def quick() -> Scale:
    """Shows that every measurement works; the figures mean little."""
    return Scale(
        jobs=1_000,
        stored=5_000,
        in_front=500,
        queries=50,
        paced_s=1,
        sends=50,
        bulk=500,
        drained=200,
        drains=1,
        requests=100,
        soak_s=1,
        settle_s=1,
        pickups=3,
        naps=8,
        nap_s=0.5,
        flushed=50,
        lease_ms=2_000,
    )
