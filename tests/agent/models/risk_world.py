"""Chances, pressed instances, pools weighed and alerts of the account in world.py, as the tools would tell them."""

from datetime import timedelta
from decimal import Decimal

from tests.agent.models.account import FLEETS, HOSTILE, NOW, ZONES, fleet, known, ref
from tools.cloud import Clock, CloudReader
from tools.records import (
    AdvisorBand,
    Alert,
    CapacityPool,
    Evidence,
    FleetInstanceRisk,
    FleetSample,
    Hazard,
    InstanceRisk,
    InstanceTypeSpec,
    Interruption,
    InterruptionForecast,
    Opportunity,
    OpportunityAnalysis,
    PoolForecast,
    PoolPrices,
    RecommendedAction,
    ReplaceInstances,
    SetAside,
    Watch,
)
from tools.tool import tool

_fleet, _row = fleet, known

# type: (per 100 hours, low, high), Advisor band; a type that is not here has neither
HAZARDS: dict[str, tuple[tuple[float, float, float], int]] = {
    "g5.xlarge": ((1.9, 0.6, 4.1), 4),
    "g4dn.xlarge": ((0.7, 0.2, 1.6), 2),
    "g6.xlarge": ((0.3, 0.05, 0.9), 1),
    "m6i.large": ((0.12, 0.03, 0.3), 0),
}
BANDS = ("<5%", "5-10%", "10-15%", "15-20%", ">20%")
STATE_SOURCE = "trained on public availability traces, read from our own looks at this pool"


def zoned(instance_type: str, zone_name: str) -> CapacityPool:
    zone_id = {"us-east-1a": "use1-az6", "us-east-1b": "use1-az1"}[zone_name]
    return CapacityPool(instance_type=instance_type, zone_name=zone_name, zone_id=zone_id)


def band(instance_type: str) -> AdvisorBand | None:
    if instance_type not in HAZARDS:
        return None
    place = HAZARDS[instance_type][1]
    return AdvisorBand(
        region="us-east-1", operating_system="Linux", instance_type=instance_type, band=place, label=BANDS[place],
        low_share=0.05 * place, high_share=1.0 if place == 4 else 0.05 * (place + 1), saving_share=0.6, as_of=NOW,
        source="Spot Instance Advisor",
    )  # fmt: skip


def hazard(pool: CapacityPool) -> Hazard:
    rate = HAZARDS.get(pool.instance_type, ((None, None, None), 0))[0]
    unknown = "no Advisor band, and own records say too little (none; 200 hours or 3 interruptions are needed)"
    return Hazard(
        pool=pool, per_100_hours=rate[0], low=rate[1], high=rate[2], prior="Advisor band", exposure=None,
        abstains=None if rate[0] else unknown, evidence=(), missing=("own interruption records of this pool",),
    )  # fmt: skip


def within(pool: CapacityPool, hours: tuple[float, ...]) -> tuple[Interruption, ...]:
    """g5.xlarge in us-east-1a is watched; the others go by their rate, where they have one."""
    found, watched = hazard(pool), pool.label == "g5.xlarge/use1-az6"
    told = []
    for h in hours:
        rates = (found.per_100_hours, found.low, found.high)
        chances = [None if r is None else min(1 - 2.718281828 ** (-r / 100 * h), 1.0) for r in rates]
        if watched:
            chances = [min(c * 1.5, 1.0) for c in chances if c is not None]
        method = "none" if chances[0] is None else "state forecast" if watched and h <= 24 else "constant hazard"
        told.append(
            Interruption(
                horizon_minutes=h * 60, probability=chances[0], low=chances[1], high=chances[2], method=method,
                abstains=found.abstains, as_of=NOW,
                source=STATE_SOURCE if method == "state forecast" else "1 − exp(−rate × hours)",
            )
        )  # fmt: skip
    return tuple(told)


@tool(effect="read", iam=(), example={"subject": "ml-train"})
def forecast_interruptions(reader: CloudReader, clock: Clock, subject: str) -> InterruptionForecast:
    """Forecast."""
    types = (subject,) if "." in subject else _row(subject)[2]
    pools = [zoned(t, z) for t in types for z in ZONES]
    return InterruptionForecast(
        subject=subject,
        pools=tuple(
            PoolForecast(
                pool=p, level="medium" if p.instance_type in HAZARDS else "unknown", within=within(p, (1, 6, 24, 48)),
                hazard=hazard(p), advisor=band(p.instance_type), placement=None,
                missing=("own interruption records of this pool",),
            )
            for p in pools
        ),
        as_of=NOW,
        source="EC2 DescribeSpotPriceHistory, Spot Instance Advisor",
    )  # fmt: skip


