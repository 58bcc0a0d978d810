"""CloudReader on AWS: everything that looks. Reads are retried within bounds, and every page is read."""

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from tools.aws import autoscaling, ec2, fleets, pricing, s3, savings_plans
from tools.aws.calls import Calls
from tools.cloud import Account, Clock, StoredObject
from tools.records import LINUX, Fleet, FleetRef, OnDemandRate, PlacementScore, SavingsPlan, SpotPrice

RATES_KEPT = timedelta(hours=12)
"""list prices change a few times a year; each carries the moment it was read"""


class AwsReader:
    """Keeps three things that do not move within a run: who we are, zone ids, list prices."""

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._calls = calls
        self._clock = clock
        self._lock = threading.Lock()
        self._account: Account | None = None
        self._zones: dict[str, str] | None = None
        self._rates: dict[tuple[str, str], OnDemandRate] = {}

    def account(self) -> Account:
        if self._account is None:
            said = self._calls.read("sts", "GetCallerIdentity")
            self._account = Account(account_id=said["Account"], region=self._calls.region, arn=said["Arn"])
        return self._account

    def fleets(self) -> tuple[Fleet, ...]:
        sight = self._sight()
        groups = autoscaling.as_fleets(self._calls, autoscaling.groups(self._calls), sight)
        others = fleets.as_fleets(self._calls, fleets.live(self._calls), sight)
        return tuple(sorted((*groups, *others), key=lambda f: (f.name, f.ref.fleet_id)))

    def fleet(self, ref: FleetRef) -> Fleet:
        sight = self._sight()
        if ref.kind == "asg":
            row = autoscaling.group(self._calls, ref.fleet_id)
            return autoscaling.as_fleets(self._calls, [row], sight)[0]
        return fleets.as_fleets(self._calls, [fleets.one(self._calls, ref.fleet_id)], sight)[0]

    def _sight(self) -> ec2.Sight:
        return ec2.Sight(account_id=self.account().account_id, zones=self.zone_ids(), now=self._clock.now())

    def zone_ids(self) -> dict[str, str]:
        if self._zones is None:
            self._zones = ec2.zone_ids(self._calls)
        return dict(self._zones)

    def spot_prices(
        self, instance_types: Sequence[str], *, since: datetime, until: datetime, product: str
    ) -> tuple[SpotPrice, ...]:
        return ec2.spot_prices(
            self._calls, instance_types, since=since, until=until, product=product, zones=self.zone_ids()
        )

    def placement_scores(self, instance_types: Sequence[str], *, target_capacity: int) -> tuple[PlacementScore, ...]:
        return ec2.placement_scores(self._calls, instance_types, target_capacity=target_capacity, now=self._clock.now())

    def on_demand_rates(self, instance_types: Sequence[str], *, product: str) -> tuple[OnDemandRate, ...]:
        rates = (self._rate(t, product) for t in sorted(set(instance_types)))
        return tuple(r for r in rates if r is not None)

    def _rate(self, instance_type: str, product: str) -> OnDemandRate | None:
        now = self._clock.now()
        with self._lock:
            kept = self._rates.get((instance_type, product))
        if kept is not None and now - kept.as_of < RATES_KEPT:
            return kept
        rate = pricing.on_demand_rate(self._calls, instance_type, product=product, now=now)
        if rate is not None:
            with self._lock:
                self._rates[instance_type, product] = rate
        return rate

    def savings_plans(self) -> tuple[SavingsPlan, ...]:
        def listed(instance_type: str) -> Decimal | None:
            rate = self._rate(instance_type, LINUX)
            return rate.usd_per_hour if rate else None

        return savings_plans.savings_plans(self._calls, listed)

    def objects(self, bucket: str, prefix: str) -> tuple[StoredObject, ...]:
        return s3.objects(self._calls, bucket, prefix)

    def read_object(self, bucket: str, key: str, *, limit_bytes: int) -> bytes:
        return s3.read(self._calls, bucket, key, limit_bytes=limit_bytes)

    def object_sha256(self, bucket: str, key: str) -> str:
        return s3.sha256(self._calls, bucket, key)
