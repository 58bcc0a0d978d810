"""A market and a fleet on paper: pools that dry up, a group that launches new before old, and the daemon's next step."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tools.fleets.launches import mix_after, target
from tools.fleets.past_changes import PastChange
from tools.fleets.prices import AccountPrices
from tools.fleets.seen import Seen
from tools.fleets.steady import next_step
from tools.fleets.steady_rules import SteadyRules
from tools.fleets.suggest import Suggestion
from tools.market.pricebook import PriceBook
from tools.records import (
    CapacityPool,
    ChangeFleet,
    Fleet,
    FleetRef,
    FleetSample,
    Instance,
    InstanceTypeOverride,
    InstanceTypeSpec,
    OnDemandRate,
    PoolPrices,
    PoolSignal,
    PurchaseMix,
    Tag,
)

START = datetime(2026, 11, 18, 9, tzinfo=UTC)
REF = FleetRef(kind="asg", fleet_id="web", account_id="123456789012", region="us-east-1")
TYPES = ("c5.large", "c5a.large")
ZONES = ("us-east-1a", "us-east-1b")
IDS = {"us-east-1a": "use1-az1", "us-east-1b": "use1-az2"}
OTHERS = ("c6i.large", "m5.large", "c5.4xlarge", "c6g.large", "t3.large")
EVERYTHING = {(k, z) for k in (*TYPES, *OTHERS) for z in ZONES}
TICK = timedelta(minutes=5)
RULES = SteadyRules()


def pool(kind, zone=ZONES[0]):
    return CapacityPool(instance_type=kind, zone_name=zone, zone_id=IDS[zone])


def signal(kind, where, at, fleet="asg/web", **more):
    return PoolSignal(kind=kind, pool=where, fleet=fleet, at=at, source="test", **more)


def refusals(at, *, kinds=TYPES, zones=ZONES, fleet="asg/web"):
    return tuple(signal("refusal", pool(k, z), at, fleet) for k in kinds for z in zones)


def mix(base=0, percentage=0, types=TYPES, strategy="price-capacity-optimized", weight=None):
    return PurchaseMix(
        on_demand_base_capacity=base,
        on_demand_percentage_above_base=percentage,
        spot_allocation_strategy=strategy,
        overrides=tuple(InstanceTypeOverride(instance_type=t, weighted_capacity=weight) for t in types),
    )


def instance(number, option, at=START, kind=TYPES[0], zone=ZONES[0]):
    return Instance(
        instance_id=f"i-{number:017x}",
        instance_type=kind,
        zone_name=zone,
        zone_id=IDS[zone],
        purchase_option=option,
        state="running",
        launched_at=at,
    )


def fleet_of(spot, on_demand=0, *, desired=None, bought=None, ref=REF, tags=(), at=START):
    machines = [instance(n, "spot") for n in range(spot)] + [instance(100 + n, "on-demand") for n in range(on_demand)]
    return Fleet(
        ref=ref,
        desired_capacity=spot + on_demand if desired is None else desired,
        min_size=0,
        max_size=200,
        mix=bought or mix(),
        zones=ZONES,
        instances=tuple(machines),
        tags=tuple(Tag(key=k, value=v) for k, v in tags),
        as_of=at,
        source="test",
    )


def sample(fleet, at, running=None):
    spot, on_demand = len(fleet.spot), len(fleet.on_demand)
    return FleetSample(
        fleet=fleet.ref,
        name=fleet.name,
        at=at,
        desired_capacity=fleet.desired_capacity,
        running_spot=spot if running is None else running - on_demand,
        running_on_demand=on_demand,
        usd_per_hour=None,
        level="unknown",
        pools={},
    )


def prices_of(fleets=(), *, spot="0.03", on_demand="0.10", types=(*TYPES, *OTHERS), plans=()):
    """spot None = the spot price is not known"""
    pools = {}
    for kind in types:
        for zone in ZONES if spot is not None else ():
            pools[kind, zone] = pool_prices(kind, zone, Decimal(spot))
    rates = {
        t: OnDemandRate(instance_type=t, region="us-east-1", usd_per_hour=on_demand, as_of=START, source="test")
        for t in types
    }
    return AccountPrices(PriceBook(pools=pools, rates=rates, as_of=START), plans, tuple(fleets))


def pool_prices(kind, zone, usd):
    return PoolPrices(
        pool=pool(kind, zone),
        current_usd_per_hour=usd,
        mean_usd_per_hour=usd,
        low_usd_per_hour=usd,
        high_usd_per_hour=usd,
        volatility=0,
        changes=1,
        on_demand_usd_per_hour=None,
        saving_share=None,
        observed_from=START,
        observed_until=START,
    )


def spec(kind, *, vcpus=2, memory=4.0, architecture="x86_64", zones=ZONES, burstable=False):
    return InstanceTypeSpec(
        instance_type=kind,
        vcpus=vcpus,
        memory_gib=memory,
        architectures=(architecture,),
        zones=zones,
        burstable=burstable,
    )


OFFERED = (
    *(spec(t) for t in TYPES),
    spec("c6i.large"),
    spec("m5.large", memory=8.0),
    spec("c5.4xlarge", vcpus=16, memory=32.0),
    spec("c6g.large", architecture="arm64"),
    spec("t3.large", burstable=True),
)


@dataclass
class Paper:
    """One group on a market of dry and wet pools, looked at every five minutes.

    As Auto Scaling does it launches before it ends, refuses nothing on demand, and asks for spot at every tick.
    """

    desired: int = 10
    bought: PurchaseMix = field(default_factory=mix)
    rules: SteadyRules = RULES
    now: datetime = START
    dry: set = field(default_factory=set)
    """(type, zone)"""
    past: list = field(default_factory=list)
    signals: list = field(default_factory=list)
    samples: list = field(default_factory=list)
    steps: list = field(default_factory=list)
    """(moment, what the rules said)"""
    machines: list = field(default_factory=list)
    born: int = 0

    def __post_init__(self):
        self.settle()

    @property
    def fleet(self):
        return fleet_of(0, desired=self.desired, bought=self.bought, at=self.now).with_(instances=tuple(self.machines))

    def count(self, option):
        return sum(m.purchase_option == option for m in self.machines)

    def settle(self):
        """One tick of the group; the lowest on-demand count that was seen on the way."""
        want = target(self.fleet, self.bought, self.desired)
        while self.count("on-demand") < want.on_demand:
            self.launch("on-demand", (self.bought.instance_types[0], ZONES[0]))
        places = [(k, z) for z in ZONES for k in self.bought.instance_types]
        wet = [p for p in places if p not in self.dry]
        while self.count("spot") < want.spot:
            if not wet:
                self.signals += [signal("refusal", pool(*p), self.now) for p in places]
                break
            self.launch("spot", wet[self.born % len(wet)])
        for option, most in (("on-demand", want.on_demand), ("spot", want.spot)):
            while len(self.machines) > self.desired and self.count(option) > most:
                self.machines.remove(next(m for m in self.machines if m.purchase_option == option))

    def launch(self, option, place):
        self.born += 1
        self.machines.append(instance(self.born, option, self.now, *place))
        if option == "spot":
            self.signals.append(signal("launch", pool(*place), self.now, instance_id=self.machines[-1].instance_id))

    def take(self, count):
        """EC2 takes so many spot instances."""
        for machine in [m for m in self.machines if m.purchase_option == "spot"][:count]:
            self.machines.remove(machine)
            self.signals.append(signal("interruption", machine.pool, self.now, instance_id=machine.instance_id))

    def seen(self):
        return Seen(
            signals=tuple(self.signals),
            samples=tuple(self.samples[-30:]),
            offered=OFFERED,
            prices=prices_of([self.fleet]),
        )

    def look(self):
        """The daemon's round: a step that is suggested is made at once; then the monitor looks."""
        fleet = self.fleet
        step = next_step(fleet, seen=self.seen(), past=self.past, rules=self.rules, now=self.now)
        self.steps.append((self.now, step))
        if isinstance(step, Suggestion):
            before = {f: getattr(fleet.mix, f) for f in PurchaseMix.model_fields if f != "overrides"}
            before["instance_types"] = list(fleet.mix.instance_types)
            named = {f: before[f] for f in before if getattr(step.action, f) is not None}
            self.past.append(PastChange(action=step.action, before=named, ours=True, at=self.now))
            self.bought = mix_after(step.action, fleet)
        self.samples.append(sample(fleet, self.now))
        return step

    def tick(self, count=1):
        for _ in range(count):
            self.now += TICK
            self.settle()
            self.look()

    @property
    def bases(self):
        """(moment, on-demand base) after each change of it."""
        return [
            (c.at, c.action.on_demand_base_capacity) for c in self.past if c.action.on_demand_base_capacity is not None
        ]

    def held(self):
        return self.steps[-1][1]


# one step of the rules

M = timedelta(minutes=1)


def step_of(fleet, *, signals=(), looks=(), past=(), now=START, rules=RULES, **more):
    """looks: minutes before now at which the monitor saw the fleet as it is"""
    samples = tuple(sample(fleet, now - m * M) for m in looks)
    seen = Seen(signals=tuple(signals), samples=samples, prices=prices_of([fleet]), offered=OFFERED)
    return next_step(fleet, seen=seen if not more else Seen(**{**vars(seen), **more}), past=past, rules=rules, now=now)


def changed(after, before, at, *, ours=True, field="on_demand_base_capacity", **more):
    action = ChangeFleet(fleet=REF, **{field: after})
    return PastChange(action=action, before={field: before}, ours=ours, at=at, **more)


def after_a_fallback(minutes=90, base=3, floor=0, **more):
    """A fleet on which a fallback of ours stands, so many minutes after the last refusal."""
    fleet = fleet_of(10 - base, base, bought=mix(base), **more)
    at = START - minutes * M
    return fleet, {"signals": refusals(at), "past": [changed(base, floor, at + M)]}
