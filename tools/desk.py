"""What a tool is handed besides the cloud: the journal to look at, the archive, public and configured sources.

`tools.cloud` has the doors of the account itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from tools.cloud import Clock, CloudReader
from tools.errors import NotFound
from tools.records import (
    NOTHING_KEPT,
    Action,
    AdvisorBand,
    Alert,
    AuditEntry,
    CapacityPool,
    Exposure,
    FleetSample,
    Job,
    KeepingSettings,
    Name,
    OutcomeStatus,
    PoolSignal,
    PoolState,
    QueueState,
    Record,
    Recovery,
    SetAside,
    SpotPrice,
    UtcTime,
)


class ChangeMade(Record):
    """One proposal that was carried out, as the journal tells it."""

    proposal_id: Name
    intent_id: Name
    action: Action
    before: dict[str, Any]
    """the fields it touched, as they were; the newest outcome's"""
    after: dict[str, Any]
    made: frozenset[str] = frozenset()
    """ids that AWS answered with, where it answered item by item; none where the answer was lost"""
    status: OutcomeStatus
    at: UtcTime


class AuditReader(Protocol):
    """The journal, as tools may see it: it is looked at only."""

    def registered_jobs(self) -> tuple[Job, ...]:
        """By name."""
        ...

    def recoveries_of(self, job_id: str, *, limit: int) -> tuple[Recovery, ...]:
        """Newest first."""
        ...

    def change_made(self, proposal_id: str) -> ChangeMade:
        """Raises NotFound: no such proposal, or nothing was carried out."""
        ...

    def changes_of(self, fleet: str, *, limit: int) -> tuple[ChangeMade, ...]:
        """Changes that were carried out on a fleet (its label), newest first."""
        ...

    def search_audit(self, text: str, *, limit: int) -> tuple[tuple[AuditEntry, ...], int]:
        """Entries whose kind, actor or payload hold every word, newest first; and how many were searched."""
        ...


class AdvisorReader(Protocol):
    """The Spot Instance Advisor, a public file that AWS renews every day or so."""

    def bands(self, region: str, *, operating_system: str = "Linux") -> tuple[AdvisorBand, ...]:
        """By instance type; empty when the Advisor does not know the region. Raises DataError, Unreachable."""
        ...


class Archive(Protocol):
    """What we saw of the market and of our own fleets, kept here: it outlives EC2's 90 days.

    One SQLite file. What a call adds, it adds whole or not at all. Raises DataError: the file is damaged, full, locked.
    """

    @property
    def unavailable(self) -> str | None:
        """Why there is no archive: it then holds nothing and keeps nothing. None = there is one."""
        ...

    def add_prices(
        self, prices: Sequence[SpotPrice], *, region: str, since: datetime, until: datetime, source: str
    ) -> int:
        """Append what a fetch of [since, until] saw; what is known already is not kept twice. How many were new."""
        ...

    def prices(
        self, instance_types: Sequence[str], *, region: str, since: datetime, until: datetime, product: str
    ) -> tuple[SpotPrice, ...]:
        """Changes in the window and the price in force at its start, oldest first."""
        ...

    def fetched_since(self, instance_types: Sequence[str], *, region: str, product: str) -> datetime | None:
        """Start of the stretch, without a gap to the newest fetch, in which every one of the types was fetched."""
        ...

    def fetched_until(self, instance_types: Sequence[str], *, region: str, product: str) -> datetime | None:
        """Until when every one of the types was fetched: where the next fetch may begin. None = one never was."""
        ...

    def set_aside(
        self, instance_types: Sequence[str], *, region: str, since: datetime, until: datetime, product: str
    ) -> tuple[SetAside, ...]:
        """Prices of the window that disagree with one seen earlier for their moment: counted, not in `prices`."""
        ...

    def add_signals(self, signals: Sequence[PoolSignal], *, region: str) -> int: ...

    def signals(self, *, region: str, since: datetime) -> tuple[PoolSignal, ...]: ...

    def add_samples(self, samples: Sequence[FleetSample], *, region: str) -> None: ...

    def samples(self, *, region: str, since: datetime, fleet: str | None = None) -> tuple[FleetSample, ...]:
        """fleet  label; None = every one"""
        ...

    def exposures(self, *, region: str, since: datetime, until: datetime) -> tuple[Exposure, ...]:
        """Instance-hours and EC2-initiated events per pool, from samples and signals."""
        ...

    def pool_states(
        self, pool: CapacityPool, *, region: str, since: datetime
    ) -> tuple[tuple[datetime, PoolState], ...]:
        """What was seen of one pool, oldest first; between two looks nothing is known."""
        ...

    def alerts(self, *, region: str, open_only: bool) -> tuple[Alert, ...]: ...

    def save_alert(self, alert: Alert, *, region: str) -> None:
        """Insert, or replace the one of the same id."""
        ...


class QueueReader(Protocol):
    """The work queues that the settings name, on their own servers: looked at only."""

    def queues(self, name: str | None = None) -> tuple[QueueState, ...]:
        """By name, read now; None = every one. What cannot be read says why in `trouble`. Raises NotFound."""
        ...


class NoQueues:
    """The settings name none."""

    def queues(self, name: str | None = None) -> tuple[QueueState, ...]:
        if name is not None:
            hint = "write [[queues]] in spotwarden.toml"
            raise NotFound(f"no queue {name[:80]!r}: the settings name none", hint=hint)
        return ()


NO_QUEUES = NoQueues()


@dataclass(frozen=True)
class Desk:
    """What tools are handed: the world by the door. A tool's parameters are filled from it by their type."""

    reader: CloudReader
    clock: Clock
    audit: AuditReader
    archive: Archive
    advisor: AdvisorReader
    keeping: KeepingSettings = NOTHING_KEPT
    queues: QueueReader = NO_QUEUES
