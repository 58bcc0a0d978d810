"""The doors to the world, in our nouns: what reads, what writes, what tells the time.

`tools.aws` implements them with boto3; the simulated account is reached through the same code.
Reads may be repeated. A write is sent once: an answer that never comes raises OutcomeUnknown.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from tools.records import (
    Account,
    Action,
    AttachVolume,
    CancelInstanceRefresh,
    CreateFleet,
    CreateSnapshot,
    CreateSnapshots,
    CreateTemplateVersion,
    CreateVolume,
    DeleteFleet,
    DeleteSnapshot,
    DeleteVolume,
    Fleet,
    FleetKind,
    FleetRef,
    InstanceRefresh,
    InstanceTypeSpec,
    Intent,
    ItemOutcome,
    OnDemandRate,
    OperateInstances,
    PlacementScore,
    PoolSignal,
    PurchaseMix,
    QueuedNotice,
    Record,
    ReservedInstances,
    RunInstances,
    SavingsPlan,
    SetTargets,
    SetVolumeRetention,
    Site,
    Snapshot,
    SpotPrice,
    StartInstanceRefresh,
    StorageRate,
    StoredObject,
    Tag,
    TargetGroup,
    TemplateVersion,
    Volume,
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

    def volumes(self, *, volume_ids: Sequence[str] | None = None) -> tuple[Volume, ...]:
        """EBS volumes of the region, by id, all pages; None = every one. Ids that EC2 does not know are left out."""
        ...

    def snapshots(
        self, *, snapshot_ids: Sequence[str] | None = None, volume_ids: Sequence[str] | None = None
    ) -> tuple[Snapshot, ...]:
        """Snapshots that this account owns, newest first, all pages: every one, or those of these ids or volumes.

        Ids that EC2 does not know are left out.
        """
        ...

    def images_of(self, snapshot_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Snapshot → AMIs of ours that boot from it, which EC2 lets nobody delete it for; those of none left out."""
        ...

    def noticed(self, instance_ids: Sequence[str]) -> frozenset[str]:
        """Those of these instances that EC2 has said it will take, and has not taken yet."""
        ...

    def storage_rates(self) -> tuple[StorageRate, ...]:
        """List prices of EBS in the region: a volume type each, and `snapshot`; what is not listed is left out."""
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

    def create_snapshot(self, intent: Intent, action: CreateSnapshot) -> Receipt: ...

    def create_volume(self, intent: Intent, action: CreateVolume) -> Receipt: ...

    def attach_volume(self, intent: Intent, action: AttachVolume) -> Receipt: ...

    def delete_volume(self, intent: Intent, action: DeleteVolume) -> Receipt: ...

    def delete_snapshot(self, intent: Intent, action: DeleteSnapshot) -> Receipt: ...

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