@tool(effect="read", iam=(), example={"fleet": "ml-train"})
def assess_instances(reader: CloudReader, clock: Clock, fleet: str) -> FleetInstanceRisk:
    """Instances."""
    found = _fleet(fleet)
    rows = []
    for n, i in enumerate(found.spot):
        pressed = fleet == "ml-train" and n < 2
        act = ReplaceInstances(fleet=found.ref, instance_ids=(i.instance_id,)) if pressed else None
        sign = Evidence(fact="EC2 recommends to rebalance this instance", value="at 00:58:00Z", source="EC2", as_of=NOW)
        rows.append(
            InstanceRisk(
                instance_id=i.instance_id,
                pool=zoned(i.instance_type, i.zone_name),
                level="high" if pressed else "medium",
                within=within(zoned(i.instance_type, i.zone_name), (1, 6, 24)),
                unsaved_minutes=25.0 if known(fleet)[6] == "training" else None,
                evidence=(sign,) if pressed else (),
                missing=("own interruption records of this pool",),
                recommended=(
                    RecommendedAction(what="prepare a replacement", why="EC2 expects to take it: a new one is up before that", action=act)
                    if pressed
                    else RecommendedAction(what="watch for replacements", why="a pool with refusals grants none when it matters"),
                ),
            )
        )  # fmt: skip
    return FleetInstanceRisk(fleet=found.ref, name=fleet, instances=tuple(rows), as_of=NOW, source="EC2 Auto Scaling")


# name: (vCPUs, GiB, architecture, GPUs, their name, on-demand, spot)
MARKET: dict[str, tuple[int, float, str, int, str | None, str, str]] = {
    "g5.xlarge": (4, 16, "x86_64", 1, "A10G", "1.006", "0.3987"),
    "g4dn.xlarge": (4, 16, "x86_64", 1, "T4", "0.526", "0.1911"),
    "g6.xlarge": (4, 16, "x86_64", 1, "L4", "0.8048", "0.3012"),
    "m6i.large": (2, 8, "x86_64", 0, None, "0.096", "0.0389"),
    "m7g.2xlarge": (8, 32, "arm64", 0, None, "0.3264", "0.1122"),
    "c7g.4xlarge": (16, 32, "arm64", 0, None, "0.58", "0.1904"),
    "m6i.2xlarge": (8, 32, "x86_64", 0, None, "0.384", "0.1502"),
}


def weighed(instance_type: str, zone: str, hours: float) -> Opportunity:
    vcpus, memory, arch, gpus, name, listed, spot = MARKET.get(
        instance_type, (2, 4.0, "x86_64", 0, None, "0.1", "0.04")
    )
    pool, mean = zoned(instance_type, zone), Decimal(spot)
    rate = hazard(pool).per_100_hours
    useful = None if rate is None else mean * (1 + Decimal(str(rate)) / 150)
    return Opportunity(
        pool=pool,
        prices=PoolPrices(
            pool=pool, current_usd_per_hour=mean, mean_usd_per_hour=mean, low_usd_per_hour=mean, high_usd_per_hour=mean,
            volatility=0.01, changes=3, on_demand_usd_per_hour=Decimal(listed),
            saving_share=float(1 - mean / Decimal(listed)), observed_from=NOW, observed_until=NOW,
        ),
        within=within(pool, (1, hours)),
        hazard=hazard(pool),
        placement=None,
        advisor=band(instance_type),
        availability_share=None,
        baseline_usd_per_hour=Decimal(listed),
        saving_share=float(1 - mean / Decimal(listed)),
        saving_usd_per_hour=Decimal(listed) - mean,
        overhead_share=None if rate is None else rate / 150,
        usd_per_useful_hour=useful,
        usd_per_useful_hour_low=mean if useful else None,
        usd_per_useful_hour_high=useful * 2 if useful else None,
        score=0.7 if useful else None,
        score_low=0.5 if useful else None,
        score_high=0.9 if useful else None,
        guide_score=None,
        spec=InstanceTypeSpec(
            instance_type=instance_type, vcpus=vcpus, memory_gib=memory, architectures=(arch,), accelerators=gpus,
            accelerator_name=name,
        ),
        rank_value=float(useful or mean) / vcpus,
        recommendation="use with care" if useful else "unknown",
        reasons=("with care: score 0.700 is below 0.75",),
        missing=("own interruption records of this pool",),
    )  # fmt: skip


