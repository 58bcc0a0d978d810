"""The verdict on a change: what counts as harm, what only settles, what is not known."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tools.fleets.verdicts import STANDARD, Baseline, Sighting
from tools.fleets.verification import gone, judge, unsettled, verification_of
from tools.records import ChangeFleet, FleetRef, ReplaceInstances

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
BEFORE = Baseline(
    desired_capacity=12,
    desired_capacity_after=12,
    single=False,
    in_service=12,
    on_demand=2,
    spot=10,
    usd_per_hour=Decimal("4.00"),
    foretold_usd_per_hour=Decimal("2.80"),
    price_as_of=AT,
    unhealthy_targets={},
    at=AT,
)
REF = FleetRef(kind="asg", fleet_id="web", account_id="123456789012", region="us-east-1")


def seen(minutes: float, **other) -> Sighting:
    fields = {
        "desired_capacity": 12,
        "in_service": 12,
        "running": 12,
        "usd_per_hour": Decimal("2.85"),
        "price_as_of": AT,
        "interruptions": 0,
        "interruptions_before": 0,
        "refused": (),
        "unhealthy_targets": {},
        "at": AT + timedelta(minutes=minutes),
    }
    return Sighting(**fields | other)


def after(*sightings: Sighting, baseline: Baseline = BEFORE):
    verdict = None
    for one in sightings:
        verdict = judge(baseline, one, STANDARD, verdict)
    return verdict


def test_a_whole_fleet_at_the_foretold_price_is_healthy_and_every_check_says_what_it_saw():
    verdict = after(seen(1))
    assert verdict.health == "healthy"
    assert verdict.reasons == (
        "capacity: 12 of 12 in service",
        "cost: $2.85/h, foretold $2.80/h (+2 %, allowed 20 %)",
        "targets: in no target group",
        "interruptions: 0 since the change, 0 in the hour before",
    )


def test_missing_capacity_settles_for_five_minutes_and_then_fails():
    short = [seen(m, in_service=9, running=9) for m in (1, 4, 6, 7)]
    assert [after(*short[:n]).health for n in (1, 2, 3, 4)] == ["settling", "settling", "settling", "failed"]
    assert after(*short).reasons == ("capacity: 9 of 12 in service for 6 min (allowed 5 min)",)


def test_trouble_that_passes_begins_anew_when_it_comes_again():
    verdict = after(seen(1, in_service=9), seen(5), seen(7, in_service=9))
    assert (verdict.health, verdict.since) == ("settling", {"capacity": AT + timedelta(minutes=7)})


def test_what_was_missing_before_the_change_is_not_its_doing():
    weak = BEFORE.with_(in_service=9)
    assert after(seen(1, in_service=9), seen(9, in_service=9), baseline=weak).health == "healthy"
    assert after(seen(1, in_service=8), seen(9, in_service=8), baseline=weak).health == "failed"


def test_a_price_above_the_foretold_one_fails_when_it_lasts():
    dear = [seen(m, usd_per_hour=Decimal("4.10")) for m in (1, 7)]
    assert after(dear[0]).health == "settling"
    verdict = after(*dear)
    assert verdict.health == "failed"
    assert verdict.reasons == ("cost: $4.10/h, foretold $2.80/h (+46 %, allowed 20 %) for 6 min (allowed 5 min)",)


def test_new_instances_beside_old_ones_may_cost_more_until_the_old_ones_are_gone():
    both = after(*(seen(m, running=15, usd_per_hour=Decimal("4.10")) for m in (1, 9)))
    assert both.health == "settling"
    assert unsettled(both).health == "failed"
    assert "not settled at the end" in unsettled(both).reasons[0]


def test_a_fleet_that_was_scaled_meanwhile_is_held_against_the_price_of_its_new_size():
    larger = [seen(m, desired_capacity=24, in_service=24, running=24, usd_per_hour=Decimal("5.70")) for m in (1, 9)]
    assert after(*larger).health == "healthy"


@pytest.mark.parametrize(
    ("unknown", "said"),
    [
        ({"usd_per_hour": None}, "what it costs now is unknown"),
        ({"interruptions": None}, "could not be read whole"),
        ({"unhealthy_targets": None}, "could not be read"),
    ],
)
def test_what_is_not_known_is_neither_healthy_nor_a_failure_and_is_told(unknown, said):
    verdict = after(seen(1, **unknown), seen(9, **unknown))
    assert verdict.health == "unknown"
    assert said in verdict.reasons[0]


def test_a_change_whose_price_was_not_foretold_cannot_be_verified():
    assert after(seen(1), baseline=BEFORE.with_(foretold_usd_per_hour=None)).health == "unknown"


def test_known_harm_outweighs_what_is_not_known():
    lost = [seen(m, in_service=9, usd_per_hour=None) for m in (1, 9)]
    assert after(*lost).health == "failed"


@pytest.mark.parametrize(
    ("since", "before", "minutes", "health"),
    [(2, 0, 10, "healthy"), (3, 0, 10, "failed"), (3, 9, 10, "healthy"), (4, 9, 10, "failed"), (9, 9, 60, "healthy")],
)
def test_interruptions_are_held_against_those_of_the_hour_before(since, before, minutes, health):
    verdict = after(seen(minutes, interruptions=since, interruptions_before=before))
    assert verdict.health == health
    text = f"interruptions: {since} since the change, {before} in the hour before"
    assert text in [c.text for c in verdict.checks]


def test_targets_that_are_no_longer_healthy_fail_those_that_never_were_do_not():
    group = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/1"
    sick = [seen(m, unhealthy_targets={group: 3}) for m in (1, 9)]
    assert after(*sick).health == "failed"
    assert after(*sick).reasons[0].startswith("targets: 3 not healthy in targetgroup/web/1 for 8 min")
    assert after(*sick, baseline=BEFORE.with_(unhealthy_targets={group: 3})).health == "healthy"


def test_where_it_is_not_known_what_was_healthy_before_nothing_is_blamed_on_the_change():
    unread = BEFORE.with_(unhealthy_targets=None)
    assert after(seen(1, unhealthy_targets={"g": 3}), baseline=unread).health == "unknown"
    assert after(seen(1, unhealthy_targets={"g": 0}), baseline=unread).health == "healthy"


def test_refused_launches_explain_a_failure_and_make_none():
    refused = {"refused": ("c5.xlarge/us-east-1a",)}
    assert after(seen(1, **refused)).health == "healthy"
    verdict = after(*(seen(m, in_service=9, **refused) for m in (1, 9)))
    assert verdict.reasons[-1] == "launches refused: c5.xlarge/us-east-1a"


def test_a_fleet_that_was_to_go_is_verified_by_being_gone():
    assert gone(BEFORE.with_(desired_capacity_after=0), AT).health == "healthy"
    assert gone(BEFORE, AT) is None


def test_what_can_be_set_back_is_rolled_back_and_the_rest_is_told():
    assert verification_of(ChangeFleet(fleet=REF, desired_capacity=3)) == "rollback"
    replaced = ReplaceInstances(fleet=REF, instance_ids=("i-0123456789abcdef0",))
    assert verification_of(replaced) == "escalate"
