"""Dollars per hour on three bases, and what a change does to an account that has a commitment."""

from datetime import UTC, datetime
from decimal import Decimal
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.market.pricebook import PriceBook
from tools.money.costs import cost_report, savings_rate
from tools.money.hourly import account_cost, bought, effective_change, hourly_cost
from tools.records import (
    CapacityPool,
    Fleet,
    FleetRef,
    HourlyCost,
    Instance,
    OnDemandRate,
    PoolPrices,
    SavingsPlan,
    Tag,
)

NOW = datetime(2026, 11, 20, tzinfo=UTC)
ZONE = "us-east-1a"


def priced(instance_type: str, now: str, zone: str = ZONE) -> PoolPrices:
    usd = Decimal(now)
    return PoolPrices(
        pool=CapacityPool(instance_type=instance_type, zone_name=zone), current_usd_per_hour=usd, mean_usd_per_hour=usd,
        low_usd_per_hour=usd, high_usd_per_hour=usd, volatility=0.0, changes=0, on_demand_usd_per_hour=None,
        saving_share=None, observed_from=NOW, observed_until=NOW,
    )  # fmt: skip


def book_of(spot: dict[str, str], on_demand: dict[str, str]) -> PriceBook:
    return PriceBook(
        pools={(t, ZONE): priced(t, usd) for t, usd in spot.items()},
        rates={
            t: OnDemandRate(instance_type=t, region="us-east-1", usd_per_hour=Decimal(usd), as_of=NOW, source="list")
            for t, usd in on_demand.items()
        },
        as_of=NOW,
        source="test prices",
        region="us-east-1",
    )


def plan_of(committed: str, discount: float, family: str | None = "m6i", **more) -> SavingsPlan:
    known = {
        "savings_plan_id": "sp-1",
        "plan_type": "EC2Instance" if family else "Compute",
        "commitment_usd_per_hour": Decimal(committed),
        "instance_family": family,
        "region": "us-east-1" if family else None,
        "discount_share": discount,
        "ends_at": datetime(2028, 1, 1, tzinfo=UTC),
    }
    return SavingsPlan(**(known | more))


def fleet_of(name: str, count: int, instance_type="m6i.large", option="on-demand", **tags) -> Fleet:
    return Fleet(
        ref=FleetRef(kind="asg", fleet_id=name, account_id="123456789012", region="us-east-1"),
        desired_capacity=count, min_size=0, max_size=1000, mix=None, instance_type=instance_type, zones=(ZONE,),
        instances=tuple(
            Instance(
                instance_id=f"i-{crc32(name.encode()):08x}{i:04x}", instance_type=instance_type, zone_name=ZONE,
                zone_id=None, purchase_option=option, state="running", launched_at=NOW,
            )
            for i in range(count)
        ),
        tags=tuple(Tag(key=k, value=v) for k, v in tags.items()), as_of=NOW, source="test",
    )  # fmt: skip


BOOK = book_of({"m6i.large": ".041", "c6i.large": ".041"}, {"m6i.large": ".110", "c6i.large": ".110"})


def times(count: int, instance_type: str, option: str) -> list[tuple[str, str, str]]:
    return [(instance_type, ZONE, option)] * count


@pytest.mark.accepts("P-03")
def test_the_worked_account_gives_the_figures_of_the_finops_page() -> None:
    # 6,000 h on spot at .041, 3,000 h covered at .078, 1,000 h on-demand at .110, commitment 288
    instances = times(6000, "m6i.large", "spot") + times(3000, "m6i.large", "on-demand")
    instances += times(1000, "c6i.large", "on-demand")
    plan = plan_of("288", 1 - 0.078 / 0.110)
    cost = hourly_cost(instances, BOOK, [plan])
    assert cost.list_usd_per_hour == Decimal(1100)
    assert cost.contracted_usd_per_hour == Decimal(686)
    assert cost.effective_usd_per_hour == Decimal(644)
    assert cost.unused_commitment_usd_per_hour == Decimal(54)
    assert savings_rate(cost) == pytest.approx(0.41454, abs=1e-5)
    assert savings_rate(cost.with_(list_usd_per_hour=Decimal(1180))) == pytest.approx(0.45424, abs=1e-5)


@pytest.mark.accepts("P-03")
def test_five_hundred_uncovered_hours_on_spot_save_money() -> None:
    fleet = fleet_of("api", 500)
    after = times(500, "m6i.large", "spot")
    change = effective_change([fleet], bought(fleet), after, BOOK, [], fleet=fleet.ref)
    assert change.added_usd_per_hour == Decimal("-34.5")


