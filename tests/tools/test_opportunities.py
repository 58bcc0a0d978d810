"""Pools weighed: the rule by itself, and the tool on the simulated account."""

import contextlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.forked_accounts import started
from tools.archive.archive import open_archive
from tools.aws.session import open_account
from tools.choice.baseline import Baseline
from tools.choice.evidence import Evidence
from tools.choice.opportunities import analyze_spot_opportunities, compare
from tools.choice.score import (
    THRESHOLDS,
    WEIGHTS,
    Parts,
    Thresholds,
    availability_part,
    overall_score,
    recommend,
    saving_part,
    stability_part,
)
from tools.choice.survey import Doors
from tools.choice.useful_hour import Estimate
from tools.choice.weigh import weigh
from tools.errors import NotFound, UsageError
from tools.market.advisor import SpotAdvisor
from tools.records import LINUX, CapacityPool, Exposure, FleetRef, FleetSample, PlacementScore, PoolPrices, PoolSignal
from tools.risk.hazard import chance_within, interruption_within, pool_hazard
from tools.risk.knowledge import Knowledge
from tools.risk.outlook import forecast_interruptions

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
POOL = CapacityPool(instance_type="g5.xlarge", zone_name="us-east-1a", zone_id="use1-az6")
HOURS = 168
MARGINAL = Baseline(Decimal("1.006"), "added", "an hour costs its list price")
units = st.floats(0, 1)


# the score


def test_the_weights_are_the_guides_and_sum_to_one() -> None:
    assert dict(WEIGHTS) == {"stability": 0.2, "interruption": 0.3, "availability": 0.3, "saving": 0.2}
    assert sum(WEIGHTS.values()) == pytest.approx(1)


@pytest.mark.accepts("AN-04")
@settings(deadline=None)
@given(units, st.lists(units, min_size=3, max_size=3), st.none() | units, units)
def test_a_score_lies_within_its_interval_and_within_0_and_1(stable, spared, offered, saving) -> None:
    low, middle, high = sorted(spared)
    found = overall_score(Parts(stable, Estimate(middle, low, high), offered, saving))
    assert 0 <= found.low <= found.value <= found.high <= 1
    if offered is not None:
        assert found.value == pytest.approx(0.2 * stable + 0.3 * middle + 0.3 * offered + 0.2 * saving)
    else:  # an unknown part may be anything: it widens the interval by its whole weight
        assert found.high - found.low >= min(0.3, 1 - found.low) - 1e-9


@pytest.mark.accepts("AN-04")
def test_parts_are_clamped_and_unknown_is_not_zero() -> None:
    assert stability_part(3.0) == 0
    assert stability_part(None) is None
    assert saving_part(-2.0) == 0
    assert saving_part(0.95) == 1
    assert saving_part(None) is None
    assert saving_part(None, baseline_is_zero=True) == 0
    assert overall_score(Parts(None, Estimate(1, 1, 1), 1, 1)) is None
    assert overall_score(Parts(1, None, 1, 1)) is None
    assert overall_score(Parts(1, Estimate(1, 1, 1), 1, None)) is None


def exposure(launches: int, refusals: int) -> Exposure:
    return Exposure(
        pool=POOL, instance_hours=500, interruptions=1, launches=launches, refusals=refusals,
        since=NOW - timedelta(days=30), until=NOW,
    )  # fmt: skip


def placement(score: int) -> PlacementScore:
    return PlacementScore(
        region="us-east-1", zone_id="use1-az6", score=score, instance_types=("g5.xlarge", "g6.xlarge", "g4dn.xlarge"),
        target_capacity=1, as_of=NOW,
    )  # fmt: skip


@pytest.mark.accepts("AN-07")
def test_availability_comes_from_own_launches_and_ec2s_score_and_from_neither_is_unknown() -> None:
    assert availability_part(None, None) is None
    assert availability_part(exposure(0, 0), None) is None
    assert availability_part(exposure(9, 1), None) == 0.9
    assert availability_part(None, placement(8)) == pytest.approx(0.8)
    few, many = availability_part(exposure(0, 1), placement(8)), availability_part(exposure(0, 100), placement(8))
    assert many < 0.05 < few < 0.8


