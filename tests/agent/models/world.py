"""A fixed account for the planner's tests: real records behind tools of the catalogue's names and shapes."""

from datetime import timedelta
from decimal import Decimal

from tests.agent.models.account import FLEETS, HOSTILE, NOW, ZONES, FixedClock, fleet, known, ref
from tests.agent.models.risk_world import (
    analyze_spot_opportunities,
    assess_instances,
    forecast_interruptions,
    scan_market,
    watch_fleets,
)
from tools.cloud import Clock, CloudReader
from tools.desk import AuditReader, Desk
from tools.errors import UsageError
from tools.fleets.operate import FleetOperation
from tools.records import (
    AuditEntry,
    AuditFindings,
    CancelInstanceRefresh,
    CapacityPool,
    ChangeFleet,
    Checkpoint,
    CheckpointFile,
    CheckpointInventory,
    CheckpointManifest,
    CommitmentUse,
    CostReport,
    Evidence,
    FieldChange,
    Fleet,
    FleetAction,
    FleetCost,
    FleetRisk,
    FleetSummary,
    HourlyCost,
    InstanceOperation,
    Inventory,
    OperateInstances,
    PoolPrices,
    Preview,
    PriceAnalysis,
    ReplaceInstances,
    RestoreCheckpoint,
    RiskScore,
    SpotAllocationStrategy,
    StartInstanceRefresh,
    canonical_json,
)
from tools.tool import tool

_fleet, _row = fleet, known


@tool(effect="read", iam=(), example={})
def list_fleets(reader: CloudReader, clock: Clock) -> Inventory:
    """Every fleet."""
    return Inventory(
        fleets=tuple(
            FleetSummary(
                ref=ref(name),
                name=name,
                desired_capacity=row[0],
                instances=row[0],
                spot=row[1],
                on_demand=row[0] - row[1],
                instance_types=row[2],
                zones=ZONES,
                largest_pool=f"{row[2][0]}/us-east-1a",
                largest_pool_share=0.6,
                usd_per_hour=Decimal(row[7]),
                risk=row[8],
                covered_by_commitment=name == "api-core",
                workload=row[6] if name != "batch" else HOSTILE,
            )
            for name, row in FLEETS.items()
        ),
        usd_per_hour=Decimal("8.0251"),
        as_of=NOW,
        source="autoscaling, EC2 spot price history",
    )


@tool(effect="read", iam=(), example={"fleet": "ml-train"})
def describe_fleet(reader: CloudReader, fleet: str) -> Fleet:
    """One fleet."""
    return _fleet(fleet)


@tool(effect="read", iam=(), example={"fleet": "ml-train", "window_hours": 24})
def analyze_prices(reader: CloudReader, clock: Clock, fleet: str, window_hours: int) -> PriceAnalysis:
    """Prices."""
    types = (fleet,) if "." in fleet else _row(fleet)[2]
    known = min(window_hours, 2160)
    return PriceAnalysis(
        subject=fleet,
        window_hours=window_hours,
        pools=tuple(
            PoolPrices(
                pool=CapacityPool(instance_type=t, zone_name="us-east-1a"),
                current_usd_per_hour=Decimal("0.4021"),
                mean_usd_per_hour=Decimal("0.3987"),
                low_usd_per_hour=Decimal("0.3811"),
                high_usd_per_hour=Decimal("0.4310"),
                volatility=0.021,
                changes=7,
                on_demand_usd_per_hour=Decimal("1.0060") if t.startswith("g5") else None,
                saving_share=0.6037 if t.startswith("g5") else None,
                observed_from=NOW - timedelta(hours=known),
                observed_until=NOW,
            )
            for t in types
        ),
        known_since=NOW - timedelta(hours=known) if known < window_hours else None,
        as_of=NOW,
        source="EC2 DescribeSpotPriceHistory, AWS Price List",
    )


@tool(effect="read", iam=(), example={"fleet": "ml-train"})
def score_risk(reader: CloudReader, clock: Clock, fleet: str) -> FleetRisk:
    """Risk."""
    row = known(fleet)
    return FleetRisk(
        fleet=fleet,
        level=row[8],
        pools=tuple(
            RiskScore(
                pool=CapacityPool(instance_type=t, zone_name="us-east-1a"),
                level=row[8],
                interruptions_per_100_hours=None,
                low=None,
                high=None,
                evidence=(
                    Evidence(fact="spot price against on-demand", value="40% of on-demand", source="EC2", as_of=NOW),
                ),
                missing=("own interruption records of this pool",),
            )
            for t in row[2]
        ),
        largest_pool_share=0.6 if row[1] else None,
        advice=("add pools in other zones",),
        as_of=NOW,
        source="EC2 DescribeSpotPriceHistory",
    )


def cost(amount: str) -> HourlyCost:
    value = Decimal(amount)
    return HourlyCost(
        list_usd_per_hour=value * 3,
        contracted_usd_per_hour=value * 2,
        effective_usd_per_hour=value,
        unused_commitment_usd_per_hour=Decimal(0),
    )


