"""The marginal on-demand rate: what an hour adds to the bill when commitments pay for some of it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.choice.baseline import Commitments, marginal_rate
from tools.records import ReservedInstances, SavingsPlan

NOW = datetime(2026, 11, 20, tzinfo=UTC)
RATES = {"m6i.large": Decimal("0.1"), "m6i.xlarge": Decimal("0.2"), "c6i.large": Decimal("0.08")}


def plan(commitment: str, *, kind: str = "EC2Instance", family: str | None = "m6i", discount: float = 0.4):
    return SavingsPlan(
        savings_plan_id=f"sp-{kind}", plan_type=kind, commitment_usd_per_hour=Decimal(commitment),
        instance_family=family, region="us-east-1" if family else None, discount_share=discount,
        ends_at=NOW + timedelta(days=100),
    )  # fmt: skip


def reserved(kind: str, count: int, *, zone: str | None = None) -> ReservedInstances:
    return ReservedInstances(
        reserved_instances_id=f"ri-{kind}-{zone}", instance_type=kind, count=count, zone_name=zone,
        effective_usd_per_hour=Decimal("0.05"), offering_class="standard", ends_at=NOW + timedelta(days=100),
    )  # fmt: skip


def paid(usage: dict[tuple[str, str], int], *plans: SavingsPlan, ri: tuple[ReservedInstances, ...] = (), **more):
    return Commitments(usage=usage, rates=RATES, plans=plans, reserved=ri, **more)


A = ("m6i.large", "us-east-1a")


def test_without_commitments_an_hour_costs_its_list_price() -> None:
    assert marginal_rate("m6i.large", "us-east-1a", paid({A: 3})).usd_per_hour == Decimal("0.1")


@pytest.mark.accepts("P-03", "AN-03")
def test_hours_that_a_plan_pays_for_and_nobody_takes_up_cost_nothing_more() -> None:
    # 0.18 USD/h pays for three hours at 0.06: all three that run
    found = marginal_rate("m6i.large", "us-east-1a", paid({A: 3}, plan("0.18")))
    assert found.usd_per_hour == 0
    assert found.kind == "moved"
    assert "whether it runs or not" in found.why


@pytest.mark.accepts("P-03")
def test_a_plan_that_is_used_up_by_others_frees_the_list_price() -> None:
    # five run, three are paid for: one that stops saves an uncovered hour
    found = marginal_rate("m6i.large", "us-east-1a", paid({A: 5}, plan("0.18")))
    assert found.usd_per_hour == Decimal("0.1")
    # three and a half are paid for: one that stops frees half an hour's cover for the rest
    half = marginal_rate("m6i.large", "us-east-1a", paid({A: 4}, plan("0.21")))
    assert half.usd_per_hour == Decimal("0.05")


def test_a_type_that_does_not_run_yet_uses_what_is_left_of_a_plan() -> None:
    idle = plan("0.5", kind="Compute", family=None)
    assert marginal_rate("c6i.large", "us-east-1b", paid({A: 1}, idle)).usd_per_hour == 0
    used_up = plan("0.06", kind="Compute", family=None)
    found = marginal_rate("c6i.large", "us-east-1b", paid({A: 1}, used_up))
    assert found.kind == "added"
    assert found.usd_per_hour == Decimal("0.08")


def test_a_plans_own_rates_say_what_it_covers() -> None:
    idle = plan("0.5", kind="Compute", family=None)
    covered = {idle.savings_plan_id: {"m6i.large": Decimal("0.06")}}
    found = marginal_rate("c6i.large", "us-east-1b", paid({A: 1}, idle, covered=covered))
    assert found.usd_per_hour == Decimal("0.08")


def test_a_reserved_instance_serves_its_zone_or_its_family() -> None:
    zonal = (reserved("m6i.large", 1, zone="us-east-1a"),)
    assert marginal_rate("m6i.large", "us-east-1a", paid({}, ri=zonal)).usd_per_hour == 0
    assert marginal_rate("m6i.large", "us-east-1b", paid({}, ri=zonal)).usd_per_hour == Decimal("0.1")
    assert marginal_rate("m6i.xlarge", "us-east-1a", paid({}, ri=zonal)).usd_per_hour == Decimal("0.2")
    # a regional one serves half of the next size
    regional = (reserved("m6i.large", 1),)
    assert marginal_rate("m6i.xlarge", "us-east-1c", paid({}, ri=regional)).usd_per_hour == Decimal("0.1")
    assert marginal_rate("c6i.large", "us-east-1c", paid({}, ri=regional)).usd_per_hour == Decimal("0.08")


def test_what_may_not_be_read_leaves_the_baseline_unknown() -> None:
    hidden = paid({A: 1}, unread=("Savings Plans may not be read: no permission",))
    found = marginal_rate("m6i.large", "us-east-1a", hidden)
    assert found.usd_per_hour is None
    assert "may not be read" in found.why
    assert marginal_rate("x9.large", "us-east-1a", paid({A: 1})).usd_per_hour is None


@settings(deadline=None)
@given(
    st.dictionaries(st.tuples(st.sampled_from(sorted(RATES)), st.sampled_from(["a", "b"])), st.integers(0, 4)),
    st.decimals("0", "1", places=2),
    st.sampled_from(["EC2Instance", "Compute"]),
    st.integers(1, 3),
    st.sampled_from(sorted(RATES)),
)
def test_the_marginal_rate_lies_between_nothing_and_the_list_price(usage, commitment, kind, count, wanted) -> None:
    family = "m6i" if kind == "EC2Instance" else None
    world = paid(usage, plan(str(commitment), kind=kind, family=family), ri=(reserved("m6i.large", count),))
    assert 0 <= marginal_rate(wanted, "a", world).usd_per_hour <= RATES[wanted]
