# ruff: noqa: ARG002 - it takes what an archive takes, and does nothing with it
"""No archive: the file cannot be used. The product goes on, nothing is kept, and the reason can be told."""

from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

from tools.records import Alert, CapacityPool, Exposure, FleetSample, PoolSignal, PoolState, SetAside, SpotPrice


class NoArchive:
    """tools.desk.Archive that holds nothing and keeps nothing. `unavailable` says why, and the way out."""

    def __init__(self, reason: str) -> None:
        self.unavailable: str | None = reason

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        pass

    def add_prices(
        self, prices: Sequence[SpotPrice], *, region: str, since: datetime, until: datetime, source: str
    ) -> int:
        return 0

    def prices(
        self, instance_types: Sequence[str], *, region: str, since: datetime, until: datetime, product: str
    ) -> tuple[SpotPrice, ...]:
        return ()

    def fetched_since(self, instance_types: Sequence[str], *, region: str, product: str) -> datetime | None:
        return None

    def fetched_until(self, instance_types: Sequence[str], *, region: str, product: str) -> datetime | None:
        return None

    def set_aside(
        self, instance_types: Sequence[str], *, region: str, since: datetime, until: datetime, product: str
    ) -> tuple[SetAside, ...]:
        return ()

    def add_signals(self, signals: Sequence[PoolSignal], *, region: str) -> int:
        return 0

    def signals(self, *, region: str, since: datetime) -> tuple[PoolSignal, ...]:
        return ()

    def add_samples(self, samples: Sequence[FleetSample], *, region: str) -> None:
        pass

    def samples(self, *, region: str, since: datetime, fleet: str | None = None) -> tuple[FleetSample, ...]:
        return ()

    def exposures(self, *, region: str, since: datetime, until: datetime) -> tuple[Exposure, ...]:
        return ()

    def pool_states(
        self, pool: CapacityPool, *, region: str, since: datetime
    ) -> tuple[tuple[datetime, PoolState], ...]:
        return ()

    def alerts(self, *, region: str, open_only: bool) -> tuple[Alert, ...]:
        return ()

    def save_alert(self, alert: Alert, *, region: str) -> None:
        pass
