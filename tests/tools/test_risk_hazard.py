"""A pool's hazard against slow references: priors integrated, posteriors on a grid; and when it abstains."""

import gzip
import json
import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.errors import DataError, UsageError
from tools.market.advisor_file import BANDS
from tools.records import AdvisorBand, CapacityPool, Exposure
from tools.risk.hazard import (
    chance_within,
    confidence,
    interruption_within,
    is_own,
    pool_forecast,
    pool_hazard,
)
from tools.risk.pattern import WeekPattern
from tools.risk.prior import LIFE_HOURS, POOL_SPREAD, band_prior, digamma
from tools.risk.rates import gamma_quantile
from tools.risk.states import FRESH, state_grid

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
POOL = CapacityPool(instance_type="g5.xlarge", zone_name="us-east-1a", zone_id="use1-az1")


def band(index: int) -> AdvisorBand:
    label, low, high = BANDS[index]
    return AdvisorBand(
        region="us-east-1", operating_system="Linux", instance_type="g5.xlarge", band=index, label=label,
        low_share=low, high_share=high, saving_share=0.5, as_of=NOW, source="Spot Instance Advisor, test",
    )  # fmt: skip


def seen(hours: float, interruptions: int = 0, **more: int) -> Exposure:
    return Exposure(
        pool=POOL, instance_hours=hours, interruptions=interruptions, since=NOW - timedelta(days=9), until=NOW, **more
    )


def hazard(index: int | None = None, exposure: Exposure | None = None):
    return pool_hazard(POOL, band=None if index is None else band(index), exposure=exposure, as_of=NOW)


def possible_rates(index: int, count: int = 400_000):
    """Rates drawn from what a band's prior assumes, per instance-hour."""
    rng = np.random.default_rng(index)
    _, low, high = BANDS[index]
    share = rng.uniform(low, high, count)
    life = np.exp(rng.uniform(math.log(LIFE_HOURS[0]), math.log(LIFE_HOURS[1]), count))
    return -np.log1p(-share) / life * np.exp(rng.normal(-(POOL_SPREAD**2) / 2, POOL_SPREAD, count))


@pytest.mark.parametrize("index", range(5))
def test_a_bands_prior_is_the_gamma_nearest_to_what_it_assumes(index) -> None:
    rates = possible_rates(index)
    prior = band_prior(*BANDS[index][1:])
    assert prior.mean == pytest.approx(rates.mean(), rel=0.03)
    assert digamma(prior.shape) - math.log(prior.hours) == pytest.approx(np.log(rates).mean(), abs=0.02)
    assert gamma_quantile(prior.shape, 0.95) / prior.hours == pytest.approx(np.quantile(rates, 0.95), rel=0.1)
    day = -np.expm1(-24 * rates).mean()
    assert prior.chance_within(24) == pytest.approx(day, rel=0.35)  # told a little too high, never too low
    assert prior.chance_within(24) > day


def test_a_worse_band_has_a_higher_prior_and_every_prior_is_weak() -> None:
    priors = [band_prior(low, high) for _, low, high in BANDS]
    assert [p.mean for p in priors] == sorted(p.mean for p in priors)
    assert all(1 < p.hours < 100 for p in priors)
    assert all(p.shape < 0.4 for p in priors)  # of an interruption


@pytest.mark.parametrize(
    "trace", ["aws-04-22-2023/us-east-1f", "aws-08-03-2023/us-east-1f", "aws-08-03-2023/us-east-2a"]
)
def test_real_instances_of_the_worst_band_were_taken_as_often_as_its_interval_allows(data_dir, trace) -> None:
    campaign, zone = trace.split("/")
    (path,) = sorted((data_dir / "traces_dev" / "preemption").glob(f"**/{campaign}/{zone}_v100*.json.gz"))
    document = json.loads(gzip.decompress(path.read_bytes()))
    alive = np.repeat(*np.array(document["rle"], dtype=float).T.astype(int))
    hours = alive[:-1].sum() * document["gap_seconds"] / 3600
    lost = -np.minimum(np.diff(alive), 0).sum()
    prior = hazard(4)
    assert prior.low < 100 * lost / hours < prior.high
    # and with the hours of our own, the rate is what was seen
    own = hazard(4, seen(hours, int(lost)))
    assert own.low < 100 * lost / hours < own.high
    assert own.per_100_hours == pytest.approx(100 * lost / hours, rel=0.05)