@pytest.mark.accepts("AN-05")
@pytest.mark.parametrize(
    ("score", "pays", "surely", "advice"),
    [
        (Estimate(0.9, 0.8, 0.95), True, True, "use"),
        (Estimate(0.7, 0.5, 0.9), True, True, "use"),
        (Estimate(0.69, 0.6, 0.9), True, True, "use with care"),
        (Estimate(0.9, 0.4, 0.95), True, True, "use with care"),
        (Estimate(0.9, 0.8, 0.95), True, False, "use with care"),
        (Estimate(0.49, 0.4, 0.5), True, True, "avoid"),
        (Estimate(0.9, 0.8, 0.95), False, False, "avoid"),
        (None, False, None, "avoid"),
        (None, None, None, "unknown"),
        (Estimate(0.9, 0.8, 0.95), None, None, "unknown"),
    ],
)
def test_a_recommendation_follows_from_thresholds_that_stand_in_one_place(score, pays, surely, advice) -> None:
    found, why = recommend(score, pays=pays, surely_pays=surely)
    assert found == advice
    assert why
    assert (THRESHOLDS.use, THRESHOLDS.use_low, THRESHOLDS.care) == (0.70, 0.50, 0.50)
    strict = recommend(Estimate(0.9, 0.8, 0.95), pays=True, surely_pays=True, thresholds=Thresholds(use=0.95))
    assert strict[0] == "use with care"


# one pool


def priced(mean: str | None = "0.4", *, on_demand: str | None = "1.006", volatility: float | None = 0.05) -> PoolPrices:
    usd = None if mean is None else Decimal(mean)
    return PoolPrices(
        pool=POOL, current_usd_per_hour=usd, mean_usd_per_hour=usd, low_usd_per_hour=usd, high_usd_per_hour=usd,
        volatility=volatility, changes=3, on_demand_usd_per_hour=None if on_demand is None else Decimal(on_demand),
        saving_share=None, observed_from=NOW - timedelta(days=7), observed_until=NOW,
    )  # fmt: skip


def weighed(prices: PoolPrices | None = None, *, baseline: Baseline = MARGINAL, seen: Exposure | None = None):
    known = Knowledge(region="us-east-1", now=NOW, exposures=(seen,) if seen else ())
    hazard = pool_hazard(POOL, band=None, exposure=seen, as_of=NOW)
    within = [interruption_within(hazard, horizon_minutes=60 * HOURS, as_of=NOW)]
    return weigh(prices or priced(), hazard=hazard, within=within, baseline=baseline, seen=Evidence(known))


def test_a_pool_with_own_records_has_every_figure() -> None:
    found = weighed(seen=exposure(40, 2))
    rate = found.hazard.per_100_hours / 100
    assert found.overhead_share == pytest.approx(rate * 40 / 60)
    assert float(found.usd_per_useful_hour) == pytest.approx(0.4 * (1 + rate * 40 / 60))
    assert found.usd_per_useful_hour_low <= found.usd_per_useful_hour <= found.usd_per_useful_hour_high
    assert found.saving_share == pytest.approx(1 - 0.4 / 1.006)
    assert found.saving_usd_per_hour == Decimal("0.606")
    assert found.availability_share == pytest.approx(40 / 42)
    assert found.score_low <= found.score <= found.score_high
    p, _, _ = chance_within(found.hazard, found.within[-1].horizon_minutes / 60)
    by_hand = 0.2 * 0.95 + 0.3 * (1 - p) + 0.3 * 40 / 42 + 0.2 * (1 - 0.4 / 1.006) / 0.9
    assert found.score == pytest.approx(by_hand)


@settings(deadline=None)
@given(st.integers(0, 30), st.integers(0, 30))
def test_more_interruptions_never_score_better_nor_cost_less(one, other) -> None:
    def after(interruptions: int):
        return weighed(seen=exposure(40, 2).with_(interruptions=interruptions))

    fewer, more = after(min(one, other)), after(max(one, other))
    assert fewer.score >= more.score
    assert fewer.score_low >= more.score_low
    assert fewer.usd_per_useful_hour <= more.usd_per_useful_hour


@pytest.mark.accepts("AN-03")
@pytest.mark.parametrize("missing", ["price", "baseline"])
def test_an_unknown_price_or_baseline_is_no_saving_at_all(missing) -> None:
    prices = priced(None, volatility=None) if missing == "price" else priced(on_demand=None)
    baseline = MARGINAL if missing == "price" else Baseline(None, "added", "the on-demand price is unknown")
    found = weighed(prices, baseline=baseline, seen=exposure(40, 2))
    assert found.saving_share is None
    assert found.saving_usd_per_hour is None
    assert found.score is None
    assert found.recommendation == "unknown"
    assert any("price" in text for text in found.missing)


def test_without_a_hazard_there_is_no_score_and_no_cost_of_a_useful_hour() -> None:
    found = weighed()
    assert found.hazard.per_100_hours is None
    assert found.overhead_share is None
    assert found.usd_per_useful_hour is None
    assert found.score is None
    assert found.recommendation == "unknown"
    assert any("unknown" in reason for reason in found.reasons)


@pytest.mark.accepts("P-03")
def test_an_hour_that_is_paid_for_anyway_is_to_be_left_alone() -> None:
    found = weighed(baseline=Baseline(Decimal(0), "moved", "a commitment pays"), seen=exposure(40, 2))
    assert found.recommendation == "avoid"
    assert found.saving_usd_per_hour == Decimal("-0.4")
    assert found.saving_share is None
    assert any("it loses 0.4" in reason for reason in found.reasons)


