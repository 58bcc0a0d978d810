"""The doors to the world, in our nouns: what reads, what writes, what tells the time.

`tools.aws` implements them with boto3; the simulated account is reached through the same code.
Reads may be repeated. A write is sent once: an answer that never comes raises OutcomeUnknown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from tools.records import (
    Account,
    Action,
    AdvisorBand,
    Alert,
    AuditEntry,
    CancelInstanceRefresh,
    CapacityPool,
    CreateFleet,
    CreateSnapshots,
    CreateTemplateVersion,
    DeleteFleet,
    Exposure,
    Fleet,
    FleetKind,
    FleetRef,
    FleetSample,
    InstanceRefresh,
    InstanceTypeSpec,
    Intent,
    ItemOutcome,
    Job,
    Name,
    OnDemandRate,
    OperateInstances,
    OutcomeStatus,
    PlacementScore,
    PoolSignal,
    PoolState,
    PurchaseMix,
    QueuedNotice,
    Record,
    Recovery,
    ReservedInstances,
    RunInstances,
    SavingsPlan,
    SetAside,
    SetTargets,
    SetVolumeRetention,
    Site,
    SpotPrice,
    StartInstanceRefresh,
    StoredObject,
    Tag,
    TargetGroup,
    TemplateVersion,
    UtcTime,
)


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware UTC."""
        ...


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

    def instance_refreshes(self, ref: FleetRef) -> tuple[InstanceRefresh, ...]:
        """Of one Auto Scaling group, newest first, as far back as AWS keeps them."""
        ...

    def target_health(self, target_group_arn: str) -> dict[str, str]:
        """Instance id → AWS's word: healthy, draining, …; an instance that is not registered is left out."""
        ...

    def target_group(self, target_group_arn: str) -> TargetGroup:
        """Raises NotFound."""
        ...

    def template_versions(self, template_id: str) -> tuple[TemplateVersion, ...]:
        """Oldest first."""
        ...

    def created_by(self, intent_id: str, action: Action) -> tuple[str, ...]:
        """Ids of what bears the intent's tag: fleets, instances, template versions, snapshots.

        What has ended since counts, for as long as AWS shows it: it happened.
        """
        ...

    def site(self, kind: FleetKind, name: str, subnet_ids: Sequence[str]) -> Site:
        """Where a fleet, or instances, of this name would stand."""
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
    items: tuple[ItemOutcome, ...] = ()
    """item by item, where AWS answers so; one that is not ok did not happen"""


class FleetSettings(Record):
    """Settings to write, absolute. None leaves one as it is."""

    mix: PurchaseMix | None = None
    """whole: explicit values, never AWS's defaults"""
    desired_capacity: int | None = None
    min_size: int | None = None
    max_size: int | None = None
    capacity_rebalance: bool | None = None
    new_instances_protected: bool | None = None
    launch_template_version: int | None = None


class CloudWriter(Protocol):
    """Everything that changes. Each verb wants the durable Intent, and sends one attempt while it may be sent.

    What is sent is the intent's own action, with the intent's token where the API has one, and its id as a tag
    `spotwarden:intent` on what is created: so it can be found when the answer is lost.

    Raises  Rejected and other CloudErrors: nothing happened
            OutcomeUnknown: it was sent and no answer came
    """

    def set_fleet(self, intent: Intent, ref: FleetRef, settings: FleetSettings) -> Receipt:
        """Write settings of a group, an EC2 Fleet or a Spot Fleet request in one call."""
        ...

    def detach_instances(self, intent: Intent, ref: FleetRef, instance_ids: Sequence[str]) -> Receipt:
        """Detach without lowering desired capacity: replacements launch at once. Ids already gone are left out."""
        ...

    def start_refresh(self, intent: Intent, action: StartInstanceRefresh) -> Receipt: ...

    def cancel_refresh(self, intent: Intent, action: CancelInstanceRefresh) -> Receipt: ...

    def operate_instances(self, intent: Intent, action: OperateInstances, instance_ids: Sequence[str]) -> Receipt:
        """One operation on instances that still need it, by id."""
        ...

    def create_fleet(self, intent: Intent, action: CreateFleet) -> Receipt: ...

    def delete_fleet(self, intent: Intent, action: DeleteFleet) -> Receipt: ...

    def run_instances(self, intent: Intent, action: RunInstances) -> Receipt: ...

    def create_template_version(self, intent: Intent, action: CreateTemplateVersion) -> Receipt: ...

    def set_targets(self, intent: Intent, action: SetTargets, instance_ids: Sequence[str]) -> Receipt: ...

    def set_volume_retention(self, intent: Intent, action: SetVolumeRetention) -> Receipt: ...

    def create_snapshots(self, intent: Intent, action: CreateSnapshots) -> Receipt: ...

    def set_tags(self, intent: Intent, ref: FleetRef, tags: Sequence[Tag]) -> Receipt:
        """Write tags, absolute."""
        ...

    def remove_tags(self, intent: Intent, ref: FleetRef, keys: Sequence[str]) -> Receipt: ...

    def put_object_once(self, intent: Intent, bucket: str, key: str, body: bytes) -> Receipt:
        """Create an object that does not exist (If-None-Match: *), with its SHA-256 checked by S3.

        Raises  Rejected: there is one already
        """
        ...

    def put_object(self, intent: Intent, bucket: str, key: str, body: bytes) -> Receipt:
        """Replace an object whole, with its SHA-256 checked by S3."""
        ...

    def try_out(self, action: Action) -> str:
        """AWS's own DryRun, for a person who asks: its answer in words; "" = the API has no DryRun. Changes nothing.

        Raises  CloudErrors: it would be refused, and why
        """
        ...


class NoticeQueue(Protocol):
    """EventBridge notices in a queue. A message comes again until it is acknowledged."""

    def receive(self, *, wait_seconds: int) -> tuple[QueuedNotice, ...]: ...

    def acknowledge(self, receipts: Sequence[str]) -> None: ...


class ChangeMade(Record):
    """One proposal that was carried out, as the journal tells it."""

    proposal_id: Name
    intent_id: Name
    action: Action
    before: dict[str, Any]
    """the fields it touched, as they were; the newest outcome's"""
    after: dict[str, Any]
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


@dataclass(frozen=True)
class Desk:
    """What tools are handed: the world by the door. A tool's parameters are filled from it by their type."""

    reader: CloudReader
    clock: Clock
    audit: AuditReader
    archive: Archive
    advisor: AdvisorReader