@tool(effect="read", iam=(), example={})
def report_costs(reader: CloudReader, clock: Clock) -> CostReport:
    """Costs."""
    return CostReport(
        fleets=tuple(
            FleetCost(
                fleet=name,
                instances=row[0],
                spot=row[1],
                now=cost(row[7]),
                saved_usd_per_hour=Decimal("1.25"),
                potential_usd_per_hour=Decimal("0.5130") if name == "web-canary" else Decimal("-0.3300"),
                potential_note="don't: its hours are paid by a Savings Plan"
                if name == "api-core"
                else "3 more on spot",
            )
            for name, row in FLEETS.items()
        ),
        total=cost("8.0251"),
        effective_savings_rate_share=0.61,
        commitments=(
            CommitmentUse(
                savings_plan_id="sp-1",
                commitment_usd_per_hour=Decimal("0.55"),
                used_usd_per_hour=Decimal("0.5376"),
                utilisation_share=0.977,
                covers=("api-core",),
                ends_at=NOW + timedelta(days=200),
            ),
        ),
        not_rated=(),
        as_of=NOW,
        source="EC2, AWS Price List, Savings Plans",
    )


@tool(effect="read", iam=(), example={"fleet": "batch", "on_demand_base_capacity": None, "on_demand_percentage_above_base": None,
                                      "spot_allocation_strategy": None, "instance_types": None, "desired_capacity": 30})  # fmt: skip
def preview_change(
    reader: CloudReader,
    clock: Clock,
    fleet: str,
    on_demand_base_capacity: int | None,
    on_demand_percentage_above_base: int | None,
    spot_allocation_strategy: SpotAllocationStrategy | None,
    instance_types: tuple[str, ...] | None,
    desired_capacity: int | None,
) -> Preview:
    """Preview."""
    found = _fleet(fleet)
    wanted = {
        "on_demand_base_capacity": on_demand_base_capacity,
        "on_demand_percentage_above_base": on_demand_percentage_above_base,
        "spot_allocation_strategy": spot_allocation_strategy,
        "instance_types": instance_types,
        "desired_capacity": desired_capacity,
    }
    if found.mix is None and any(v is not None for k, v in wanted.items() if k != "desired_capacity"):
        raise UsageError(f"{fleet} has no mixed instances policy", hint="give the group one first")
    today = {**(found.mix.model_dump() if found.mix else {}), "instance_types": found.instance_types,
             "desired_capacity": found.desired_capacity}  # fmt: skip
    changes = tuple(
        FieldChange(sign="~", field=k, before=str(today.get(k)), after=str(v))
        for k, v in wanted.items()
        if v is not None and today.get(k) != v
    )
    return Preview(
        fleet=found.ref,
        state_fingerprint="f" * 64,
        changes=changes,
        replaced_instances=tuple(i.instance_id for i in found.instances[:3]) if instance_types else (),
        instances_launched=3,
        instances_total=len(found.instances),
        cost_before=cost("5.4321"),
        cost_after=cost("6.0042"),
        added_cost_usd_per_day=Decimal("13.73"),
        risk_before="high",
        risk_after="medium",
        reversible=True,
        calls=("autoscaling:UpdateAutoScalingGroup",),
        warnings=("AWS replaces running instances",) if instance_types else (),
        price_as_of=NOW,
        as_of=NOW,
        source="computed",
    )


@tool(effect="write", iam=(), example=preview_change.example)
def change_fleet(
    reader: CloudReader,
    fleet: str,
    on_demand_base_capacity: int | None,
    on_demand_percentage_above_base: int | None,
    spot_allocation_strategy: SpotAllocationStrategy | None,
    instance_types: tuple[str, ...] | None,
    desired_capacity: int | None,
) -> ChangeFleet:
    """Change a fleet."""
    return ChangeFleet(
        fleet=_fleet(fleet).ref,
        on_demand_base_capacity=on_demand_base_capacity,
        on_demand_percentage_above_base=on_demand_percentage_above_base,
        spot_allocation_strategy=spot_allocation_strategy,
        instance_types=instance_types,
        desired_capacity=desired_capacity,
    )


@tool(effect="read", iam=(), example={"fleet": "ml-train"})
def list_checkpoints(reader: CloudReader, clock: Clock, fleet: str) -> CheckpointInventory:
    """Checkpoints."""
    if known(fleet)[6] not in {"training", "batch"}:
        raise UsageError(f"{fleet} names no checkpoint store", hint="tag it spotwarden:checkpoints")
    file = CheckpointFile(name="model.bin", size_bytes=1_000_000, sha256="a" * 64)
    whole = CheckpointManifest(
        job_id=fleet, checkpoint_id="ckpt-000042", step=4200, progress_share=0.42, files=(file,),
        saved_at=NOW - timedelta(minutes=25), saved_by="i-00000000000001001",
    )  # fmt: skip
    return CheckpointInventory(
        fleet=ref(fleet),
        job_id=fleet,
        bucket="acme-checkpoints",
        checkpoints=(
            Checkpoint(job_id=fleet, checkpoint_id="ckpt-000043", manifest=None, manifest_sha256=None, whole=False, problem="no manifest"),
            Checkpoint(job_id=fleet, checkpoint_id="ckpt-000042", manifest=whole, manifest_sha256="b" * 64, whole=True),
        ),
        newest_whole="ckpt-000042",
        age_seconds=1500,
        as_of=NOW,
        source="s3://acme-checkpoints",
    )  # fmt: skip


