"""Policy decisions a second: `decide` as callers call it, whole Decision records out, on parsed records.

typed   ten policies of five typed clauses each, all matching one action, so that all fifty are asked
when    the same with one `when:` in five of the policies, all five evaluated
The baseline beside them is the cheapest possible judge: reading fifty facts and comparing each with a number.
"""

import gc
import json
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from policies.document import Policy, parse_policy
from policies.engine import decide
from policies.records import Facts
from tools.records import ChangeFleet, FleetRef

NOW = datetime(2026, 11, 19, 2, tzinfo=UTC)
REPEATS = 7
_WHENS = (
    "facts.added_cost_usd_per_day < 100.0 && facts.zones > 1",
    'facts.tags["team"] == "batch"',
    "facts.instances <= 400 || facts.risk_after == 'low'",
    'action.kind == "change-fleet"',
    "facts.largest_pool_share_after < 0.9",
)
_POLICY = """
  - name: policy-{n}
    resource: aws.asg
    filters: [{{"tag:workload": batch}}]
    mode: {{type: autonomous}}
    capacity:
      on_demand_base: {{min: 1}}
      spot_floor_percent: 10
    diversification: {{min_azs: 2, max_share_per_pool_percent: 90}}
    limits: {{max_risk: high}}
    {when}
    actions: [set-purchase-mix]
"""


def fifty_clauses(*, whens: int) -> Policy:
    """Ten policies of five typed clauses; the first `whens` of them carry a CEL expression."""
    head = 'version: 1\naccounts: [{id: "123456789012", regions: [us-east-1], write_role: current}]\npolicies:'
    body = "".join(_POLICY.format(n=n, when=f"when: {json.dumps(_WHENS[n])}" if n < whens else "") for n in range(10))
    return parse_policy(head + body, source="bench")


def case(number: int) -> tuple[ChangeFleet, Facts]:
    """One action and its facts; the numbers differ from case to case."""
    ref = FleetRef(kind="asg", fleet_id="batch", account_id="123456789012", region="us-east-1")
    mix = {
        "on_demand_base_capacity": 1 + number % 5,
        "on_demand_percentage_above_base": number % 50,
        "spot_allocation_strategy": "price-capacity-optimized",
        "overrides": [{"instance_type": f"m{n}i.large"} for n in range(6)],
    }
    facts = {
        "account_id": "123456789012",
        "region": "us-east-1",
        "resource": "aws.asg",
        "fleet": "batch",
        "tags": {"workload": "batch", "team": "batch"},
        "desired_capacity": 100,
        "instances": 100 + number % 7,
        "desired_capacity_after": 100,
        "on_demand_instances_after": number % 80,
        "zones": 3,
        "largest_pool_share_after": 0.3,
        "scale_in_protected": 0,
        "instances_replaced": number % 9,
        "use": {"instances_replaced": {"1h": 0}},
        "added_cost_usd_per_day": "-1.5",
        "risk_after": "low",
        "audit_verified": True,
        "kill_switch": False,
        "mix_after": mix,
    }
    return ChangeFleet(fleet=ref, on_demand_base_capacity=1 + number % 5), Facts.model_validate(facts)


def run() -> list[dict[str, Any]]:
    """Rows {what, ours, unit, baseline, …}: medians of several rounds in one process, one core."""
    cases = [case(n) for n in range(500)]
    plain = _rate(_deciding(fifty_clauses(whens=0), cases), 20_000)
    with_when = _rate(_deciding(fifty_clauses(whens=5), cases), 5_000)
    floor = _rate(_floor(cases), 20_000)
    lane = fifty_clauses(whens=0).compiled.lane(*cases[0])
    asked = len(lane.bench(tuple(match(cases[0][1]) for match in lane.matches)).asks)
    return [
        {
            "what": f"policy decisions, 50 typed clauses all eligible ({asked} clauses asked)",
            "ours": round(plain["per_second"]),
            "unit": "decisions/s on one core",
            "goal": "≥ 100,000; p99 ≤ 50 µs",
            "p50_us": plain["p50_us"],
            "p99_us": plain["p99_us"],
            "baseline": f"{floor['per_second']:,.0f}/s: fifty reads and comparisons in plain Python",
            "ratio": plain["per_second"] / floor["per_second"],
        },
        {
            "what": "policy decisions, the same with five `when:` evaluated",
            "ours": round(with_when["per_second"]),
            "unit": "decisions/s on one core",
            "goal": "≥ 15,000",
            "p50_us": with_when["p50_us"],
            "p99_us": with_when["p99_us"],
            "baseline": f"{plain['per_second']:,.0f}/s: without `when:`",
            "ratio": with_when["per_second"] / plain["per_second"],
        },
    ]


def _deciding(policy: Policy, cases: list[tuple[ChangeFleet, Facts]]) -> Callable[[int], None]:
    def once(number: int) -> None:
        action, facts = cases[number % 500]
        decision = decide(action, facts, policy, now=NOW + timedelta(seconds=number))
        if decision.verdict != "allow":
            raise AssertionError(decision.reasons)

    return once


def _floor(cases: list[tuple[ChangeFleet, Facts]]) -> Callable[[int], None]:
    def once(number: int) -> None:
        _, facts = cases[number % 500]
        for _ in range(50):
            if facts.zones is None or facts.zones < 2:
                raise AssertionError

    return once


def _rate(once: Callable[[int], None], count: int) -> dict[str, float]:
    """Throughput without a clock in the loop; latency one by one; medians over the rounds."""
    for number in range(1_000):
        once(number)
    rates, p50, p99 = [], [], []
    gc.collect()
    for _ in range(REPEATS):
        start = time.perf_counter()
        for number in range(count):
            once(number)
        rates.append(count / (time.perf_counter() - start))
        taken = sorted(_timed(once, number) for number in range(count // 4))
        p50.append(taken[len(taken) // 2])
        p99.append(taken[len(taken) * 99 // 100])
    return {
        "per_second": statistics.median(rates),
        "p50_us": round(statistics.median(p50), 2),
        "p99_us": round(statistics.median(p99), 2),
    }


def _timed(once: Callable[[int], None], number: int) -> float:
    start = time.perf_counter()
    once(number)
    return (time.perf_counter() - start) * 1e6


if __name__ == "__main__":
    for row in run():
        print(json.dumps(row, ensure_ascii=False))
