"""The doors to the world, in our nouns: what reads, what writes, what tells the time.

`tools.aws` implements them with boto3; the simulated account is reached through the same code.
Reads may be repeated. A write is sent once: an answer that never comes raises OutcomeUnknown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tools.records import (
    AuditEntry,
    Fleet,
    FleetRef,
    OnDemandRate,
    Permit,
    PlacementScore,
    PurchaseMix,
    QueuedNotice,
    Record,
    SavingsPlan,
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
        """By zone; empty when the account has no answer."""
        ...

    def on_demand_rates(self, instance_types: Sequence[str], *, product: str) -> tuple[OnDemandRate, ...]:
        """List prices; a type that AWS does not know is left out, never 0."""
        ...

    def savings_plans(self) -> tuple[SavingsPlan, ...]:
        """Active commitments."""
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


@dataclass(frozen=True)
class Desk:
    """What tools are handed: the world by the door. A tool's parameters are filled from it by their type."""

    reader: CloudReader
    clock: Clock
    audit: AuditReader