def test_spot_above_its_baseline_is_avoided_even_where_the_risk_is_unknown() -> None:
    assert weighed(priced("1.2")).recommendation == "avoid"


# the tool


@pytest.fixture(scope="module")
def sim():
    with started(scenario="tour", seed=7, stepped=True) as running:
        yield running


@pytest.fixture
def doors(sim, tmp_path):
    sim.mend()
    opened = open_account(
        profile=None, region=sim.region, endpoint_url=sim.endpoint_url, clock=sim.clock,
        credentials=("AKIASIMULATED0000000", "simulated"),
    )  # fmt: skip
    with contextlib.closing(opened), open_archive(tmp_path / "archive.db", clock=sim.clock) as archive:
        yield Doors(opened.reader, sim.clock, archive, SpotAdvisor(sim.advisor_url, cache=None, clock=sim.clock))


def ask(doors: Doors, *types: str, horizon_hours: int = HOURS):
    arguments = analyze_spot_opportunities.validate({"instance_types": list(types), "horizon_hours": horizon_hours})
    return analyze_spot_opportunities.run(
        reader=doors.reader, clock=doors.clock, archive=doors.archive, advisor=doors.advisor, **dict(arguments)
    )


@pytest.mark.accepts("AN-01", "AN-02", "AN-06", "P-01")
def test_every_pool_of_the_named_types_is_weighed_with_all_its_parts(doors) -> None:
    found = ask(doors, "g5.xlarge", "g4dn.xlarge", "m6i.large")
    raw = doors.reader.spot_prices(
        ["g5.xlarge", "g4dn.xlarge", "m6i.large"],
        since=doors.clock.now() - timedelta(hours=HOURS), until=doors.clock.now(), product=LINUX,
    )  # fmt: skip
    assert {o.pool for o in found.opportunities} == {p.pool for p in raw}
    for one in found.opportunities:
        assert one.pool.product == LINUX
        assert one.prices.mean_usd_per_hour is not None
        assert one.prices.volatility is not None
        assert [i.horizon_minutes for i in one.within] == [60, 1440, HOURS * 60]
        assert one.advisor is not None
        assert one.placement is not None
        assert one.baseline_usd_per_hour is not None
        assert one.score_low <= one.score <= one.score_high
        assert one.recommendation in ("use", "use with care", "avoid")
        assert one.reasons
    assert found.as_of == doors.clock.now()
    good = [o.rank_value for o in found.opportunities if o.recommendation != "avoid"]
    assert good == sorted(good, reverse=True)


@pytest.mark.accepts("P-02", "AN-07")
def test_placement_scores_and_advisor_bands_stand_side_by_side_with_meaning_and_date(doors) -> None:
    for one in ask(doors, "g5.xlarge", "g4dn.xlarge", "g6.xlarge").opportunities:
        told = " ".join(one.reasons)
        assert f"placement score {one.placement.score} of 10" in told
        assert one.placement.meaning in told
        assert "not an interruption risk" in told
        assert one.advisor.label in told
        assert one.advisor.meaning in told
        assert "no hourly probability" in told
        assert f"{one.advisor.as_of:%Y-%m-%d}" in told
    two = ask(doors, "g5.xlarge", "g4dn.xlarge")
    assert all(o.placement is None for o in two.opportunities)
    assert all(any("fewer than 3 types" in text for text in o.missing) for o in two.opportunities)


@pytest.mark.accepts("P-03", "AN-03")
def test_the_committed_type_is_not_moved_to_spot(doors) -> None:
    found = {o.pool.instance_type: o for o in ask(doors, "m6i.large", "g5.xlarge", "c6i.large").opportunities}
    assert found["m6i.large"].baseline_usd_per_hour == 0
    assert found["m6i.large"].recommendation == "avoid"
    assert found["g5.xlarge"].baseline_usd_per_hour == found["g5.xlarge"].prices.on_demand_usd_per_hour
    assert found["g5.xlarge"].saving_share == pytest.approx(found["g5.xlarge"].prices.saving_share)


def watch_for_two_days(doors: Doors) -> None:
    """Twenty of our instances ran in one pool, and EC2 granted 9 of 12 launches."""
    now = doors.clock.now()
    signals = [
        PoolSignal(kind="refusal" if i < 3 else "launch", pool=POOL, at=now - timedelta(hours=i), source="test")
        for i in range(12)
    ]
    doors.archive.add_signals(signals, region="us-east-1")
    ref = FleetRef(kind="asg", fleet_id="ml-train", account_id="123456789012", region="us-east-1")
    samples = [
        FleetSample(
            fleet=ref, name="ml-train", at=now - timedelta(minutes=5 * i), desired_capacity=20, running_spot=20,
            running_on_demand=0, usd_per_hour=None, level="low", pools={POOL.label: 20},
        )
        for i in range(12 * 48)
    ]  # fmt: skip
    doors.archive.add_samples(samples, region="us-east-1")


