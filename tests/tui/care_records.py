"""Nouns of aftercare for the screens: changes of a fleet, and the watches after them."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from agent.journal.watches import WatchedChange
from tests.tui.records import NOW, ref
from tools.desk import ChangeMade
from tools.fleets.verdicts import Baseline, Check, Verdict
from tools.records import ChangeFleet
from tui.care import FleetChange

CAPACITY = "capacity: 12 of 12 in service"
COST = "cost: $6.29/h, foretold $6.29/h (+0 %, allowed 20 %)"
MOMENT = timedelta(minutes=3)


def verdict(health: str = "healthy", text: str = CAPACITY) -> Verdict:
    checks = (Check.model_validate({"name": "capacity", "health": health, "text": text}),)
    more = (Check(name="cost", health="healthy", text=COST),)
    return Verdict.model_validate({"health": health, "checks": checks + more, "at": NOW})


def watched(
    status: str = "watching", proposal_id: str = "P-7K2", fleet: str = "asg/ml-train", **more: Any
) -> WatchedChange:
    baseline = Baseline(
        desired_capacity=12,
        desired_capacity_after=12,
        single=False,
        in_service=12,
        on_demand=2,
        spot=10,
        usd_per_hour=Decimal("6.42"),
        foretold_usd_per_hour=Decimal("6.29"),
        price_as_of=NOW,
        unhealthy_targets={},
        at=NOW - MOMENT,
    )
    said: dict[str, Any] = {
        "proposal_id": proposal_id,
        "fleet": fleet,
        "seconds": 1200,
        "on_fail": "rollback",
        "status": status,
        "changed_at": NOW - MOMENT,
        "until": NOW - MOMENT + timedelta(minutes=20),
        "ended_at": None if status in {"watching", "failed"} else NOW,
        "rollback_id": None,
        "told": "" if status == "watching" else f"{CAPACITY}; {COST}",
        "attended_by": None,
        "attended_until": None,
        "baseline": baseline,
        "verdict": verdict(),
    }
    return WatchedChange.model_validate(said | more)


def change(proposal_id: str = "P-7K2", *, minutes_ago: int = 3, name: str = "ml-train", base: int = 1) -> ChangeMade:
    return ChangeMade(
        proposal_id=proposal_id,
        intent_id=f"I-{proposal_id}",
        action=ChangeFleet(fleet=ref(name), on_demand_base_capacity=base),
        before={"on_demand_base_capacity": base + 1},
        after={"on_demand_base_capacity": base},
        status="done",
        at=NOW - timedelta(minutes=minutes_ago),
    )


def changes() -> tuple[FleetChange, ...]:
    """One is watched, one was verified, one was set back, one nobody watched."""
    return (
        FleetChange(change("P-7K2"), "agent:offline planner", watched(), None),
        FleetChange(change("P-7J1", minutes_ago=65, base=2), "minji", watched("passed", "P-7J1"), None),
        FleetChange(change("P-7H4", minutes_ago=300, base=3), "autonomy", watched("rolled-back", "P-7H4"), "P-7H5"),
        FleetChange(change("P-7A0", minutes_ago=3000, base=4), "minji", None, None),
    )
