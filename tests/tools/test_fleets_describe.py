"""The inventory: whole for the screens, narrowed on request, and for a model a summary whose totals are of every fleet."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from agent.inventory import ALL_SHOWN, DEAREST, RISKIEST
from agent.toolbelt import MAX_TEXT_BYTES, text_for_model
from tests.forked_accounts import started
from tools.aws.session import AwsAccount, open_account
from tools.errors import UsageError
from tools.fleets.describe import list_fleets
from tools.records import FleetRef, FleetSummary, Inventory
from tools.simulation.client import SimulatedAccount

NOW = datetime(2026, 11, 18, 1, tzinfo=UTC)
MOST_TOKENS = 4_000
"""of four characters"""
RISKS = ("high", "medium", "unknown", "low")


def drawn(seed: int) -> tuple[FleetSummary, ...]:
    """Some account, of 0 to 60 fleets."""
    dice = Random(seed)
    return tuple(
        _summary(
            number,
            spot=dice.randrange(40),
            on_demand=dice.randrange(40),
            cost=None if dice.random() < 0.05 else Decimal(dice.randrange(9_000_000)) / 10_000,
            risk=dice.choice(RISKS),
            workload=dice.choice([None, *(f"work-{n}" for n in range(15))]),
        )
        for number in range(dice.choice((0, 1, 5, ALL_SHOWN, ALL_SHOWN + 1, dice.randrange(61))))
    )


def _summary(
    number: int, *, spot: int, on_demand: int, cost: Decimal | None, risk: Any, workload: str | None
) -> FleetSummary:
    name = f"team-{number % 7}-service-{number:05d}"
    return FleetSummary(
        ref=FleetRef(kind="asg", fleet_id=name, account_id="123456789012", region="us-east-1"),
        name=name,
        desired_capacity=spot + on_demand,
        instances=spot + on_demand,
        spot=spot,
        on_demand=on_demand,
        instance_types=tuple(f"m{n}i.2xlarge" for n in range(number % 9)),
        zones=("us-east-1a", "us-east-1b", "us-east-1c"),
        largest_pool="m5.2xlarge/use1-az1" if spot else None,
        largest_pool_share=0.5 if spot else None,
        usd_per_hour=cost,
        risk=risk,
        covered_by_commitment=False,
        workload=workload,
    )


accounts = pytest.mark.parametrize("fleets", [drawn(seed) for seed in range(40)], ids=range(40))


def told(fleets: tuple[FleetSummary, ...]) -> dict[str, Any]:
    inventory = Inventory(fleets=fleets, usd_per_hour=None, as_of=NOW, source="test")
    body: dict[str, Any] = json.loads(text_for_model("list_fleets", inventory))["result"]
    return body


def _added(rows: list[dict[str, Any]]) -> tuple[int, int, int, Decimal]:
    counts = (sum(r[k] for r in rows) for k in ("fleets", "instances", "spot"))
    fleets, instances, spot = counts
    return fleets, instances, spot, sum((Decimal(r["usd_per_hour"] or 0) for r in rows), Decimal(0))


@accounts
def test_totals_are_of_every_fleet_shown_or_not(fleets: tuple[FleetSummary, ...]) -> None:
    body = told(fleets)
    known = [f.usd_per_hour for f in fleets if f.usd_per_hour is not None]
    assert body["fleets_total"] == len(fleets)
    totals = body["totals"]
    assert totals["instances"] == totals["spot"] + totals["on_demand"] == sum(f.instances for f in fleets)
    assert Decimal(totals["usd_per_hour"] or 0) == sum(known, Decimal(0))
    assert totals.get("fleets_of_unknown_cost", 0) == len(fleets) - len(known)
    assert body["by_risk"] == dict(Counter(f.risk for f in fleets))


@accounts
def test_the_parts_by_workload_add_up_to_the_totals(fleets: tuple[FleetSummary, ...]) -> None:
    body = told(fleets)
    parts = body["by_workload"] + ([body["other_workloads"]] if "other_workloads" in body else [])
    total = body["totals"]
    whole = {"fleets": len(fleets), **{k: total[k] for k in ("instances", "spot", "usd_per_hour")}}
    assert _added(parts) == _added([whole])


@accounts
def test_what_is_left_out_is_counted_and_what_is_shown_is_the_riskiest_and_the_dearest(
    fleets: tuple[FleetSummary, ...],
) -> None:
    body = told(fleets)
    shown = [row["name"] for row in body["fleets"]]
    assert len(shown) == len(set(shown))
    assert len(shown) + body.get("fleets_left_out", 0) == len(fleets)
    if len(fleets) <= ALL_SHOWN:
        assert shown == [f.name for f in fleets]
        return
    by_name = {f.name: f for f in fleets}
    worst = Counter(sorted(RISKS.index(f.risk) for f in fleets)[:RISKIEST])
    assert Counter(RISKS.index(by_name[n].risk) for n in shown[:RISKIEST]) == worst
    left = [f.usd_per_hour for f in fleets if f.name not in shown]
    dearest = [by_name[n].usd_per_hour for n in shown[RISKIEST : RISKIEST + DEAREST]]
    if None not in left and None not in dearest:
        assert min(dearest) >= max(left, default=Decimal(0))  # type: ignore[type-var]
    assert len(body["names"].split()) + body["names_left_out"] == len(fleets)
    assert "matching" in body["to_see_others"]


@pytest.mark.parametrize("count", [1, 10, 12, 13, 100, 1_000, 5_000])
def test_however_large_the_account_a_model_reads_a_bounded_text(count: int) -> None:
    fleets = tuple(
        _summary(n, spot=n % 9, on_demand=n % 4, cost=Decimal(n) / 7, risk=RISKS[n % 4], workload=f"work-{n % 300}")
        for n in range(count)
    )
    text = text_for_model("list_fleets", Inventory(fleets=fleets, usd_per_hour=None, as_of=NOW, source="test"))
    assert len(text.encode()) <= MAX_TEXT_BYTES
    assert len(text) / 4 <= MOST_TOKENS
    assert len(told(fleets)["fleets"]) == min(count, RISKIEST + DEAREST)


def test_names_are_told_whole_or_not_at_all() -> None:
    fleets = tuple(_summary(n, spot=1, on_demand=0, cost=Decimal(1), risk="low", workload=None) for n in range(300))
    assert set(told(fleets)["names"].split()) <= {f.name for f in fleets}


def test_an_unknown_cost_is_told_as_unknown_and_comes_first() -> None:
    fleets = tuple(
        _summary(n, spot=1, on_demand=0, cost=None if n == 17 else Decimal(n), risk="low", workload=None)
        for n in range(30)
    )
    body = told(fleets)
    assert body["fleets"][0]["name"] == fleets[17].name
    assert body["fleets"][0]["usd_per_hour"] is None
    assert body["totals"]["fleets_of_unknown_cost"] == 1


@pytest.fixture(scope="module")
def account() -> Iterator[tuple[SimulatedAccount, AwsAccount]]:
    with (
        started(stepped=True, seed=7) as sim,
        open_account(
            profile=None, region=sim.region, endpoint_url=sim.endpoint_url, clock=sim.clock, credentials=("x", "x")
        ) as aws,
    ):
        yield sim, aws


def listed(account: tuple[SimulatedAccount, AwsAccount], matching: str | None) -> Inventory:
    sim, aws = account
    found: Inventory = list_fleets.run(aws.reader, sim.clock, matching)  # type: ignore[assignment]
    return found


@pytest.mark.parametrize(
    ("matching", "names"),
    [
        ("train", {"ml-train"}),
        ("CAN", {"web-canary"}),
        ("workload=web", {"web-canary"}),
        ("kind = ec2-fleet", {"render"}),
        ("type=m6i.large", {"api-core"}),
        ("workload=", set()),
        ("nobody", set()),
    ],
)
def test_fleets_are_narrowed_by_name_or_by_a_field(account, matching: str, names: set[str]) -> None:
    found = listed(account, matching)
    assert {f.name for f in found.fleets} == names
    assert found.matching == matching
    whole = listed(account, None)
    assert {f.name for f in found.fleets if f not in whole.fleets} == set()
    assert found.usd_per_hour == sum((f.usd_per_hour or Decimal(0) for f in found.fleets), Decimal(0))


def test_every_fleet_of_a_risk_can_be_asked_for(account) -> None:
    whole = listed(account, None)
    by_risk = {risk: set(listed(account, f"risk={risk}").fleets) for risk in RISKS}
    assert by_risk == {risk: {f for f in whole.fleets if f.risk == risk} for risk in RISKS}


def test_a_field_that_fleets_are_not_narrowed_by_is_named_with_those_that_they_are(account) -> None:
    with pytest.raises(UsageError, match="colour") as raised:
        listed(account, "colour=red")
    assert "workload" in raised.value.hint
