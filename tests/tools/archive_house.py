"""An archive in a folder of its own, a clock that is set by hand, and prices that are easy to read."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from tools.archive.archive import SqliteArchive
from tools.records import LINUX, CapacityPool, FleetRef, FleetSample, PoolSignal, SpotPrice

REGION = "us-east-1"
START = datetime(2026, 11, 18, tzinfo=UTC)
POOL = CapacityPool(instance_type="g5.xlarge", zone_name="us-east-1a", zone_id="use1-az1")
FLEET = FleetRef(kind="asg", fleet_id="ml-train", account_id="123456789012", region=REGION)


@dataclass
class HandClock:
    at: datetime = START + timedelta(hours=24)

    def now(self) -> datetime:
        return self.at


def hour(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def price(hours: float, usd: str, pool: CapacityPool = POOL) -> SpotPrice:
    return SpotPrice(pool=pool, usd_per_hour=Decimal(usd), at=hour(hours))


def fetch(archive: SqliteArchive, prices: Sequence[SpotPrice], since: float = 0, until: float = 24) -> int:
    return archive.add_prices(prices, region=REGION, since=hour(since), until=hour(until), source="test")


def read(archive: SqliteArchive, since: float = 0, until: float = 24, types: Sequence[str] = ("g5.xlarge",)):
    """(hours, price) of each."""
    found = archive.prices(types, region=REGION, since=hour(since), until=hour(until), product=LINUX)
    return [((p.at - START) / timedelta(hours=1), str(p.usd_per_hour)) for p in found]


def sample(hours: float, pools: dict[str, int], *, desired: int | None = None, fleet: FleetRef = FLEET, **changes):
    spot = sum(pools.values())
    fields = {
        "fleet": fleet,
        "name": fleet.fleet_id,
        "at": hour(hours),
        "desired_capacity": spot if desired is None else desired,
        "running_spot": spot,
        "running_on_demand": 0,
        "usd_per_hour": Decimal("1.50"),
        "level": "low",
        "pools": pools,
    }
    return FleetSample(**fields | changes)


def signal(hours: float, kind: str = "interruption", *, instance: str | None = "i-00000001", pool=POOL, **changes):
    fields = {"kind": kind, "pool": pool, "instance_id": instance, "at": hour(hours), "source": "test"}
    fields |= {"fleet": FLEET.label}
    return PoolSignal(**fields | changes)


def many(count: int, pools: int, kind: str) -> list[SpotPrice]:
    """As a fetch of 90 days tells them: every pool's changes spread over the window."""
    found = []
    for k in range(pools):
        pool = CapacityPool(instance_type=f"{kind}{k // 6}.large", zone_name="us-east-1" + "abcdef"[k % 6])
        each = count // pools
        found += [price(24 * n / each, f"0.{300 + n % 50}", pool) for n in range(each)]
    return found


def add_without_end(path: Path, count: int) -> None:
    """A process that fetches one type after the other until it is killed; it tells when it begins each."""
    with SqliteArchive.open(path, clock=HandClock()) as archive:
        for turn in range(1000):
            rows = many(count, 6, f"m{turn}-")
            print(turn, flush=True)
            fetch(archive, rows)


if __name__ == "__main__":
    add_without_end(Path(sys.argv[1]), int(sys.argv[2]))