def test_the_digamma_function_is_the_slope_of_ln_gamma() -> None:
    for x in (0.01, 0.3, 1.0, 7.7, 1234.5):
        h = x * 1e-5
        assert digamma(x) == pytest.approx((math.lgamma(x + h) - math.lgamma(x - h)) / (2 * h), rel=1e-6)
    assert digamma(1.0) == pytest.approx(-0.5772156649015329, abs=1e-12)


@pytest.mark.parametrize("shares", [(0.1, 0.1), (0.2, 0.1), (-0.1, 0.1), (0.5, 1.1), (math.nan, 0.1)])
def test_shares_that_are_no_band_are_refused(shares) -> None:
    with pytest.raises(UsageError, match="a band"):
        band_prior(*shares)


@pytest.mark.accepts("IP-01", "P-04", "U-08")
def test_a_band_alone_gives_a_number_whose_interval_is_honest() -> None:
    found = hazard(1)
    assert found.per_100_hours == pytest.approx(1.18, rel=0.01)
    assert found.low < 0.001
    assert found.high > 4 * found.per_100_hours
    day = interruption_within(found, horizon_minutes=1440, as_of=NOW)
    assert (day.low, day.probability, day.high) == pytest.approx((0.0001, 0.187, 0.71), abs=0.01)
    assert "prior only" in found.prior
    assert "AWS does not say" in found.evidence[0].value
    assert "own interruption records of this pool" in found.missing
    assert not is_own(found)


@pytest.mark.accepts("IP-01", "U-08")
@pytest.mark.parametrize(
    "exposure", [None, seen(0), seen(10), seen(199, 2), seen(0, 5), seen(0.01, 5), seen(0, refusals=9)]
)
def test_thin_records_without_a_band_abstain_and_say_what_would_be_enough(exposure) -> None:
    found = hazard(None, exposure)
    assert (found.per_100_hours, found.low, found.high) == (None, None, None)
    assert "200 hours or 3 interruptions" in found.abstains
    assert {"Spot Advisor band", "own interruption records of this pool"} == set(found.missing)
    within = interruption_within(found, horizon_minutes=60, as_of=NOW)
    assert (within.probability, within.low, within.high, within.method) == (None, None, None, "none")
    assert within.abstains == found.abstains
    assert confidence(within) is None


def test_enough_of_our_own_hours_need_no_band() -> None:
    calm = hazard(None, seen(2000, 0))
    assert calm.abstains is None
    assert calm.per_100_hours == pytest.approx(0.025)  # Jeffreys: half an interruption
    assert is_own(calm)
    assert is_own(hazard(None, seen(20, 3)))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 4), st.floats(1, 5000), st.integers(0, 30))
def test_the_posterior_is_bayes_rule_on_a_grid(index, hours, count) -> None:
    prior = band_prior(*BANDS[index][1:])
    found = hazard(index, seen(hours, count))
    rate = np.exp(np.linspace(-60, 5, 400_001))
    # density of ln λ
    log_density = (prior.shape + count) * np.log(rate) - rate * (prior.hours + hours)
    weight = np.exp(log_density - log_density.max())
    weight /= weight.sum()
    day = float((weight * -np.expm1(-24 * rate)).sum())
    assert chance_within(found, 24)[0] == pytest.approx(day, rel=1e-3)
    below = np.cumsum(weight)
    mean = float((weight * rate).sum()) * 100
    assert found.per_100_hours == pytest.approx(mean, rel=1e-3)
    assert found.high == pytest.approx(rate[np.searchsorted(below, 0.95)] * 100, rel=1e-2)
    low = rate[np.searchsorted(below, 0.05)] * 100
    assert found.low == pytest.approx(low, rel=2e-2, abs=1e-9) or found.low == found.per_100_hours