@pytest.mark.accepts("P-03")
def test_five_hundred_covered_hours_on_spot_lose_money_when_nobody_takes_the_commitment_up() -> None:
    fleet = fleet_of("api", 500)
    plan = plan_of("39", 1 - 0.078 / 0.110)
    after = times(500, "m6i.large", "spot")
    change = effective_change([fleet], bought(fleet), after, BOOK, [plan], fleet=fleet.ref)
    assert change.added_usd_per_hour == Decimal("20.5")
    assert change.before.effective_usd_per_hour == Decimal(39)
    assert change.after.effective_usd_per_hour == Decimal("59.5")
    assert change.after.unused_commitment_usd_per_hour == Decimal(39)
    # the naive answer, list against spot, says the opposite
    assert change.after.contracted_usd_per_hour - change.before.contracted_usd_per_hour == Decimal("-34.5")


@pytest.mark.accepts("P-03")
def test_freed_commitment_that_another_fleet_takes_up_is_no_loss() -> None:
    api, web = fleet_of("api", 500), fleet_of("web", 500)
    plan = plan_of("39", 1 - 0.078 / 0.110)
    after = times(500, "m6i.large", "spot")
    change = effective_change([api, web], bought(api), after, BOOK, [plan], fleet=api.ref)
    assert change.added_usd_per_hour == Decimal("-34.5")
    assert change.after.unused_commitment_usd_per_hour == 0


def test_a_commitment_never_pays_for_spot_nor_for_another_family_region_or_time() -> None:
    spot = times(10, "m6i.large", "spot")
    other = times(10, "c6i.large", "on-demand")
    for instances in (spot, other):
        cost = hourly_cost(instances, BOOK, [plan_of("1", 0.3)])
        assert cost.unused_commitment_usd_per_hour == Decimal(1)
        assert cost.effective_usd_per_hour == cost.contracted_usd_per_hour + 1
    mine = times(10, "m6i.large", "on-demand")
    for plan in (
        plan_of("1", 0.3, region="eu-west-3"),
        plan_of("1", 0.3, ends_at=NOW),
        plan_of("1", 0.3, state="queued"),
    ):
        cost = hourly_cost(mine, BOOK, [plan])
        assert cost.effective_usd_per_hour == cost.contracted_usd_per_hour
        assert cost.unused_commitment_usd_per_hour == 0


def test_an_instance_plan_pays_before_a_compute_plan_and_the_better_discount_first() -> None:
    mine = times(10, "m6i.large", "on-demand")  # list 1.10
    compute = plan_of("5", 0.5, family=None, savings_plan_id="sp-compute")
    small = plan_of("0.07", 0.3, savings_plan_id="sp-small")  # pays for 0.10 of list
    better = plan_of("0.06", 0.4, savings_plan_id="sp-better")  # pays for 0.10 of list
    fleet = fleet_of("api", 10)
    uses = account_cost([fleet], BOOK, [compute, small, better]).uses
    assert [u.plan.savings_plan_id for u in uses] == ["sp-better", "sp-small", "sp-compute"]
    assert [u.used for u in uses] == [Decimal("0.06"), Decimal("0.07"), Decimal("0.45")]
    cost = hourly_cost(mine, BOOK, [compute, small, better])
    assert cost.effective_usd_per_hour == Decimal("0.06") + Decimal("0.07") + 5


def test_a_commitment_too_small_for_all_is_shared_in_proportion() -> None:
    api, web = fleet_of("api", 30), fleet_of("web", 10)
    cost = account_cost([api, web], BOOK, [plan_of("1.54", 0.3)])  # pays for 2.20 of 4.40
    assert cost.by_fleet[api.ref.label].effective_usd_per_hour == Decimal("2.805")
    assert cost.by_fleet[web.ref.label].effective_usd_per_hour == Decimal("0.935")
    assert cost.total.effective_usd_per_hour == Decimal("3.74")


def test_an_unknown_price_is_unknown_in_every_sum_that_holds_it_and_is_named() -> None:
    strange, known = fleet_of("strange", 1, "x9.large"), fleet_of("known", 1)
    cost = account_cost([strange, known], BOOK, [])
    assert cost.total == HourlyCost(
        list_usd_per_hour=None, contracted_usd_per_hour=None, effective_usd_per_hour=None,
        unused_commitment_usd_per_hour=Decimal(0),
    )  # fmt: skip
    assert cost.by_fleet[known.ref.label].effective_usd_per_hour == Decimal("0.11")
    assert cost.not_rated == ("x9.large: on-demand price unknown",)


