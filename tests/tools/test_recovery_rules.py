"""What a job goes on with: the guides' rule beside ours, the deadline's last moment, where a replacement is looked for."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import inf

import pytest

from tools.fleets.dry_pools import Refused
from tools.jobs.fallbacks import FallbackRules, fallback_chain, in_force
from tools.records import CapacityPool, Fleet, FleetRef, Job, JobProgress
from tools.recovery.lost_work import Option
from tools.recovery.rules import DECIDE_SECONDS, choose, job_outlook

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
REF = FleetRef(kind="asg", fleet_id="ml-train", account_id="123456789012", region="us-east-1")
HOUR = 3_600.0
SPOT, SURE = Option("g5.xlarge/us-east-1a", Decimal("0.40"), 20 * HOUR), Option("on-demand g5.xlarge", Decimal(1), inf)


def job(**told) -> Job:
    given = {"job_id": "nightly", "fleet": REF, "bucket": "b", "store_id": "nightly", "registered_by": "kim"}
    return Job.model_validate(given | {"registered_at": NOW, "work_seconds": 10 * HOUR} | told)


def progress(share=0.5, **told) -> JobProgress:
    given = {"job_id": "nightly", "share": share, "checkpoint_id": "c", "as_of": NOW, "source": "s3://b/nightly"}
    return JobProgress.model_validate(given | told)


def chosen(share=0.5, options=(SPOT, SURE), **told):
    of = job(**told)
    return choose(of, progress(share), job_outlook(of, progress(share), now=NOW), options)


@pytest.mark.accepts("RC-04")
@pytest.mark.parametrize(
    ("share", "told", "guide", "ours"),
    [
        (0.1, {}, "different_type", "spot"),
        (0.2, {}, "spot_retry", "spot"),
        (0.8, {}, "spot_retry", "spot"),
        (0.81, {}, "on_demand_fallback", "spot"),
        (0.5, {"priority": "high"}, "on_demand_fallback", "spot"),
        (0.5, {"deadline": NOW + timedelta(days=30)}, "on_demand_fallback", "spot"),
        (
            0.5,
            {"deadline": NOW + timedelta(hours=5, minutes=10), "changeover_seconds": 600},
            "on_demand_fallback",
            "on-demand",
        ),
        (0.95, {"deadline": NOW + timedelta(hours=5)}, "on_demand_fallback", "spot"),
        (0.05, {"deadline": NOW + timedelta(hours=9)}, "on_demand_fallback", "on-demand"),
    ],
)
def test_ours_goes_by_what_is_durable_and_the_slack_and_the_guides_rule_stands_beside_it(share, told, guide, ours):
    found = chosen(share, **told)
    assert (found.take, found.guide) == (ours, guide)


@pytest.mark.accepts("U-09", "RC-04")
def test_a_pool_that_is_taken_too_often_costs_more_than_on_demand():
    calm = Option("calm/us-east-1a", Decimal("0.70"), 100 * HOUR)
    wild = Option("wild/us-east-1a", Decimal("0.60"), 0.05 * HOUR)
    of = job(changeover_seconds=600)
    outlook = job_outlook(of, progress(), now=NOW)
    assert choose(of, progress(), outlook, (wild, calm, SURE), save_seconds=60).where == calm.name
    assert choose(of, progress(), outlook, (wild, SURE), save_seconds=60).take == "on-demand"


@pytest.mark.accepts("RC-04")
def test_the_last_moment_of_on_demand_is_the_deadline_less_the_work_and_a_changeover():
    of = job(deadline=NOW + timedelta(hours=8), changeover_seconds=600)
    outlook = job_outlook(of, progress(), now=NOW)
    assert outlook.work_left_seconds == 5 * HOUR
    assert outlook.on_demand_by == NOW + timedelta(hours=3) - timedelta(seconds=600)
    assert outlook.slack_seconds == 3 * HOUR - 600
    assert outlook.spot_is_safe
    later = job_outlook(of, progress(), now=outlook.on_demand_by - timedelta(seconds=DECIDE_SECONDS / 2))
    assert later.spot_is_safe is False


def test_late_is_said_as_such_and_what_is_not_known_is_not_guessed():
    late = job_outlook(job(deadline=NOW + timedelta(hours=1)), progress(), now=NOW)
    assert late.slack_seconds == -4 * HOUR - 600
    assert "10 min assumed" in late.unknown
    assert late.spot_is_safe is False
    silent = job_outlook(job(work_seconds=None, deadline=NOW + timedelta(hours=1)), progress(), now=NOW)
    assert (silent.work_left_seconds, silent.slack_seconds, silent.spot_is_safe) == (None, None, None)
    assert "--work" in silent.unknown
    unread = job_outlook(job(), progress(None, checkpoint_id=None, source="not read: denied"), now=NOW)
    assert (unread.work_left_seconds, unread.unknown) == (None, "not read: denied")


def test_a_measured_rate_stands_in_for_work_that_was_not_told_and_a_told_changeover_before_a_measured_one():
    paced = progress(0.5, share_per_hour=0.1)
    found = job_outlook(job(work_seconds=None), paced, measured_changeover_seconds=90, now=NOW)
    assert found.work_left_seconds == pytest.approx(5 * HOUR)
    assert (found.changeover_seconds, found.changeover_source) == (90, "measured")
    told = job_outlook(job(changeover_seconds=60), paced, measured_changeover_seconds=90, now=NOW)
    assert (told.changeover_seconds, told.changeover_source) == (60, "told")


def test_an_unknown_job_of_high_priority_with_a_deadline_goes_on_demand():
    found = chosen(None, work_seconds=None, priority="high", deadline=NOW + timedelta(hours=9))
    assert found.take == "on-demand"
    assert "no progress_share" in found.why
    assert chosen(0.5, ()).why.startswith("nothing is known against spot")


def fleet() -> Fleet:
    return Fleet.model_validate(
        {
            "ref": REF,
            "desired_capacity": 2,
            "min_size": 0,
            "max_size": 4,
            "mix": {
                "on_demand_base_capacity": 0,
                "on_demand_percentage_above_base": 0,
                "spot_allocation_strategy": "price-capacity-optimized",
                "overrides": [{"instance_type": "g5.xlarge"}, {"instance_type": "g4dn.xlarge"}],
            },
            "zones": ("us-east-1a", "us-east-1b"),
            "instances": (),
            "tags": (),
            "as_of": NOW,
            "source": "test",
        }
    )


TAKEN = CapacityPool(instance_type="g5.xlarge", zone_name="us-east-1a", zone_id=None)


def chain(memory=None, **told):
    return fallback_chain(fleet(), TAKEN, memory or {}, since=NOW, **({"now": NOW} | told))


@pytest.mark.accepts("RC-03")
def test_the_same_type_elsewhere_then_another_type_then_on_demand_each_for_its_time():
    same, other, last = chain()
    assert same.pools == ("g5.xlarge/us-east-1b",)
    assert same.left_out == ("g5.xlarge/us-east-1a was just taken",)
    assert other.pools == ("g4dn.xlarge/us-east-1a", "g4dn.xlarge/us-east-1b")
    rules = FallbackRules()
    assert same.ends_at == other.begins_at == NOW + timedelta(seconds=rules.same_type_seconds)
    assert last.begins_at == other.ends_at == same.ends_at + timedelta(seconds=rules.other_type_seconds)
    at = {in_force(chain(), NOW + timedelta(seconds=s)).kind for s in (0, 179)}
    assert at == {"same-type-other-zone"}
    assert in_force(chain(), NOW + timedelta(seconds=180)).kind == "other-type"
    assert in_force(chain(), NOW + timedelta(days=9)).kind == "on-demand"


@pytest.mark.accepts("RC-03")
def test_pools_that_refused_lately_are_left_out_and_a_stage_without_any_takes_no_time():
    dry = Refused(TAKEN.with_(zone_name="us-east-1b"), NOW, 1, NOW + timedelta(minutes=30))
    same, other, _ = chain({("g5.xlarge", "us-east-1b"): dry})
    assert same.pools == ()
    assert "g5.xlarge/us-east-1b was dry" in same.left_out[1]
    assert other.begins_at == NOW
    forgotten = chain({("g5.xlarge", "us-east-1b"): dry}, now=NOW + timedelta(hours=1))
    assert forgotten[0].pools == ("g5.xlarge/us-east-1b",)


@pytest.mark.accepts("RC-03")
def test_a_priority_shortens_the_wait_and_a_deadline_ends_it():
    assert chain(priority="high")[0].ends_at == NOW + timedelta(seconds=90)
    assert chain(priority="low")[0].ends_at == NOW + timedelta(seconds=360)
    (only,) = chain(spot_allowed=False)
    assert (only.kind, only.begins_at) == ("on-demand", NOW)
