"""CloudReader on AWS: everything that looks. Reads are retried within bounds, and every page is read."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from tools.aws import (
    autoscaling,
    created,
    ec2,
    elb,
    fleets,
    instance_types,
    pricing,
    refreshes,
    reserved,
    s3,
    savings_plans,
    signals,
    singles,
    spot_fleets,
    storage,
    storage_rates,
    templates,
)
from tools.aws.calls import Calls
from tools.aws.kept import Kept
from tools.cloud import Clock
from tools.errors import Rejected
from tools.records import (
    LINUX,
    Account,
    Action,
    Fleet,
    FleetKind,
    FleetRef,
    InstanceRefresh,
    InstanceTypeSpec,
    OnDemandRate,
    PlacementScore,
    PoolSignal,
    ReservedInstances,
    SavingsPlan,
    SetAside,
    Site,
    Snapshot,
    SpotPrice,
    StorageRate,
    StoredObject,
    TargetGroup,
    TemplateVersion,
    Volume,
)

RATES_KEPT = timedelta(hours=12)
"""list prices and instance types change a few times a year; each rate carries the moment it was read"""
SCORES_KEPT = timedelta(minutes=10)
"""EC2 rations new questions for placement scores by the day, and a screen asks again every few seconds"""

Configuration = tuple[tuple[str, ...], int]
"""what a placement score is asked for: types, target capacity"""


class AwsReader:
    """Keeps what does not move within a run: who we are, zone ids, list prices, instance types, placement scores."""

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._calls = calls
        self._clock = clock
        self._account: Account | None = None
        self._zones: dict[str, str] | None = None
        self._rates: Kept[tuple[str, str], OnDemandRate | None] = Kept(clock, RATES_KEPT)
        self._plan_rates: Kept[tuple[str, str], Decimal | None] = Kept(clock, RATES_KEPT)
        self._types: Kept[str, InstanceTypeSpec | None] = Kept(clock, RATES_KEPT)
        self._every_type: Kept[str, tuple[InstanceTypeSpec, ...]] = Kept(clock, RATES_KEPT)
        self._storage: Kept[str, tuple[StorageRate, ...]] = Kept(clock, RATES_KEPT)
        self._scores: Kept[Configuration, tuple[PlacementScore, ...] | Rejected] = Kept(clock, SCORES_KEPT)
        self.signals_set_aside: tuple[SetAside, ...] = ()
        """events of the latest `pool_signals` whose pool could not be told"""
        self._signals_missing: tuple[str, ...] = ()

    def account(self) -> Account:
        if self._account is None:
            said = self._calls.read("sts", "GetCallerIdentity")
            self._account = Account(account_id=said["Account"], region=self._calls.region, arn=said["Arn"])
        return self._account

    def fleets(self) -> tuple[Fleet, ...]:
        sight = self._sight()
        groups = autoscaling.as_fleets(self._calls, autoscaling.groups(self._calls), sight)
        others = fleets.as_fleets(self._calls, fleets.live(self._calls), sight)
        legacy = spot_fleets.as_fleets(self._calls, spot_fleets.live(self._calls), sight)
        return tuple(sorted((*groups, *others, *legacy), key=lambda f: (f.name, f.ref.fleet_id)))

    def fleet(self, ref: FleetRef) -> Fleet:
        sight = self._sight()
        if ref.kind == "asg":
            row = autoscaling.group(self._calls, ref.fleet_id)
            return autoscaling.as_fleets(self._calls, [row], sight)[0]
        if ref.kind == "spot-fleet":
            return spot_fleets.as_fleets(self._calls, [spot_fleets.one(self._calls, ref.fleet_id)], sight)[0]
        if ref.kind == "instance":
            return singles.as_fleet(self._calls, ref, sight)
        if ref.kind in {"volume", "snapshot"}:
            return storage.as_fleet(self._calls, ref, sight)
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
        """Empty for fewer than three types. Raises Rejected: new questions are rationed by the day; it is kept too."""
        asked: Configuration = (tuple(sorted(set(instance_types))), target_capacity)
        kept = self._scores.found([asked])
        if asked not in kept:
            now = self._clock.now()
            try:
                kept = {asked: ec2.placement_scores(self._calls, asked[0], target_capacity=target_capacity, now=now)}
            except Rejected as refused:
                kept = {asked: refused}
            self._scores.put(kept)
        answer = kept[asked]
        if isinstance(answer, Rejected):
            raise Rejected(answer.message, hint=answer.hint)
        return answer

    def on_demand_rates(self, instance_types: Sequence[str], *, product: str) -> tuple[OnDemandRate, ...]:
        wanted = [(t, product) for t in sorted(set(instance_types))]
        kept = self._rates.found(wanted)
        unknown = [key for key in wanted if key not in kept]
        if unknown:
            rates = pricing.on_demand_rates(
                self._calls, [t for t, _ in unknown], product=product, now=self._clock.now()
            )
            read: dict[tuple[str, str], OnDemandRate | None] = {(t, product): rate for t, rate in rates.items()}
            read = dict.fromkeys(unknown, None) | read
            self._rates.put(read)
            kept |= read
        return tuple(rate for key in wanted if (rate := kept[key]) is not None)

    def savings_plans(self) -> tuple[SavingsPlan, ...]:
        def listed(instance_type: str) -> Decimal | None:
            rates = self.on_demand_rates([instance_type], product=LINUX)
            return rates[0].usd_per_hour if rates else None

        return savings_plans.savings_plans(self._calls, listed)

    def savings_plan_rates(self, plan: SavingsPlan, instance_types: Sequence[str]) -> dict[str, Decimal]:
        wanted = [(plan.savings_plan_id, t) for t in sorted(set(instance_types))]
        kept = self._plan_rates.found(wanted)
        unknown = [key for key in wanted if key not in kept]
        if unknown:
            rates = savings_plans.rates(self._calls, plan.savings_plan_id, [t for _, t in unknown])
            read = {key: rates.get(key[1]) for key in unknown}
            self._plan_rates.put(read)
            kept |= read
        return {t: rate for (plan_id, t) in wanted if (rate := kept[plan_id, t]) is not None}

    def reserved_instances(self) -> tuple[ReservedInstances, ...]:
        return reserved.reserved_instances(self._calls)

    def instance_types(self, names: Sequence[str] | None = None) -> tuple[InstanceTypeSpec, ...]:
        """Kept for hours within a run, names that EC2 does not know too."""
        if names is None:
            return self._whole_region()
        wanted = sorted(set(names))
        kept = self._types.found(wanted)
        unknown = [name for name in wanted if name not in kept]
        if unknown:
            found = {spec.instance_type: spec for spec in instance_types.instance_types(self._calls, unknown)}
            read = {name: found.get(name) for name in unknown}
            self._types.put(read)
            kept |= read
        return tuple(spec for name in wanted if (spec := kept[name]) is not None)

    def _whole_region(self) -> tuple[InstanceTypeSpec, ...]:
        region = self._calls.region
        kept = self._every_type.found([region])
        if not kept:
            kept = {region: instance_types.instance_types(self._calls, None)}
            self._every_type.put(kept)
            self._types.put({spec.instance_type: spec for spec in kept[region]})
        return kept[region]

    def pool_signals(self, *, since: datetime) -> tuple[PoolSignal, ...]:
        """Each event once; events whose pool cannot be told are counted in `signals_set_aside`."""
        found, self.signals_set_aside, self._signals_missing = signals.pool_signals(
            self._calls, since=since, zones=self.zone_ids()
        )
        return found

    @property
    def signals_missing(self) -> tuple[str, ...]:
        return self._signals_missing

    def instance_refreshes(self, ref: FleetRef) -> tuple[InstanceRefresh, ...]:
        return refreshes.instance_refreshes(self._calls, ref.fleet_id)

    def target_health(self, target_group_arn: str) -> dict[str, str]:
        return elb.target_health(self._calls, target_group_arn)

    def target_group(self, target_group_arn: str) -> TargetGroup:
        return elb.target_group(self._calls, target_group_arn)

    def template_versions(self, template_id: str) -> tuple[TemplateVersion, ...]:
        return templates.template_versions(self._calls, template_id)

    def created_by(self, intent_id: str, action: Action) -> tuple[str, ...]:
        return created.created_by(self._calls, intent_id, action)

    def volumes(self, *, volume_ids: Sequence[str] | None = None) -> tuple[Volume, ...]:
        return storage.volumes(self._calls, volume_ids, self.zone_ids())

    def snapshots(
        self, *, snapshot_ids: Sequence[str] | None = None, volume_ids: Sequence[str] | None = None
    ) -> tuple[Snapshot, ...]:
        return storage.snapshots(self._calls, snapshot_ids, volume_ids)

    def images_of(self, snapshot_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        return storage.images_of(self._calls, snapshot_ids)

    def noticed(self, instance_ids: Sequence[str]) -> frozenset[str]:
        return storage.noticed(self._calls, instance_ids)

    def storage_rates(self) -> tuple[StorageRate, ...]:
        """Kept for hours within a run."""
        kept = self._storage.found([self._calls.region])
        if not kept:
            kept = {self._calls.region: storage_rates.storage_rates(self._calls, now=self._clock.now())}
            self._storage.put(kept)
        return kept[self._calls.region]

    def site(self, kind: FleetKind, name: str, subnet_ids: Sequence[str]) -> Site:
        return created.site(self._calls, kind, name, subnet_ids, now=self._clock.now())

    def objects(self, bucket: str, prefix: str) -> tuple[StoredObject, ...]:
        return s3.objects(self._calls, bucket, prefix)

    def read_object(self, bucket: str, key: str, *, limit_bytes: int) -> bytes:
        return s3.read(self._calls, bucket, key, limit_bytes=limit_bytes)

    def object_sha256(self, bucket: str, key: str) -> str:
        return s3.sha256(self._calls, bucket, key)
