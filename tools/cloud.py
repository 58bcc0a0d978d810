"""The doors to the world, in our nouns: what reads, what writes, what tells the time.

`tools.aws` implements them with boto3; the simulated account is reached through the same code.
Reads may be repeated. A write is sent once: an answer that never comes raises OutcomeUnknown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from tools.records import (
    AdvisorBand,
    Alert,
    AuditEntry,
    CapacityPool,
    Exposure,
    Fleet,
    FleetRef,
    FleetSample,
    InstanceTypeSpec,
    OnDemandRate,
    Permit,
    PlacementScore,
    PoolSignal,
    PoolState,
    PurchaseMix,
    QueuedNotice,
    Record,
    ReservedInstances,
    SavingsPlan,
    SetAside,
    SpotPrice,
)


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware UTC."""
        ...


class Account(Record):
    """Who we are."""

    account_id: str
    region: str
    arn: str


class StoredObject(Record):
    key: str
    size_bytes: int


class CloudReader(Protocol):
    """Everything that looks. Raises CloudError and its kinds."""

    def account(self) -> Account: ...

    def fleets(self) -> tuple[Fleet, ...]:
        """Every Auto Scaling group and live EC2 Fleet of the region, with instances, by name; all pages."""
        ...

    def fleet(self, ref: FleetRef) -> Fleet:
        """One fleet, read now. Raises NotFound."""
        ...

    def zone_ids(self) -> dict[str, str]:
        """Zone name → zone id of this account, such as us-east-1a → use1-az1."""
        ...

    def spot_prices(
        self, instance_types: Sequence[str], *, since: datetime, until: datetime, product: str
    ) -> tuple[SpotPrice, ...]:
        """Changes in the window and the price in force at its start, oldest first, every zone, all pages."""
        ...

    def placement_scores(self, instance_types: Sequence[str], *, target_capacity: int) -> tuple[PlacementScore, ...]:
        """By zone; empty for fewer than three types. Raises Rejected: EC2 answers no more new questions today."""
        ...

    def on_demand_rates(self, instance_types: Sequence[str], *, product: str) -> tuple[OnDemandRate, ...]:
        """List prices; a type that AWS does not know is left out, never 0."""
        ...

    def savings_plans(self) -> tuple[SavingsPlan, ...]:
        """Active commitments."""
        ...

    def savings_plan_rates(self, plan: SavingsPlan, instance_types: Sequence[str]) -> dict[str, Decimal]:
        """USD per covered hour by instance type; a type that the plan does not cover is left out."""
        ...

    def reserved_instances(self) -> tuple[ReservedInstances, ...]:
        """Active commitments."""
        ...

    def instance_types(self, names: Sequence[str] | None = None) -> tuple[InstanceTypeSpec, ...]:
        """What the region offers, with the zones of each; None = every type. Unknown names are left out."""
        ...

    def pool_signals(self, *, since: datetime) -> tuple[PoolSignal, ...]:
        """Interruptions, rebalance recommendations, granted and refused launches of our fleets, oldest first.

        EC2-initiated events only, as far back as AWS keeps them: hours for spot requests, weeks for fleet activity.
        Of the places where AWS tells of them, one that may not be read is told in `signals_missing`.
        """
        ...

    @property
    def signals_missing(self) -> tuple[str, ...]:
        """What the latest `pool_signals` could not read, in words; empty = nothing."""
        ...

    def objects(self, bucket: str, prefix: str) -> tuple[StoredObject, ...]: ...

    def read_object(self, bucket: str, key: str, *, limit_bytes: int) -> bytes:
        """Raises NotFound; DataError when it is larger than the limit."""
        ...

    def object_sha256(self, bucket: str, key: str) -> str:
        """SHA-256 of the content, read in pieces; 64 hex characters."""
        ...


class Receipt(Record):
    """AWS took the request."""

    request_ids: tuple[str, ...]


class CloudWriter(Protocol):
    """Everything that changes. Each verb wants the Permit, and sends one attempt.

    Raises  Rejected and other CloudErrors: nothing happened
            OutcomeUnknown: it was sent and no answer came
    """

    def set_fleet(
        self,
        permit: Permit,
        ref: FleetRef,
        *,
        mix: PurchaseMix | None,
        desired_capacity: int | None,
    ) -> Receipt:
        """Write a whole mix (explicit values, never AWS's defaults), a desired capacity, or both, in one call."""
        ...

    def detach_instances(self, permit: Permit, ref: FleetRef, instance_ids: Sequence[str]) -> Receipt:
        """Detach without lowering desired capacity: replacements launch at once. Ids already gone are left out."""
        ...

    def put_object_once(self, permit: Permit, bucket: str, key: str, body: bytes) -> Receipt:
        """Create an object that does not exist (If-None-Match: *), with its SHA-256 checked by S3.

        Raises  Rejected: there is one already
        """
        ...

    def put_object(self, permit: Permit, bucket: str, key: str, body: bytes) -> Receipt:
        """Replace an object whole, with its SHA-256 checked by S3."""
        ...


class NoticeQueue(Protocol):
    """EventBridge notices in a queue. A message comes again until it is acknowledged."""

    def receive(self, *, wait_seconds: int) -> tuple[QueuedNotice, ...]: ...

    def acknowledge(self, receipts: Sequence[str]) -> None: ...


class AuditReader(Protocol):
    """The journal, as tools may see it: search only."""

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


@dataclass(frozen=True)
class Desk:
    """What tools are handed: the world by the door. A tool's parameters are filled from it by their type."""

    reader: CloudReader
    clock: Clock
    audit: AuditReader
    archive: Archive
    advisor: AdvisorReader