@pytest.mark.accepts("U-08")
@pytest.mark.parametrize("index", range(5))
def test_a_chance_is_told_only_where_its_interval_says_something(index) -> None:
    for records in (None, seen(10, 0), seen(5_000, 20)):
        found = hazard(index, records)
        for minutes in (5, 60, 360, 1440, 10_080):
            told = interruption_within(found, horizon_minutes=minutes, as_of=NOW)
            assert (told.probability is None) == (told.high - told.low > 0.8)
            assert (told.abstains is None) == (told.probability is not None)
    # 5,000 hours of our own are enough for every horizon up to a day
    assert interruption_within(hazard(index, seen(5_000, 20)), horizon_minutes=1440, as_of=NOW).probability is not None


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.none(), st.integers(0, 4)), st.floats(0, 1e5), st.integers(0, 50), st.integers(0, 99))
def test_the_number_lies_in_its_interval_and_more_seen_is_surer(index, hours, count, refusals) -> None:
    found = hazard(index, seen(hours, count, refusals=refusals))
    if found.per_100_hours is None:
        return
    assert 0 <= found.low <= found.per_100_hours <= found.high
    more = hazard(index, seen(hours * 10 + 1e4, count * 10, refusals=refusals))
    if count and hours > 200:
        assert more.high / more.per_100_hours < found.high / found.per_100_hours


def test_refusals_and_rebalances_raise_the_upper_end_and_nothing_else() -> None:
    calm = hazard(1, seen(500, 1))
    pressed = hazard(1, seen(500, 1, refusals=2, rebalances=3))
    assert pressed.per_100_hours == calm.per_100_hours
    assert pressed.low == calm.low
    assert pressed.high > calm.high
    # a group that is refused every minute says no more than one that was refused three times
    assert hazard(1, seen(500, 1, refusals=900)).high == hazard(1, seen(500, 1, refusals=3)).high
    # a recommendation that ended in an interruption is that interruption
    assert hazard(1, seen(500, 2, rebalances=2)).high == hazard(1, seen(500, 2)).high
    facts = [e.fact for e in pressed.evidence]
    assert facts == ["Spot Advisor band", "own interruptions", "rebalance recommendations", "launch refusals"]


def test_interruptions_without_hours_are_no_rate_and_only_widen() -> None:
    alone, told = hazard(1), hazard(1, seen(0, 2))
    assert told.per_100_hours == alone.per_100_hours
    assert told.high > alone.high


def test_our_own_records_outweigh_a_band_that_is_wrong() -> None:
    found = hazard(0, seen(500, 10))
    assert found.low > 2 * hazard(0).per_100_hours
    assert found.low < 2.0 < found.high * 2


@pytest.mark.accepts("IP-02", "IP-05", "P-04")
@settings(max_examples=20, deadline=None)
@given(st.floats(1, 500), st.floats(0.5, 10_000))
def test_the_chance_within_a_horizon_is_what_many_small_steps_amount_to(hours_between, minutes) -> None:
    count = 200
    found = hazard(None, seen(hours_between * count, count))
    within = interruption_within(found, horizon_minutes=minutes, as_of=NOW)
    rng = np.random.default_rng(count)
    rates = rng.gamma(found.shape, 1 / found.hours, 20_000)
    steps = 2_000
    survives = (1 - np.minimum(rates * minutes / 60 / steps, 1)) ** steps
    assert within.probability == pytest.approx(1 - survives.mean(), abs=2e-3)
    plug_in = -math.expm1(-found.per_100_hours / 100 * minutes / 60)
    assert within.probability <= plug_in  # averaging over the rate never sounds surer
    assert within.low <= within.probability <= within.high
    longer = interruption_within(found, horizon_minutes=minutes * 2, as_of=NOW)
    assert longer.probability >= within.probability