def test_spot_without_a_price_keeps_its_list_value_and_loses_the_rest() -> None:
    book = book_of({}, {"m6i.large": ".110"})
    cost = hourly_cost(times(2, "m6i.large", "spot"), book, [])
    assert cost.list_usd_per_hour == Decimal("0.22")
    assert cost.contracted_usd_per_hour is None
    assert cost.effective_usd_per_hour is None


def test_an_on_demand_hour_of_unknown_price_leaves_the_commitments_use_unknown() -> None:
    cost = hourly_cost(
        times(1, "m6i.metal", "on-demand") + times(1, "m6i.large", "on-demand"), BOOK, [plan_of("1", 0.3)]
    )
    assert cost.unused_commitment_usd_per_hour is None
    assert cost.effective_usd_per_hour is None


def test_instances_that_are_going_are_not_paid_for() -> None:
    fleet = fleet_of("api", 2)
    going = fleet.with_(instances=(fleet.instances[0], fleet.instances[1].with_(state="shutting-down")))
    assert len(bought(going)) == 1


counts = st.integers(0, 40)


@settings(max_examples=100, deadline=None)
@given(counts, counts, counts, st.integers(0, 500), st.integers(0, 90))
def test_fleets_and_unused_commitment_add_up_to_the_total(api, web, batch, committed, discount) -> None:
    fleets = [fleet_of("api", api), fleet_of("web", web, "c6i.large"), fleet_of("batch", batch, option="spot")]
    plans = [
        plan_of(f"{committed / 100:.2f}", discount / 100),
        plan_of("0.5", 0.2, family=None, savings_plan_id="sp-2"),
    ]
    cost = account_cost(fleets, BOOK, plans)
    parts = sum(c.effective_usd_per_hour for c in cost.by_fleet.values())
    unused = cost.total.unused_commitment_usd_per_hour
    assert cost.total.effective_usd_per_hour == pytest.approx(parts + unused, abs=Decimal("1e-6"))
    assert all(0 <= use.used <= use.plan.commitment_usd_per_hour for use in cost.uses)
    assert all(c.effective_usd_per_hour <= c.contracted_usd_per_hour for c in cost.by_fleet.values())


def row(report, name):
    return next(f for f in report.fleets if f.fleet == name)


@pytest.mark.accepts("P-03")
def test_the_report_says_dont_for_a_covered_fleet_and_how_much_it_would_lose() -> None:
    api = fleet_of("api-core", 500, workload="api", checkpointed="false")
    batch = fleet_of("batch", 10, "c6i.large", workload="batch", checkpointed="true")
    web = fleet_of("web", 4, "c6i.large", workload="web")
    report = cost_report([api, batch, web], BOOK, [plan_of("39", 1 - 0.078 / 0.110)])
    covered = row(report, "api-core")
    assert covered.potential_usd_per_hour == Decimal("-20.5")
    assert covered.potential_note.startswith("don't: its hours are paid by Savings Plan sp-1 until 2028-01-01")
    assert "lose $20.500/h" in covered.potential_note
    assert row(report, "batch").potential_usd_per_hour == Decimal("0.621")  # 9 × (.110 − .041), one stays
    assert row(report, "batch").potential_note == (
        "9 more on spot, 1 kept on-demand: interruptible and checkpointed by its tags"
    )
    assert row(report, "web").potential_usd_per_hour is None
    assert "nothing says that its work survives" in row(report, "web").potential_note
    (use,) = report.commitments
    assert use.covers == ("api-core",)
    assert use.utilisation_share == pytest.approx(1.0)
    assert report.not_rated == ()


def test_a_report_without_the_right_to_read_savings_plans_knows_no_effective_cost() -> None:
    report = cost_report([fleet_of("batch", 10, workload="batch", checkpointed="true")], BOOK, None)
    assert report.total.contracted_usd_per_hour == Decimal("1.1")
    assert report.total.effective_usd_per_hour is None
    assert report.effective_savings_rate_share is None
    assert report.fleets[0].potential_usd_per_hour is None
    assert any("Savings Plans" in text for text in report.not_rated)


def test_an_empty_account_costs_nothing_and_has_no_savings_rate() -> None:
    report = cost_report([], BOOK, [])
    assert report.total.effective_usd_per_hour == 0
    assert report.effective_savings_rate_share is None