@tool(effect="write", iam=(), example={"fleet": "ml-train", "checkpoint_id": None})
def restore_checkpoint(reader: CloudReader, fleet: str, checkpoint_id: str | None) -> RestoreCheckpoint:
    """Restore."""
    known(fleet)
    return RestoreCheckpoint(
        fleet=ref(fleet), job_id=fleet, bucket="acme-checkpoints", checkpoint_id=checkpoint_id or "ckpt-000042",
        manifest_sha256="b" * 64,
    )  # fmt: skip


@tool(effect="write", iam=(), example={"fleet": "batch", "instance_ids": ["i-00000000000002001"]})
def replace_instances(reader: CloudReader, fleet: str, instance_ids: tuple[str, ...]) -> ReplaceInstances:
    """Replace."""
    known(fleet)
    return ReplaceInstances(fleet=ref(fleet), instance_ids=instance_ids)


@tool(
    effect="write",
    iam=(),
    example={
        "fleet": "batch",
        "operation": "enter-standby",
        "instance_ids": ["i-00000000000002001"],
        "lower_desired_capacity": False,
    },
)
def operate_instances(
    reader: CloudReader,
    fleet: str,
    operation: InstanceOperation,
    instance_ids: tuple[str, ...],
    lower_desired_capacity: bool,
) -> OperateInstances:
    """Operate instances."""
    return OperateInstances(
        fleet=ref(fleet),
        operation=operation,
        instance_ids=instance_ids,
        lower_desired_capacity=lower_desired_capacity,
    )


@tool(
    effect="write",
    iam=(),
    example={"fleet": "batch", "operation": "start-instance-refresh", "min_healthy_percentage": None},
)
def operate_fleet(
    reader: CloudReader, fleet: str, operation: FleetOperation, min_healthy_percentage: int | None
) -> FleetAction:
    """Operate a fleet."""
    known(fleet)
    if operation == "cancel-instance-refresh":
        return CancelInstanceRefresh(fleet=ref(fleet), instance_refresh_id="r-1")
    return StartInstanceRefresh(
        fleet=ref(fleet), min_healthy_percentage=90, instance_warmup_seconds=300, skip_matching=True
    )


@tool(effect="write", iam=(), example={"proposal_id": None, "fleet": "batch"})
def roll_back(reader: CloudReader, proposal_id: str | None, fleet: str | None) -> ChangeFleet:
    """Roll back."""
    known(fleet or "")
    return ChangeFleet(fleet=ref(fleet or ""), on_demand_base_capacity=4)


LOG = (
    ("outcome", {"proposal_id": "p-7", "fleet_id": "ml-train", "status": "done", "message": "ml-train set",
                 "before": {"on_demand_base_capacity": 4}, "after": {"on_demand_base_capacity": 2}}),
    ("approval", {"proposal_id": "p-7", "fleet_id": "ml-train", "answer": "approve", "by": "kim", "reason": HOSTILE}),
    ("notice", {"kind": "interruption", "instance_id": "i-00000000000001003", "fleet_id": "ml-train"}),
)  # fmt: skip


@tool(effect="read", iam=(), example={"text": "ml-train"})
def search_audit(audit: AuditReader, clock: Clock, text: str) -> AuditFindings:
    """Search the audit log."""
    entries = tuple(
        AuditEntry(seq=len(LOG) - n, at=NOW - timedelta(hours=n + 1), actor="person:kim", kind=kind,
                   payload=canonical_json(payload), previous_hash="0" * 64, hash="1" * 64)
        for n, (kind, payload) in enumerate(LOG)
    )  # fmt: skip
    hits = tuple(e for e in entries if all(w in f"{e.kind} {e.payload}".lower() for w in text.lower().split()))
    return AuditFindings(query=text, entries=hits, searched=len(LOG), as_of=NOW)


CATALOG = (
    list_fleets, describe_fleet, analyze_prices, score_risk, report_costs, preview_change, change_fleet,
    list_checkpoints, restore_checkpoint, replace_instances, search_audit, forecast_interruptions, assess_instances,
    analyze_spot_opportunities, scan_market, watch_fleets, operate_instances, operate_fleet, roll_back,
)  # fmt: skip
WRITES = frozenset(t.name for t in CATALOG if t.effect == "write")


def desk() -> Desk:
    return Desk(reader=None, clock=FixedClock(), audit=None, archive=None, advisor=None)  # type: ignore[arg-type]  # these tools read no cloud


__all__ = ["CATALOG", "FLEETS", "HOSTILE", "NOW", "WRITES", "desk", "fleet", "ref"]