@pytest.mark.accepts("IP-05")
@pytest.mark.parametrize("minutes", [0, -1, math.nan, math.inf])
def test_a_horizon_that_is_not_above_0_is_refused(minutes) -> None:
    with pytest.raises(UsageError, match="a horizon of"):
        interruption_within(hazard(1), horizon_minutes=minutes, as_of=NOW)


@pytest.mark.accepts("IP-04")
def test_confidence_comes_from_how_much_was_seen() -> None:
    thin, thick = hazard(1, seen(100, 1)), hazard(1, seen(10_000, 100))
    day = {"horizon_minutes": 1440, "as_of": NOW}
    assert confidence(interruption_within(thin, **day)) < confidence(interruption_within(thick, **day)) < 1


def test_a_pattern_of_hours_bends_the_chance() -> None:
    nights = WeekPattern(hour=(3.0,) * 6 + (0.5,) * 18, says="test")
    found = hazard(None, seen(1000, 10))
    day = interruption_within(found, horizon_minutes=60, as_of=NOW, pattern=nights)
    night = interruption_within(found, horizon_minutes=60, as_of=NOW.replace(hour=2), pattern=nights)
    flat = interruption_within(found, horizon_minutes=60, as_of=NOW)
    assert day.probability < flat.probability < night.probability
    assert "factors" in day.source
    assert "factors" not in flat.source


# states


class Looks:
    """An archive's pool_states, and nothing else: the part of the door that a forecast reads."""

    def __init__(self, looks=(), error: Exception | None = None) -> None:
        self.looks, self.error = tuple(looks), error

    def pool_states(self, pool, *, region, since):
        if self.error:
            raise self.error
        return tuple((at, state) for at, state in self.looks if at >= since)


class Trained:
    """Answers like the trained forecast, and keeps what it was asked."""

    def __init__(self, answers) -> None:
        self.answers, self.asked = answers, None

    def forecast(self, available, *, gap_seconds, horizons_minutes):
        self.asked = (available, gap_seconds, tuple(horizons_minutes))
        return [self.answers.get(m, "not trained for it") for m in horizons_minutes]


def every(minutes: int, hours: float, until=NOW, state="running"):
    steps = int(hours * 60 / minutes)
    return [(until - timedelta(minutes=minutes * i), state) for i in range(steps, -1, -1)]


def test_looks_become_an_even_grid_and_nothing_is_made_up_between_them() -> None:
    looks = every(10, 26)
    looks[100] = (looks[100][0], "refused")
    del looks[50:60]
    grid = state_grid(looks, now=NOW + timedelta(minutes=5))
    assert grid.gap_seconds == 600
    assert len(grid.available) == 26 * 6 + 1
    assert np.isnan(grid.available[50:60]).all()
    assert grid.available[100] == 0
    assert np.nansum(grid.available) == 26 * 6 + 1 - 10 - 1
    # a refusal beside a running instance: the pool is dry
    both = sorted([*looks, (looks[-1][0], "taken")])
    assert state_grid(both, now=NOW).available[-1] == 0


def test_two_processes_that_watch_side_by_side_leave_no_holes_in_the_grid() -> None:
    apart = timedelta(seconds=2)
    looks = sorted([*every(5, 26), *((at - apart, state) for at, state in every(5, 26))])
    grid = state_grid(looks, now=NOW)
    assert grid.gap_seconds == 298
    assert np.isfinite(grid.available).all()


@pytest.mark.parametrize(
    ("looks", "now", "says"),
    [
        ([], NOW, "do not watch"),
        ([(NOW, "running")], NOW, "one look"),
        (every(10, 23), NOW, "23.0 h of looks"),
        (every(10, 30), NOW + FRESH + timedelta(minutes=1), "31 minutes old"),
        ([*every(10, 2, until=NOW - timedelta(hours=30)), *every(10, 2)], NOW, "of the last day"),
        (every(10, 30, until=NOW + timedelta(hours=29)), NOW, "1.0 h of looks"),
    ],
)
def test_too_few_looks_are_no_states_and_the_reason_is_said(looks, now, says) -> None:
    assert says in state_grid(looks, now=now)


