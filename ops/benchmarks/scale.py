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
    idle_s: float = 30
    """Seconds for which idle processes are measured."""
    pickups: int = 20
    naps: int = 50
    nap_s: float = 2
    flushed: int = 500
    compared: int = 5_000
    """Jobs of each measurement beside rivals."""
    compared_s: float = 10
    """Seconds of the rate at which latency is compared."""
    repetitions: int = 3
    compared_backlogs: tuple[int, ...] = (1_000, 10_000, 100_000)
    calm_s: float = 25
    """The longest wait for a calm machine, before each system."""
    backlogs: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
    processes: tuple[int, ...] = (1, 2, 3, 4)
    payloads: tuple[int, ...] = (100, 1_000, 10_000, 100_000)
    """Bytes."""
    rates: tuple[int, ...] = (10, 50, 100, 200, 400, 800)
    curve_jobs: int = 5_000
    curve_s: float = 5
    """Seconds of each point of a curve that is measured by time."""
    logged: int = 2_000
    """Jobs whose WAL is measured."""
    slept: int = 2_000
    """Jobs of 20 ms."""
    few: int = 10_000
    many: int = 1_000_000
    """Pending jobs whose dispatch is compared."""
    read_rate: int = 800
    """Jobs per second while snapshots are pinned."""
    reader_s: float = 60
    """How long each of three readers pins its snapshot; the next begins after a third of it."""
    calm_before_s: float = 20
    calm_after_s: float = 60
    load_workers: int = 5
    """Worker processes of the load tests."""
    limited: int = 5_000
    """Jobs of each drain with limits."""
    tenants: int = 1_000
    sustained_s: float = 60
    burst: int = 500
    steps: int = 10_000
    """Of a workflow."""
    lease_ms: int | None = None
    """Of the workers that are frozen; None is the default."""

    @property
    def lease_settings(self) -> dict[str, str]:
        """Settings of processes that detect a dead worker."""
        if self.lease_ms is None:
            return {}
        return {"WORKER_LOCK_DURATION": str(self.lease_ms), "WORKER_HEARTBEAT_INTERVAL": str(self.lease_ms // 4)}


def full() -> Scale:
    """The lengths of the specification: 10 minutes of sustained load, readers of 2 minutes."""
    return Scale(soak_s=600, sustained_s=600, reader_s=120, calm_before_s=30, calm_after_s=120)


def quick() -> Scale:
    """Shows that every measurement works; the figures mean little."""
    return Scale(
        jobs=1_000,
        steps=300,
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
        idle_s=1,
        pickups=3,
        naps=8,
        nap_s=0.5,
        flushed=50,
        compared=300,
        compared_s=1,
        repetitions=1,
        compared_backlogs=(500, 2_000),
        calm_s=0,
        backlogs=(500, 2_000),
        processes=(1,),
        payloads=(100, 10_000),
        rates=(20, 100),
        curve_jobs=200,
        curve_s=1,
        logged=50,
        slept=100,
        few=500,
        many=5_000,
        read_rate=100,
        reader_s=1.5,
        calm_before_s=1,
        calm_after_s=1,
        load_workers=1,
        limited=300,
        tenants=30,
        sustained_s=2,
        burst=50,
        lease_ms=2_000,
    )