@pytest.mark.accepts("AN-07")
def test_our_own_launches_and_hours_speak_for_the_pool_that_they_were_in(doors) -> None:
    watch_for_two_days(doors)
    found = {o.pool.zone_name: o for o in ask(doors, "g5.xlarge", "g6.xlarge", "g4dn.xlarge").opportunities
             if o.pool.instance_type == "g5.xlarge"}  # fmt: skip
    own, other = found["us-east-1a"], found["us-east-1b"]
    assert own.availability_share == pytest.approx(9 / 12)
    assert own.hazard.exposure.instance_hours == pytest.approx(20 * 48, rel=0.02)
    assert own.hazard.per_100_hours < other.hazard.per_100_hours
    assert "EC2 granted 9 of our 12 launches" in own.reasons
    assert other.availability_share is None
    assert "own launches in this pool" in other.missing


@pytest.mark.accepts("P-04")
def test_a_comparison_and_a_forecast_tell_the_same_chance(doors) -> None:
    watch_for_two_days(doors)
    told = forecast_interruptions.run(
        reader=doors.reader, clock=doors.clock, archive=doors.archive, advisor=doors.advisor, subject="g5.xlarge"
    )
    forecast = {p.pool: {i.horizon_minutes: i for i in p.within} for p in told.pools}
    for one in ask(doors, "g5.xlarge").opportunities:
        for within in one.within[:2]:
            other = forecast[one.pool][within.horizon_minutes]
            assert within.method == other.method
            assert within.probability == pytest.approx(other.probability)
            assert (within.low, within.high) == pytest.approx((other.low, other.high))


@pytest.mark.accepts("P-03")
def test_a_reserved_type_is_paid_for_anyway(doors) -> None:
    (reserved,) = [r for r in doors.reader.reserved_instances() if r.state == "active"]
    for one in ask(doors, reserved.instance_type).opportunities:
        assert one.baseline_usd_per_hour == 0
        assert one.recommendation == "avoid"


def test_types_that_the_region_has_not_are_left_out_by_name_or_refused(doors) -> None:
    found = ask(doors, "g5.xlarge", "x9.large")
    assert ("the region offers no such type", 1, "x9.large") in [(a.reason, a.count, a.example) for a in found.left_out]
    with pytest.raises(NotFound) as none:
        ask(doors, "g55.xlarge")
    assert "g5" in none.value.hint
    with pytest.raises(NotFound, match=r"g5\.huge: us-east-1 offers no such type"):
        ask(doors, "g5.huge")
    with pytest.raises(UsageError):
        ask(doors, "not a type")
    with pytest.raises(UsageError):
        compare(doors, ["g5.xlarge"], horizon_hours=float("nan"))


def test_what_may_not_be_read_is_unknown_and_named(doors, sim) -> None:
    sim.fail("DescribeSavingsPlans", "access-denied", times=50)
    found = ask(doors, "g5.xlarge", "g6.xlarge", "g4dn.xlarge")
    sim.mend()
    assert all(o.baseline_usd_per_hour is None and o.score is None for o in found.opportunities)
    assert {o.recommendation for o in found.opportunities} == {"unknown"}
    assert "Savings Plans cannot be read" in found.commitments


def test_an_archive_that_cannot_be_used_costs_its_records_and_nothing_else(doors, tmp_path) -> None:
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"this is no database, and longer than a header of SQLite would be: 0123456789" * 40)
    with open_archive(broken, clock=doors.clock) as none:
        found = ask(Doors(doors.reader, doors.clock, none, doors.advisor), "g5.xlarge", "g6.xlarge", "g4dn.xlarge")
    assert found.opportunities
    assert all(o.score is not None for o in found.opportunities)
    assert any("archive cannot be used" in text for text in found.assumptions)


def test_an_advisor_that_cannot_be_read_leaves_the_hazard_unknown(doors, tmp_path) -> None:
    (tmp_path / "advisor.json").write_text('{"another": "shape"}')
    advisor = SpotAdvisor(tmp_path / "advisor.json", cache=None, clock=doors.clock)
    found = ask(Doors(doors.reader, doors.clock, doors.archive, advisor), "g5.xlarge", "g6.xlarge", "g4dn.xlarge")
    for one in found.opportunities:
        assert one.advisor is None
        assert one.hazard.per_100_hours is None
        assert one.usd_per_useful_hour is None
        assert one.recommendation == "unknown"
        assert any("Advisor" in text for text in one.missing)