def probed(minutes=10, hours=30):
    """Looks of a pool that was dry once, ten hours ago."""
    looks = every(minutes, hours)
    dry = len(looks) - 600 // minutes
    looks[dry] = (looks[dry][0], "refused")
    return looks


def ask(archive, trained, horizons, found=None):
    return pool_forecast(
        archive, trained, POOL, found or hazard(1), region="us-east-1", horizons_minutes=horizons, now=NOW
    )


@pytest.mark.accepts("P-04")
def test_a_watched_pool_is_forecast_from_its_states_and_its_rate_takes_over_after_a_day() -> None:
    trained = Trained({60: (0.1, 0.05, 0.2), 1440: (0.6, 0.4, 0.8)})
    hour, day, two = ask(Looks(probed()), trained, (2880, 60, 1440))
    assert [w.method for w in (hour, day, two)] == ["state forecast", "state forecast", "constant hazard"]
    assert (hour.probability, hour.low, hour.high) == (0.1, 0.05, 0.2)
    assert hour.as_of == NOW
    rest = interruption_within(hazard(1), horizon_minutes=1440, as_of=NOW)
    assert two.probability == pytest.approx(1 - (1 - 0.6) * (1 - rest.probability))
    assert two.source.startswith("state forecast for 24 h, then")
    assert trained.asked[1:] == (600, (60, 1440))


@pytest.mark.accepts("U-08", "P-04")
@pytest.mark.parametrize("hours", [1, 30])
@pytest.mark.parametrize("trained", [Trained({}), None])
def test_while_a_pool_is_dry_its_average_rate_is_not_told_as_a_chance(hours, trained) -> None:
    for state in ("taken", "refused"):
        looks = Looks([*every(10, hours), (NOW, state)])
        for told in ask(looks, trained, (3, 60, 1440, 2880)):
            assert told.probability is None
            assert told.abstains.startswith("the pool is dry by the last look")
            assert told.high == 1.0
    before = Looks([*every(10, hours)[:-1], (NOW - timedelta(minutes=31), "taken")][-1:])
    assert ask(before, trained, (60,))[0].probability is not None


def test_without_enough_states_the_rate_answers_and_says_why() -> None:
    trained = Trained({})
    for archive, why in (
        (Looks(every(10, 3)), "3.0 h of looks"),
        (Looks(error=DataError("archive.db is damaged")), "cannot be read"),
        (Looks(every(10, 30)), "no look saw the pool dry for 192 h"),
        (Looks([(NOW - timedelta(hours=80), "refused"), *every(10, 79)]), "no look saw the pool dry for 80 h"),
        (Looks(probed()), "not trained for it"),
    ):
        (hour,) = ask(archive, trained, (60,))
        assert hour.method == "constant hazard"
        assert why in hour.source
    (unasked,) = ask(Looks(probed()), None, (60,))
    assert unasked.method == "constant hazard"
    (short,) = ask(Looks(probed()), Trained({1440: (0.5, 0.4, 0.6)}), (2,))
    assert "too short" in short.source
    beyond = ask(Looks(probed()), Trained({1440: (0.5, 0.4, 0.6)}), (1440, 2880), found=hazard(None))
    assert beyond[0].probability == 0.5
    assert beyond[1].probability is None


def test_a_longer_horizon_is_never_less_likely() -> None:
    trained = Trained({5: (0.3, 0.1, 0.5), 60: (0.2, 0.15, 0.4), 1440: (0.25, 0.2, 0.3)})
    found = ask(Looks(probed(5)), trained, (5, 60, 1440, 2880))
    for key in ("probability", "low", "high"):
        values = [getattr(w, key) for w in found]
        assert values == sorted(values)