def _analysis(found: tuple[Opportunity, ...], asked: dict[str, str], hours: float, by: str) -> OpportunityAnalysis:
    return OpportunityAnalysis(
        region="us-east-1", asked=asked, horizon_hours=hours, window_hours=max(hours, 24), ordered_by=by,
        opportunities=found, left_out=(SetAside(reason="burstable", count=9, example="t3.large"),),
        commitments="no Savings Plan and no Reserved Instance is active: on-demand hours cost their list price",
        assumptions=("a checkpoint every 60 min (assumed): an interruption loses half of that, 30 min",),
        as_of=NOW, source="EC2 DescribeSpotPriceHistory, AWS Price List",
    )  # fmt: skip


@tool(effect="read", iam=(), example={"instance_types": ["g5.xlarge", "g4dn.xlarge"], "horizon_hours": 168})
def analyze_spot_opportunities(
    reader: CloudReader, clock: Clock, instance_types: tuple[str, ...], horizon_hours: int
) -> OpportunityAnalysis:
    """Weigh."""
    found = tuple(weighed(t, z, horizon_hours) for t in instance_types for z in ZONES)
    return _analysis(found, {"instance_types": ", ".join(instance_types)}, horizon_hours, "score, 0..1")


@tool(effect="read", iam=(), example={"min_vcpus": 4, "max_vcpus": 16, "min_memory_gib": 16, "max_memory_gib": 64,
                                      "architectures": ["x86_64"], "min_accelerators": 0, "limit": 10})  # fmt: skip
def scan_market(
    reader: CloudReader,
    clock: Clock,
    min_vcpus: int,
    max_vcpus: int,
    min_memory_gib: float,
    max_memory_gib: float,
    architectures: tuple[str, ...],
    min_accelerators: int,
    limit: int,
) -> OpportunityAnalysis:
    """Scan."""
    fits = [
        t
        for t, (vcpus, memory, arch, gpus, _, _, _) in MARKET.items()
        if min_vcpus <= vcpus <= max_vcpus
        and min_memory_gib <= memory <= max_memory_gib
        and (not architectures or arch in architectures)
        and gpus >= min_accelerators
    ]
    found = sorted((weighed(t, z, 168) for t in fits for z in ZONES), key=lambda o: o.rank_value or 0)
    return _analysis(tuple(found[:limit]), {"vcpus": f"{min_vcpus}..{max_vcpus}"}, 168, "USD per useful vCPU-hour")


@tool(effect="read", iam=(), example={})
def watch_fleets(reader: CloudReader, clock: Clock) -> Watch:
    """Watch."""
    return Watch(
        fleets=tuple(
            FleetSample(
                fleet=ref(n), name=n, at=NOW, desired_capacity=row[0], running_spot=row[1],
                running_on_demand=row[0] - row[1], usd_per_hour=Decimal(row[7]), level=row[8],
                pools={f"{row[2][0]}/use1-az6": row[1]} if row[1] else {},
            )
            for n, row in FLEETS.items()
        ),
        alerts=(
            Alert(alert_id="a-1", kind="concentration", subject="asg/ml-train", severity="warning", value="80%",
                  message="ml-train: 8 of 10 spot instances in g5.xlarge/use1-az6: one event can take them all",
                  raised_at=NOW - timedelta(minutes=30), seen_at=NOW, times_seen=6),
            Alert(alert_id="a-2", kind="capacity", subject="asg/render", severity="critical", value="4 of 6 short for 12 min",
                  message="render: 4 of 6 units have not run for 12 minutes", raised_at=NOW - timedelta(minutes=12),
                  seen_at=NOW, times_seen=3),
            Alert(alert_id="a-3", kind="price", subject="c6i.large/use1-az1", severity="warning", value="81% of on-demand",
                  message=HOSTILE, raised_at=NOW - timedelta(hours=5), seen_at=NOW, times_seen=2,
                  cleared_at=NOW - timedelta(hours=4)),
        ),
        samples=288,
        since=NOW - timedelta(hours=24),
        as_of=NOW,
        source="samples of the last 24 h in the archive",
    )  # fmt: skip
