"""What the deadline planner reads for a job at work: its fleet, its pools and what was seen of them."""

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from tests.tools.archive_house import FLEET, POOL, REGION, HandClock, hour, sample
from tools.archive.archive import SqliteArchive
from tools.archive.none import NoArchive
from tools.jobs.deadline import advise_job, held_by, past_of
from tools.market.pricebook import PriceBook
from tools.records import Fleet, Instance, Job, JobProgress, OnDemandRate, PoolPrices, PoolSignal, PurchaseMix
from tools.records import InstanceTypeOverride as Override
from tools.recovery.deadline.problem import IDLE, ON_DEMAND, SPOT
from tools.recovery.rules import job_outlook
from tools.risk.knowledge import Knowledge
from tools.risk.states import StateGrid

NOW = hour(48)
OTHER = POOL.with_(zone_name="us-east-1b", zone_id="use1-az2")


def instance(option: str = "spot", *, zone: str = "us-east-1a", hours: float = 40, state: str = "running") -> Instance:
    return Instance(
        instance_id="i-0123456789abcdef0", instance_type="g5.xlarge", zone_name=zone, zone_id=None,
        purchase_option=option, state=state, launched_at=hour(hours),
    )  # fmt: skip


def fleet(*instances: Instance, mixed: bool = True) -> Fleet:
    mix = PurchaseMix(
        on_demand_base_capacity=0,
        on_demand_percentage_above_base=0,
        spot_allocation_strategy="price-capacity-optimized",
        overrides=(Override(instance_type="g5.xlarge"),),
    )
    return Fleet(
        ref=FLEET, desired_capacity=1, min_size=0, max_size=4, mix=mix if mixed else None,
        instance_type=None if mixed else "g5.xlarge", zones=("us-east-1a", "us-east-1b"), instances=instances,
        tags=(), as_of=NOW, source="test",
    )  # fmt: skip


def prices(pool, usd: str) -> PoolPrices:
    unknown = dict.fromkeys((
        "mean_usd_per_hour", "low_usd_per_hour", "high_usd_per_hour", "volatility", "on_demand_usd_per_hour",
        "saving_share", "observed_from", "observed_until",
    ))  # fmt: skip
    return PoolPrices(pool=pool, current_usd_per_hour=Decimal(usd), changes=0, **unknown)


RATE = OnDemandRate(
    instance_type="g5.xlarge", usd_per_hour=Decimal("1.00"), as_of=NOW, region=REGION, source="AWS Price List"
)
BOOK = PriceBook(
    pools={(p.instance_type, p.zone_name): prices(p, usd) for p, usd in ((POOL, "0.35"), (OTHER, "0.30"))},
    rates={"g5.xlarge": RATE},
    as_of=NOW,
    source="EC2 DescribeSpotPriceHistory, AWS Price List",
)
JOB = Job(
    job_id="nightly", fleet=FLEET, work_seconds=36_000, deadline=NOW + timedelta(hours=13), changeover_seconds=300,
    registered_at=NOW, registered_by="operator",
)  # fmt: skip
PROGRESS = JobProgress(job_id="nightly", as_of=NOW, source="keeps no checkpoints")


def advised(of: Fleet, archive, *, job: Job = JOB, signals: tuple[PoolSignal, ...] = ()):
    outlook = job_outlook(job, PROGRESS, now=NOW)
    knowledge = Knowledge(region=REGION, now=NOW, signals=signals)
    return advise_job(job, PROGRESS, outlook, fleet=of, book=BOOK, knowledge=knowledge, archive=archive, now=NOW)


def refused(pool, *, minutes_ago: float = 5) -> PoolSignal:
    at = NOW - timedelta(minutes=minutes_ago)
    return PoolSignal(kind="refusal", pool=pool, code="InsufficientInstanceCapacity", at=at, source="test")


@pytest.fixture
def archive(tmp_path):
    with SqliteArchive.open(tmp_path / "archive.db", clock=HandClock(NOW)) as opened:
        yield opened


