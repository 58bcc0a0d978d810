"""Draining within the seconds that are left, and how much on-demand an objective asks for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.errors import UsageError
from tools.fleets.drain import MARGIN_SECONDS, Registration, drain_plan
from tools.fleets.slo_floor import ServiceObjective, baseline_for_slo

ARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/0123456789abcdef"


def at(instance="i-0a", delay=300, group=ARN):
    return Registration(instance_id=instance, target_group=group, delay_seconds=delay)


@pytest.mark.accepts("EB-07")
def test_the_default_delay_does_not_fit_into_a_notice_and_that_is_said_before():
    plan = drain_plan([at()])
    (drain,) = plan.drains
    assert (drain.wait_seconds, drain.cut_seconds, drain.finishes) == (110, 190, False)
    assert plan.warnings == (
        "i-0a in web/0123456789abcdef: requests may run for 300 s, and 110 s are left: longer ones are cut off",
    )


def test_a_short_delay_finishes_and_nothing_waits_longer_than_it():
    plan = drain_plan([at(delay=30), at(delay=0, group="tg-2")])
    assert [(d.wait_seconds, d.finishes) for d in plan.drains] == [(30, True), (0, True)]
    assert (plan.wait_seconds, plan.warnings) == (30, ())


def test_those_with_the_least_time_go_first_and_one_whose_time_is_over_goes_all_the_same():
    plan = drain_plan([at("i-0c"), at("i-0b", 20), at("i-0a", 20)], seconds_left={"i-0a": 60, "i-0b": -5})
    assert [(d.instance_id, d.wait_seconds, d.finishes) for d in plan.drains] == [
        ("i-0b", 0, False),
        ("i-0a", 20, True),
        ("i-0c", 110, False),
    ]


def test_a_delay_that_was_not_read_is_not_called_finished():
    (drain,) = drain_plan([at(delay=None)]).drains
    assert (drain.finishes, drain.wait_seconds) == (None, 110)
    assert "is not known" in drain_plan([at(delay=None)]).warnings[0]


@settings(deadline=None)
@given(
    delays=st.lists(st.one_of(st.none(), st.integers(0, 3600)), max_size=8),
    left=st.floats(-100, 4000, allow_nan=False),
)
def test_no_drain_outlives_its_instance_nor_waits_longer_than_it_must(delays, left):
    plan = drain_plan([at(f"i-{n:02x}", delay) for n, delay in enumerate(delays)], seconds_left=left)
    assert len(plan.drains) == len(delays)
    for drain, delay in zip(plan.drains, delays, strict=True):
        assert drain.wait_seconds <= max(0, left - MARGIN_SECONDS)
        if delay is not None:
            assert drain.wait_seconds + drain.cut_seconds == pytest.approx(delay)
            assert drain.finishes == (delay <= max(0, left - MARGIN_SECONDS))


# how much on-demand a service must keep


@pytest.mark.accepts("IN-11")
def test_the_share_that_must_always_serve_is_on_demand_rounded_up():
    floor = baseline_for_slo(10, ServiceObjective(least_share=0.25), losses_per_day=None, minutes_lost=None)
    assert (floor.units, floor.served_share) == (3, None)
    assert floor.by == "25% must serve at every instant"


@pytest.mark.accepts("IN-11")
def test_the_error_budget_says_how_much_may_be_spot():
    """All spot gone 14.4 minutes a day is 1 % of the time: 99.9 % served leaves a tenth of it, so 9 of 10 must stay."""
    objective = ServiceObjective(served_share=0.999)
    floor = baseline_for_slo(10, objective, losses_per_day=1, minutes_lost=14.4)
    assert (floor.units, floor.served_share) == (9, pytest.approx(0.999))
    assert "all spot is gone 1.000% of the time" in floor.by
    assert baseline_for_slo(10, objective, losses_per_day=0.1, minutes_lost=14.4).units == 0


@pytest.mark.accepts("IN-11")
def test_not_knowing_how_often_spot_is_gone_is_no_reason_to_trust_it():
    objective = ServiceObjective(served_share=0.95)
    floor = baseline_for_slo(100, objective, losses_per_day=None, minutes_lost=10)
    assert (floor.units, "an unknown share of the time" in floor.by) == (95, True)


@pytest.mark.parametrize("wrong", [{"desired": -1}, {"losses_per_day": float("nan")}, {"minutes_lost": float("inf")}])
def test_numbers_that_cannot_be_are_refused(wrong):
    with pytest.raises(UsageError):
        baseline_for_slo(
            wrong.get("desired", 10),
            ServiceObjective(least_share=0.5),
            losses_per_day=wrong.get("losses_per_day", 1),
            minutes_lost=wrong.get("minutes_lost", 1),
        )


@settings(deadline=None)
@given(
    desired=st.integers(0, 500),
    least=st.floats(0, 1),
    served=st.one_of(st.none(), st.floats(0, 1)),
    losses=st.floats(0, 50),
    minutes=st.floats(0, 600),
)
def test_the_floor_keeps_both_promises_and_one_unit_less_breaks_one(desired, least, served, losses, minutes):
    objective = ServiceObjective(least_share=least, served_share=served)
    floor = baseline_for_slo(desired, objective, losses_per_day=losses, minutes_lost=minutes)
    gone = min(1.0, losses * minutes / 1440)

    def keeps(units, slack):
        spent = gone * (1 - units / desired) if desired else 0
        return units >= least * desired - slack and (served is None or spent <= 1 - served + slack)

    assert 0 <= floor.units <= desired
    assert keeps(floor.units, 1e-6)
    assert floor.units == 0 or not keeps(floor.units - 1, -1e-6)
