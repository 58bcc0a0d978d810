"""The advised interval: every figure with its source, M of many instances, the guides' beside it; and as a tool."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tests.forked_accounts import started
from tools.archive.none import NoArchive
from tools.aws.session import open_account
from tools.errors import UsageError
from tools.market.advisor import SpotAdvisor
from tools.market.advisor_file import BANDS
from tools.records import AdvisorBand, CapacityPool, Exposure, Hazard
from tools.recovery.guard.waste import usable_seconds, waste
from tools.recovery.interval import IntervalAdvice, Measured, advise_interval, job_belief, said
from tools.risk.hazard import pool_hazard
from tools.risk.job_interval import advise_checkpoint_interval

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
HOUR = 3600.0


def hazard(zone: str = "a", *, band: int | None = None, hours: float = 0.0, interruptions: int = 0) -> Hazard:
    pool = CapacityPool(instance_type="g5.xlarge", zone_name=f"us-east-1{zone}", zone_id=f"use1-az{ord(zone) - 96}")
    label, low, high = BANDS[band or 0]
    told = AdvisorBand(
        region="us-east-1", operating_system="Linux", instance_type="g5.xlarge", band=band or 0, label=label,
        low_share=low, high_share=high, saving_share=0.5, as_of=NOW, source="Spot Instance Advisor, test",
    )  # fmt: skip
    own = Exposure(
        pool=pool, instance_hours=hours, interruptions=interruptions, since=NOW - timedelta(days=9), until=NOW
    )
    return pool_hazard(pool, band=told if band is not None else None, exposure=own if hours else None, as_of=NOW)


@pytest.mark.accepts("BP-05")
def test_the_advice_is_the_best_interval_for_its_own_figures_and_names_their_sources() -> None:
    known = hazard(hours=2400, interruptions=100)
    measured = Measured(60, 80, 300, 0.9, source="guard, 20 saves")
    told = advise_interval([(known, 4)], measured, now=NOW, duration_seconds=86_400)
    m = told.between_seconds.value
    assert m == pytest.approx(100 / known.per_100_hours / 4 * HOUR)
    assert told.between_seconds.low < m < told.between_seconds.high
    assert told.interval_seconds == pytest.approx(usable_seconds(60, m, 0.9))
    assert told.interval_low_seconds < told.interval_seconds < told.interval_high_seconds
    assert told.overhead_share == pytest.approx(waste(60, told.interval_seconds, 300, m, 0.9))
    assert told.overhead_share < told.guide_overhead_share
    assert told.guide_frequency == "every_30_minutes"
    assert {f.source for f in (told.save_seconds, told.saved_share, told.restart_seconds)} == {"guard, 20 saves"}
    assert "own records" in told.between_seconds.source
    assert IntervalAdvice.model_validate_json(told.model_dump_json()) == told
    words = "\n".join(said(told))
    assert "90 %" in words
    assert "every_30_minutes" in words


@pytest.mark.accepts("BP-05", "PO-09")
def test_two_hours_are_right_for_a_five_minute_save_a_day_apart() -> None:
    daily = hazard(hours=24_000, interruptions=1000)
    told = advise_interval([(daily, 1)], Measured(300), now=NOW)
    assert told.interval_seconds / 60 == pytest.approx(115, rel=0.02)
    # and for nothing else
    assert advise_interval([(daily, 8)], Measured(300), now=NOW).interval_seconds / 60 < 45


def test_a_save_that_does_not_fit_the_notice_is_not_stretched_by_it() -> None:
    known = hazard(hours=2400, interruptions=100)
    slow = advise_interval([(known, 1)], Measured(60, 200, None, 0.9), now=NOW)
    unmeasured = advise_interval([(known, 1)], Measured(60, None, None, 0.9), now=NOW)
    plain = advise_interval([(known, 1)], Measured(60, 60), now=NOW)
    assert slow.interval_seconds == unmeasured.interval_seconds == plain.interval_seconds
    assert (slow.fits_notice, unmeasured.fits_notice, plain.fits_notice) == (False, None, True)
    assert "over 75% of the notice" in slow.why
    assert plain.saved_share.value is None
    assert "guard" in plain.saved_share.source


def test_what_is_unknown_is_said_and_has_a_safe_default_only_where_one_exists() -> None:
    told = advise_interval([(hazard(), 3)], Measured(60), now=NOW)
    assert told.between_seconds.value == pytest.approx(5.45 * HOUR, rel=0.01)
    assert told.between_seconds.low is told.between_seconds.high is None
    assert "nothing is known" in told.between_seconds.source
    nothing = advise_interval([(hazard(band=4), 1)], Measured(), now=NOW)
    assert (nothing.interval_seconds, nothing.overhead_share, nothing.save_seconds.value) == (None, None, None)
    assert "No interval yet" in said(nothing)[0]


def test_a_cap_holds_and_a_hopeless_job_is_told_so() -> None:
    known = hazard(hours=2400, interruptions=100)
    capped = advise_interval([(known, 1)], Measured(60), now=NOW, cap_seconds=600)
    assert capped.interval_seconds == 600
    assert capped.why == "the longest interval that was allowed"
    hopeless = advise_interval([(known, 200)], Measured(900, 900), now=NOW)
    assert hopeless.overhead_share > 0.9
    assert "too long" in hopeless.why


def test_the_rate_of_a_job_is_the_sum_of_its_instances_and_as_uncertain() -> None:
    calm, wild = hazard("a", band=1), hazard("b", hours=300, interruptions=12)
    found = job_belief([(calm, 3), (wild, 2)])
    rng = np.random.default_rng(9)
    rates = 3 * rng.gamma(calm.shape, 1 / calm.hours, 400_000) + 2 * rng.gamma(wild.shape, 1 / wild.hours, 400_000)
    assert found.shape / found.hours == pytest.approx(rates.mean(), rel=0.01)
    assert found.shape / found.hours**2 == pytest.approx(rates.var(), rel=0.05)
    alone = job_belief([(calm, 1)])
    assert (alone.shape, alone.hours) == pytest.approx((calm.shape, calm.hours))
    assert job_belief([(calm, 1), (hazard("c"), 1)]) is None
    assert job_belief([]) is None


@pytest.mark.parametrize(
    ("measured", "more", "named"),
    [
        (Measured(-1), {}, "save_seconds"),
        (Measured(60, restart_seconds=float("nan")), {}, "restart_seconds"),
        (Measured(60, saved_share=90), {}, "saved_share 90"),
        (Measured(60), {"cap_seconds": 0}, "cap_seconds"),
        (Measured(60), {"duration_seconds": -1}, "duration_seconds"),
    ],
)
def test_figures_that_cannot_be_are_refused_by_name(measured, more, named) -> None:
    with pytest.raises(UsageError, match=named):
        advise_interval((), measured, now=NOW, **more)
    with pytest.raises(UsageError, match="0 instances"):
        job_belief([(hazard(band=1), 0)])


@pytest.fixture(scope="module")
def sim():
    with started(scenario="tour", seed=7, stepped=True) as running:
        yield running


@pytest.mark.accepts("BP-05")
def test_the_tool_advises_a_fleet_from_its_pools(sim) -> None:
    account = open_account(
        profile=None, region=sim.region, endpoint_url=sim.endpoint_url, clock=sim.clock,
        credentials=("AKIASIMULATED0000000", "simulated"),
    )  # fmt: skip
    advisor = SpotAdvisor(sim.advisor_url, cache=None, clock=sim.clock)

    def ask(fleet: str, *, together: bool = True) -> IntervalAdvice:
        return advise_checkpoint_interval.run(
            reader=account.reader, clock=sim.clock, archive=NoArchive("test"), advisor=advisor,
            **dict(advise_checkpoint_interval.validate({
                "fleet": fleet, "save_seconds": 60, "restart_seconds": None, "saved_share": None,
                "stops_together": together,
            })),
        )  # fmt: skip

    try:
        whole, alone = ask("ml-train"), ask("ml-train", together=False)
    finally:
        account.close()
    assert whole.instances > alone.instances == 1
    assert whole.interval_seconds < alone.interval_seconds
    assert "Advisor band" in whole.between_seconds.source
    assert whole.between_seconds.low < whole.between_seconds.value < whole.between_seconds.high