def test_a_hole_in_our_looks_is_no_outage_and_what_came_before_the_first_is_left_out() -> None:
    seen = StateGrid(np.array([np.nan, 1, np.nan, 0, np.nan, np.nan, 1]), 600.0, NOW)
    past = past_of(POOL, seen)
    assert past.flags.tolist() == [True, True, False, False, False, True]
    assert past.said == "1 h of looks at g5.xlarge/use1-az1: 50 % of them found it available"
    assert past.at(300.0).tolist() == [f for f in past.flags.tolist() for _ in range(2)]
    assert past.at(1200.0).tolist() == [True, False, True]
    nothing = past_of(POOL, "we do not watch this pool")
    assert (len(nothing.flags), nothing.said) == (0, "we do not watch this pool")


def test_what_a_job_holds_is_told_by_its_fleets_instances() -> None:
    saved = PROGRESS.with_(saved_at=NOW - timedelta(hours=2))
    spot = held_by(fleet(instance("on-demand"), instance()), saved, changeover_seconds=300, now=NOW)
    assert (spot.mode, spot.pool, spot.unsaved_seconds) == (SPOT, POOL.with_(zone_id=None), 7200)
    young = held_by(fleet(instance("on-demand", hours=48 - 1 / 60)), saved, changeover_seconds=300, now=NOW)
    assert (young.mode, young.changeover_left_seconds, young.unsaved_seconds) == (ON_DEMAND, 240, 0)
    never = held_by(fleet(instance("on-demand")), PROGRESS, changeover_seconds=300, now=NOW)
    assert (never.mode, never.unsaved_seconds) == (ON_DEMAND, 0)
    gone = held_by(fleet(instance(state="shutting-down")), saved, changeover_seconds=300, now=NOW)
    assert (gone.mode, gone.pool) == (IDLE, None)


def test_a_job_without_a_deadline_or_a_fleet_is_not_advised(archive) -> None:
    assert advised(fleet(), archive, job=JOB.with_(deadline=None)) is None
    assert advised(None, archive) is None


def test_with_no_archive_the_cheapest_pool_is_advised_and_the_answer_says_that_it_was_never_watched() -> None:
    told = advised(fleet(), NoArchive("read-only"))
    assert (told.take, told.pool, told.holds) == ("spot", OTHER, "idle")
    assert told.pool_by == "among 2 by price: interruption rates are not known"
    assert (told.past.seconds, told.past.basis) == (None, "we do not watch this pool")
    assert told.on_demand_by == NOW + timedelta(hours=3, minutes=-5)
    assert told.on_demand.basis == "1 × g5.xlarge at $1 an hour for 10.1 h"


def test_a_pool_that_refused_a_launch_a_moment_ago_is_not_asked(archive) -> None:
    told = advised(fleet(), archive, signals=(refused(OTHER),))
    assert (told.take, told.pool) == ("spot", POOL)
    both = advised(fleet(), archive, signals=(refused(OTHER), refused(POOL)))
    assert (both.take, both.because) == ("idle", "wait")


def test_two_days_of_looks_at_its_pool_are_the_past_that_it_plans_by(archive) -> None:
    looks = [sample(minute / 60, {POOL.label: 1}) for minute in range(0, 48 * 60 + 1, 10)]
    archive.add_samples(looks, region=REGION)
    told = advised(fleet(instance()), archive)
    assert (told.take, told.pool, told.pool_by, told.holds) == ("spot", POOL, "held", "spot")
    assert told.past.seconds == pytest.approx(48 * 3600, abs=1200)
    assert told.past.basis == "48 h of looks at g5.xlarge/use1-az1: all of them found it available"


def test_a_fleet_bought_on_demand_alone_goes_on_so(archive) -> None:
    told = advised(fleet(instance("on-demand"), mixed=False), archive)
    assert (told.take, told.because, told.on_demand_by) == ("on-demand", "no-spot", None)
