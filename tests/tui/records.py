"""Realistic nouns for the screens: five fleets, prices that step, proposals, an audit chain, hostile texts."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from policies.records import ClauseSaid, Decision, Facts, Proposal
from tools.records import (
    AdvisorBand,
    Alert,
    AuditEntry,
    CapacityPool,
    ChangeFleet,
    Evidence,
    FieldChange,
    Fleet,
    FleetRef,
    FleetRisk,
    FleetSample,
    FleetSummary,
    Hazard,
    HourlyCost,
    Instance,
    InstanceTypeOverride,
    Interruption,
    InterruptionForecast,
    Inventory,
    Opportunity,
    OpportunityAnalysis,
    PlacementScore,
    PoolForecast,
    PoolPrices,
    PoolSignal,
    Preview,
    PriceAnalysis,
    PricePoint,
    PurchaseMix,
    RiskScore,
    Tag,
    Watch,
    canonical_json,
    digest_of,
)

NOW = datetime(2026, 11, 18, 1, 14, 30, tzinfo=UTC)
ACCOUNT, REGION = "123456789012", "us-east-1"
HOSTILE = (
    "[@click=app.approve('A-1')]x[/]",
    "name[/]",
    "\x1b]52;c;aGk=\x07\x1b[2J",
    "\u202eevil\u202c",
    "\x9b31mred",
    "ze\u200bro\u200dwidth\u2066",
    "[bold red]loud[/bold red]",
    "줄\n바꿈\t탭",
    "<script>alert(1)</script> [link](javascript:x)",
    "&#27;[2J &#x202e;flip",
)


def ref(name: str, kind: str = "asg") -> FleetRef:
    return FleetRef.model_validate({"kind": kind, "fleet_id": name, "account_id": ACCOUNT, "region": REGION})


def summary(
    name: str,
    *,
    kind: str = "asg",
    spot: int,
    on_demand: int,
    usd: str | None,
    risk: str,
    pool: str | None,
    share: float | None,
    workload: str,
    types: tuple[str, ...],
    zones: tuple[str, ...] = ("us-east-1a", "us-east-1b", "us-east-1c"),
    covered: bool = False,
    fleet_id: str | None = None,
) -> FleetSummary:
    return FleetSummary.model_validate(
        {
            "ref": ref(fleet_id or name, kind),
            "name": name,
            "desired_capacity": spot + on_demand,
            "instances": spot + on_demand,
            "spot": spot,
            "on_demand": on_demand,
            "instance_types": types,
            "zones": zones,
            "largest_pool": pool,
            "largest_pool_share": share,
            "usd_per_hour": usd,
            "risk": risk,
            "covered_by_commitment": covered,
            "workload": workload,
        }
    )


def inventory() -> Inventory:
    fleets = (
        summary(
            "api-core",
            spot=0,
            on_demand=8,
            usd="0.5530",
            risk="low",
            pool=None,
            share=None,
            workload="api",
            types=("m6i.large",),
            covered=True,
        ),
        summary(
            "batch",
            spot=24,
            on_demand=0,
            usd="1.6210",
            risk="medium",
            pool="c6i.xlarge/use1-az2",
            share=0.42,
            workload="batch",
            types=("c6i.xlarge", "c5.xlarge", "m6i.xlarge"),
        ),
        summary(
            "ml-train",
            spot=10,
            on_demand=2,
            usd="6.1482",
            risk="high",
            pool="g5.xlarge/use1-az1",
            share=0.83,
            workload="training",
            types=("g5.xlarge", "g4dn.xlarge"),
        ),
        summary(
            "render",
            kind="ec2-fleet",
            fleet_id="fleet-73fbd2ce-aa30-494c-8788-1cee4f1e2a90",
            spot=6,
            on_demand=0,
            usd=None,
            risk="unknown",
            pool="c7g.2xlarge/use1-az4",
            share=1.0,
            workload="render",
            types=("c7g.2xlarge",),
        ),
        summary(
            "web-canary",
            spot=6,
            on_demand=4,
            usd="0.7718",
            risk="low",
            pool="m5.large/use1-az6",
            share=0.33,
            workload="web",
            types=("m5.large", "m6i.large", "m5a.large"),
        ),
    )
    return Inventory(fleets=fleets, usd_per_hour=None, as_of=NOW, source="DescribeAutoScalingGroups, DescribeFleets")


def hostile_inventory() -> Inventory:
    fleets = tuple(
        summary(
            text[:100],
            spot=1,
            on_demand=1,
            usd="1.0",
            risk="high",
            pool=text[:100],
            share=0.5,
            workload=text,
            types=(text[:60],),
            zones=(text[:60],),
        )
        for text in HOSTILE
    )
    return Inventory(fleets=fleets, usd_per_hour=Decimal(1), as_of=NOW, source=HOSTILE[0])


def fleet(name: str = "ml-train", tags: tuple[tuple[str, str], ...] | None = None) -> Fleet:
    told = tags if tags is not None else (("workload", "training"), ("team", "비전팀"), ("env", "prod"))
    zones = ("us-east-1a",) * 8 + ("us-east-1b",) * 4
    instances = tuple(
        Instance(
            instance_id=f"i-0a{n:015x}",
            instance_type="g5.xlarge" if n < 10 else "g4dn.xlarge",
            zone_name=zone,
            zone_id={"us-east-1a": "use1-az1", "us-east-1b": "use1-az2"}[zone],
            purchase_option="on-demand" if n >= 10 else "spot",
            state="running",
            launched_at=NOW - timedelta(hours=7 + n),
        )
        for n, zone in enumerate(zones)
    )
    mix = PurchaseMix(
        on_demand_base_capacity=2,
        on_demand_percentage_above_base=0,
        spot_allocation_strategy="lowest-price",
        overrides=(
            InstanceTypeOverride(instance_type="g5.xlarge"),
            InstanceTypeOverride(instance_type="g4dn.xlarge"),
        ),
    )
    return Fleet(
        ref=ref(name),
        desired_capacity=12,
        min_size=2,
        max_size=24,
        mix=mix,
        zones=("us-east-1a", "us-east-1b"),
        instances=instances,
        tags=tuple(Tag(key=k, value=v) for k, v in told),
        as_of=NOW,
        source="DescribeAutoScalingGroups",
    )


POOLS = (
    ("g4dn.xlarge", "use1-az2", 0.19, 0.526),
    ("g5.xlarge", "use1-az1", 0.44, 1.006),
    ("g5.xlarge", "use1-az2", 0.47, 1.006),
)


def prices(subject: str = "ml-train", names: tuple[str, ...] = ()) -> PriceAnalysis:
    pools = []
    for n, (kind, zone, level, list_price) in enumerate(POOLS):
        dice, at, price, points = random.Random(n), NOW - timedelta(hours=168), level, []
        while at < NOW:
            points.append(PricePoint(at=at, usd_per_hour=Decimal(f"{price:.4f}")))
            at += timedelta(hours=dice.uniform(3, 12))
            price = min(max(price * dice.uniform(0.93, 1.08), level * 0.85), level * 1.3)
        values = [p.usd_per_hour for p in points]
        mean = sum(values) / len(values)
        pools.append(
            PoolPrices(
                pool=CapacityPool(instance_type=names[n] if n < len(names) else kind, zone_name=None, zone_id=zone),
                current_usd_per_hour=values[-1],
                mean_usd_per_hour=Decimal(f"{mean:.4f}"),
                low_usd_per_hour=min(values),
                high_usd_per_hour=max(values),
                volatility=0.05,
                changes=len(points),
                on_demand_usd_per_hour=Decimal(str(list_price)),
                saving_share=1 - float(mean) / list_price,
                observed_from=points[0].at,
                observed_until=NOW,
                points=tuple(points),
            )
        )
    return PriceAnalysis(
        subject=subject,
        window_hours=168,
        pools=tuple(pools),
        as_of=NOW,
        source="EC2 DescribeSpotPriceHistory",
    )


def risk(name: str = "ml-train") -> FleetRisk:
    levels = ("medium", "high", "medium")
    scores = tuple(
        RiskScore.model_validate(
            {
                "pool": CapacityPool(instance_type=kind, zone_name=None, zone_id=zone),
                "level": level,
                "interruptions_per_100_hours": 0.15,
                "low": 0.08,
                "high": 0.3,
                "evidence": (Evidence(fact="price moves", value="9 in 7 days", source="price history"),),
                "missing": ("interruption history",),
            }
        )
        for (kind, zone, _, _), level in zip(POOLS, levels, strict=True)
    )
    return FleetRisk(
        fleet=name,
        level="high",
        pools=scores,
        largest_pool_share=0.83,
        advice=("83% of spot capacity sits in one pool: add g6.xlarge and g4dn.xlarge in three zones",),
        as_of=NOW,
        source="tools.risk",
    )


def pool_of(place: int) -> CapacityPool:
    kind, zone, _, _ = POOLS[place]
    return CapacityPool(instance_type=kind, zone_id=zone)


def signal(kind: str, place: int = 1, *, hours_ago: float) -> PoolSignal:
    return PoolSignal.model_validate(
        {
            "kind": kind,
            "pool": pool_of(place),
            "instance_id": "i-0a0000000000000ff",
            "at": NOW - timedelta(hours=hours_ago),
            "source": "EC2 events",
        }
    )


def signals() -> tuple[PoolSignal, ...]:
    """Two interruptions and a rebalance of the second pool, one interruption of the first, and a launch."""
    return (
        signal("interruption", 0, hours_ago=130),
        signal("rebalance", hours_ago=61),
        signal("interruption", hours_ago=60),
        signal("interruption", hours_ago=20),
        signal("launch", hours_ago=19.9),
    )


def within(
    minutes: float, probability: float | None, low: float | None = None, high: float | None = None
) -> Interruption:
    known = probability is not None
    return Interruption(
        horizon_minutes=minutes,
        probability=probability,
        low=low,
        high=high,
        method="constant hazard" if known else "none",
        abstains=None if known else "the Advisor knows no band and we hold no hours of this pool",
        as_of=NOW,
        source="1 - exp(-rate x hours)",
    )


def band(kind: str) -> AdvisorBand:
    return AdvisorBand(
        region=REGION,
        operating_system="Linux",
        instance_type=kind,
        band=2,
        label="10-15%",
        low_share=0.1,
        high_share=0.15,
        saving_share=0.6,
        as_of=NOW - timedelta(days=1),
        source="Spot Instance Advisor",
    )


def placement(score: int) -> PlacementScore:
    return PlacementScore(
        region=REGION,
        score=score,
        instance_types=("g5.xlarge", "g4dn.xlarge", "g6.xlarge"),
        target_capacity=10,
        as_of=NOW,
    )


def hazard(place: int, *, known: bool = True) -> Hazard:
    return Hazard(
        pool=pool_of(place),
        per_100_hours=0.6 if known else None,
        low=0.2 if known else None,
        high=1.4 if known else None,
        prior="the Advisor's band" if known else "none",
        exposure=None,
        abstains=None if known else "no band, no hours",
        evidence=(),
        missing=(),
    )


CHANCES = (
    ((0.004, 0.001, 0.011), (0.021, 0.007, 0.06), (0.09, 0.03, 0.21), (0.17, 0.06, 0.38)),
    ((0.14, 0.0004, 0.57), (0.38, 0.002, 0.993), (0.57, 0.01, 0.9999), (0.65, 0.01, 1.0)),
    None,
)
"""of the three pools: (probability, low, high) within 1 h, 6 h, 24 h, 2 days; nothing is known of the third"""


def forecast(subject: str = "ml-train") -> InterruptionForecast:
    levels = ("low", "high", "unknown")
    pools = []
    for place, (level, chances) in enumerate(zip(levels, CHANCES, strict=True)):
        rows = chances or ((None, None, None),) * 4
        pools.append(
            PoolForecast.model_validate(
                {
                    "pool": pool_of(place),
                    "level": level,
                    "within": tuple(within(m, *row) for m, row in zip((60, 360, 1440, 2880), rows, strict=True)),
                    "hazard": hazard(place, known=chances is not None),
                    "advisor": band(POOLS[place][0]) if chances else None,
                    "placement": placement(3 + place) if chances else None,
                    "missing": ("own interruption records of this pool",),
                }
            )
        )
    return InterruptionForecast(
        subject=subject, pools=tuple(pools), as_of=NOW, source="EC2 DescribeSpotPriceHistory, Spot Instance Advisor"
    )


def choice() -> OpportunityAnalysis:
    words = ("use", "avoid", "unknown")
    pools = []
    for place, (prices_, chances, word) in enumerate(zip(prices().pools, CHANCES, words, strict=True)):
        day = within(1440, *(chances[2] if chances else (None, None, None)))
        pools.append(
            Opportunity.model_validate(
                {
                    "pool": pool_of(place),
                    "prices": prices_.with_(points=()),
                    "within": (day,),
                    "hazard": hazard(place, known=chances is not None),
                    "placement": placement(3 + place) if chances else None,
                    "advisor": band(POOLS[place][0]) if chances else None,
                    "availability_share": None,
                    "baseline_usd_per_hour": prices_.on_demand_usd_per_hour,
                    "saving_share": prices_.saving_share,
                    "saving_usd_per_hour": None,
                    "overhead_share": 0.01 if chances else None,
                    "usd_per_useful_hour": prices_.mean_usd_per_hour if chances else None,
                    "score": 0.8 - 0.2 * place if chances else None,
                    "score_low": 0.3 if chances else None,
                    "score_high": 0.9 if chances else None,
                    "guide_score": None,
                    "recommendation": word,
                    "reasons": ("a useful hour on spot costs less than on demand",),
                    "missing": () if chances else ("how often it is interrupted",),
                }
            )
        )
    return OpportunityAnalysis(
        region=REGION,
        asked={"subjects": "ml-train"},
        horizon_hours=24,
        window_hours=24,
        opportunities=tuple(pools),
        left_out=(),
        commitments="none",
        assumptions=("a restart takes 10 min",),
        as_of=NOW,
        source="EC2 DescribeSpotPriceHistory, AWS Price List",
    )


def alert(kind: str = "concentration", subject: str = "asg/ml-train", *, severity: str = "warning") -> Alert:
    return Alert.model_validate(
        {
            "alert_id": f"{kind}-{subject}",
            "kind": kind,
            "subject": subject,
            "severity": severity,
            "message": "ml-train: 8 of 10 spot instances in g5.xlarge/use1-az1: one event can take them all",
            "value": "80%",
            "raised_at": NOW - timedelta(minutes=20),
            "seen_at": NOW,
            "times_seen": 3,
        }
    )


def watch(alerts: tuple[Alert, ...] | None = None) -> Watch:
    sample = FleetSample(
        fleet=ref("ml-train"),
        name="ml-train",
        at=NOW,
        desired_capacity=12,
        running_spot=10,
        running_on_demand=2,
        usd_per_hour=Decimal("6.1482"),
        level="high",
        pools={"g5.xlarge/use1-az1": 8, "g5.xlarge/use1-az2": 2},
    )
    found = (alert(),) if alerts is None else alerts
    return Watch(fleets=(sample,), alerts=found, samples=40, since=NOW, as_of=NOW, source="archive")


def cost(list_: str | None, contracted: str | None, effective: str | None) -> HourlyCost:
    return HourlyCost.model_validate(
        {
            "list_usd_per_hour": list_,
            "contracted_usd_per_hour": contracted,
            "effective_usd_per_hour": effective,
            "unused_commitment_usd_per_hour": "0",
        }
    )


def proposal(
    proposal_id: str = "P-7K2",
    *,
    name: str = "ml-train",
    replaced: int = 2,
    rationale: str = "83% of the spot capacity sits in one pool, and it was taken twice last week.",
) -> Proposal:
    action = ChangeFleet(
        fleet=ref(name),
        on_demand_base_capacity=3,
        spot_allocation_strategy="price-capacity-optimized",
        instance_types=("g5.xlarge", "g4dn.xlarge", "g6.xlarge"),
    )
    preview = Preview(
        fleet=ref(name),
        state_fingerprint=digest_of({"state": name}),
        changes=(
            FieldChange(sign="~", field="on_demand_base_capacity", before="2", after="3"),
            FieldChange(
                sign="~", field="spot_allocation_strategy", before="lowest-price", after="price-capacity-optimized"
            ),
            FieldChange(sign="+", field="instance_types", before="", after="g6.xlarge"),
        ),
        replaced_instances=tuple(f"i-0a{n:015x}" for n in range(replaced)),
        instances_launched=replaced,
        instances_total=12,
        cost_before=cost("12.0720", "6.4152", "6.4152"),
        cost_after=cost("12.0720", "6.2860", "6.2860"),
        added_cost_usd_per_day=Decimal("-3.10"),
        risk_before="high",
        risk_after="medium",
        reversible=True,
        calls=("autoscaling:UpdateAutoScalingGroup",),
        warnings=("changing a purchase mix replaces running instances, new before old",) if replaced else (),
        price_as_of=NOW - timedelta(minutes=4),
        as_of=NOW,
        source="DescribeAutoScalingGroups",
    )
    return Proposal(
        proposal_id=proposal_id,
        action=action,
        fleet=ref(name),
        rationale=rationale,
        proposed_by="agent:offline planner",
        preview=preview,
        state_seen={"state": name},
        facts=Facts(account_id=ACCOUNT, region=REGION, fleet=name),
        created_at=NOW,
    )


def decision(verdict: str = "ask", reason: str = "mode approve: a person must say yes") -> Decision:
    said = (
        ClauseSaid.model_validate({"clause": "ml-approve/mode", "verdict": verdict, "reason": reason}),
        ClauseSaid(clause="blast_radius/max_instances_replaced", verdict="allow", reason="2 of 5 in 1h"),
        ClauseSaid(clause="budgets/extra-spend", verdict="allow", reason="-3.10 of 50 USD a day"),
        ClauseSaid(clause="protect/tags", verdict="allow", reason="no protected tag"),
    )
    return Decision.model_validate(
        {
            "verdict": verdict,
            "clauses": ("ml-approve/mode",),
            "reasons": (reason,),
            "said": said,
            "policy": "ml-approve",
            "policy_digest": digest_of("policy"),
            "mode": "approve",
            "judged_at": NOW,
        }
    )


_EVENTS = (
    ("session", "person:minji", {"title": "session started", "mode": "approve"}),
    ("question", "person:minji", {"text": "ml-train은 왜 위험해?"}),
    ("proposal", "agent:offline planner", {"proposal_id": "P-7K2", "fleet": "ml-train", "title": "set-purchase-mix"}),
    ("decision", "policy:ml-approve", {"verdict": "ask", "reason": "mode approve: a person must say yes"}),
    ("approval", "person:minji", {"answer": "approve", "reason": "after the deploy"}),
    ("intent", "actuation", {"permit": {"kind": "change-fleet"}, "fleet": "ml-train"}),
    ("outcome", "actuation", {"status": "done", "message": "UpdateAutoScalingGroup took effect, read back"}),
    ("notice", "reflex", {"message": "interruption of i-0a00000000000003, 118 s left"}),
    ("outcome", "reflex", {"status": "done", "message": "checkpoint asked for, replacement launched"}),
)


def audit(count: int = 23, texts: tuple[str, ...] = ()) -> tuple[AuditEntry, ...]:
    """Newest first. Hashes look right and prove nothing: the screens do not check them."""
    entries, previous = [], "0" * 64
    for seq in range(1, count + 1):
        kind, actor, payload = _EVENTS[(seq - 1) % len(_EVENTS)]
        if texts:
            payload = {"message": texts[seq % len(texts)]}
        body = canonical_json(payload)
        digest = digest_of([seq, body, previous])
        at = NOW - timedelta(seconds=37 * (count - seq))
        entries.append(
            AuditEntry(seq=seq, at=at, actor=actor, kind=kind, payload=body, previous_hash=previous, hash=digest)
        )
        previous = digest
    return tuple(reversed(entries))
