"""The guides' formulas at their boundaries, each defect shown beside ours; and weights that are learned."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.errors import DataError, UsageError
from tools.records import CapacityPool, Exposure
from tools.risk import guide
from tools.risk.blend import GUIDE_WEIGHT, learned_blend
from tools.risk.hazard import interruption_within, pool_hazard

NOW = datetime(2026, 11, 20, 17, 40, tzinfo=UTC)  # a Friday
SHARE = st.floats(0, 1)


@pytest.mark.accepts("AN-04")
def test_the_overall_score_weighs_four_terms() -> None:
    score = guide.overall_score(
        {"price_volatility": 0.1}, {"interruption_probability": 0.2}, {"availability_rate": 0.9},
        {"savings_percentage": 0.45},
    )  # fmt: skip
    assert score == pytest.approx(0.2 * 0.9 + 0.3 * 0.8 + 0.3 * 0.9 + 0.2 * 0.5)


@pytest.mark.accepts("AN-04")
def test_the_overall_score_reads_a_key_that_the_predictor_never_returns() -> None:
    prediction = guide.pattern_based_prediction({"seasonal": {"current": 1.0}}, 7, now=NOW)
    assert "interruption_probability" not in prediction
    parts = ({"price_volatility": 0.1}, prediction, {"availability_rate": 0.9}, {"savings_percentage": 0.45})
    certain = ({"price_volatility": 0.1}, {}, {"availability_rate": 0.9}, {"savings_percentage": 0.45})
    assert guide.overall_score(*parts) == guide.overall_score(*certain)
    ours = guide.overall_score_as_meant(
        price_volatility=0.1, interruption_probability=prediction["p_interrupt_horizon"], availability_rate=0.9,
        savings_share=0.45,
    )  # fmt: skip
    assert ours == pytest.approx(guide.overall_score(*parts) - 0.3, abs=1e-6)


@pytest.mark.accepts("AN-04")
def test_the_overall_score_leaves_its_range_and_ours_does_not() -> None:
    wild = guide.overall_score({"price_volatility": 9}, {}, {"availability_rate": 0}, {"savings_percentage": -5})
    assert wild < -1
    assert guide.overall_score_as_meant(
        price_volatility=9, interruption_probability=0, availability_rate=0, savings_share=-5
    ) == pytest.approx(0.3)


@settings(max_examples=100, deadline=None)
@given(*[st.one_of(st.none(), st.floats(-10, 10))] * 4)
def test_the_score_as_meant_is_a_share_or_unknown(volatility, probability, availability, saving) -> None:
    terms = (volatility, probability, availability, saving)
    score = guide.overall_score_as_meant(
        price_volatility=volatility, interruption_probability=probability, availability_rate=availability,
        savings_share=saving,
    )  # fmt: skip
    assert score is None if None in terms else 0 <= score <= 1


def test_savings_of_an_unknown_price_are_everything_and_of_no_on_demand_price_nothing() -> None:
    assert guide.cost_savings(1.0, {})["savings_percentage"] == 1.0
    assert guide.cost_savings(0, {"average_price": 0.3}) == {"savings_percentage": 0, "savings_amount": 0}
    assert guide.cost_savings(2.0, {"average_price": 0.5})["savings_amount"] == 1.5
    assert guide.cost_savings(1.0, {"average_price": 1.5})["savings_percentage"] == -0.5


@pytest.mark.accepts("IP-02")
def test_nothing_known_is_a_tenth_an_hour_and_all_but_certain_in_a_day() -> None:
    day = guide.pattern_based_prediction({}, 1, now=NOW)
    assert day["average_probability"] == pytest.approx(0.1)
    assert day["max_probability"] == pytest.approx(0.1)
    assert day["p_interrupt_horizon"] == pytest.approx(0.92, abs=0.001)
    assert guide.pattern_based_prediction({}, 7, now=NOW)["p_interrupt_horizon"] > 0.9999999
    ours = pool_hazard(CapacityPool(instance_type="g5.xlarge"), band=None, exposure=None, as_of=NOW)
    assert interruption_within(ours, horizon_minutes=1440, as_of=NOW).probability is None


@pytest.mark.accepts("IP-03")
def test_the_hour_starts_at_0_and_the_weekday_rolls_a_day_after_now() -> None:
    patterns = {"hourly": {"0": 1.0, "17": 0.4}, "daily": {"4": 0.7, "5": 0.2}}
    found = guide.pattern_based_prediction(patterns, 2, now=NOW)["predictions"]
    # at 17:40 on Friday the guides take the midnight hour
    assert found[0]["timestamp"] == NOW
    assert found[0]["interruption_probability"] == pytest.approx((1.0 + 0.7 + 0.1) / 3)
    assert found[17]["interruption_probability"] == pytest.approx((0.4 + 0.7 + 0.1) / 3)
    # seven hours on it is Saturday, and for them still Friday
    assert found[7]["timestamp"].weekday() == 5
    assert found[7]["interruption_probability"] == pytest.approx((0.1 + 0.7 + 0.1) / 3)
    assert found[24]["interruption_probability"] == pytest.approx((1.0 + 0.2 + 0.1) / 3)
    assert len(found) == 48


@pytest.mark.accepts("IP-05")
@settings(max_examples=60, deadline=None)
@given(st.lists(SHARE, min_size=1, max_size=60))
def test_average_highest_and_the_chance_of_any_hour(hours) -> None:
    found = guide.summary([{"interruption_probability": p} for p in hours])
    assert found["average_probability"] == pytest.approx(math.fsum(hours) / len(hours))
    assert found["max_probability"] == max(hours)
    assert found["p_interrupt_horizon"] == pytest.approx(1 - math.prod(1 - p for p in hours))
    assert found["max_probability"] <= found["p_interrupt_horizon"] + 1e-12


@pytest.mark.accepts("IP-05")
def test_a_horizon_of_nothing_is_refused_and_not_divided_by() -> None:
    for days in (0, -1):
        with pytest.raises(UsageError, match="horizon"):
            guide.pattern_based_prediction({}, days, now=NOW)
    with pytest.raises(UsageError, match="0 hours"):
        guide.summary([])


@pytest.mark.accepts("IP-06")
def test_seven_tenths_of_the_model_and_three_of_the_pattern_with_their_parts_kept() -> None:
    pattern = guide.pattern_based_prediction({}, 1, now=NOW)
    hours = [
        {"timestamp": NOW + timedelta(hours=i), "interruption_probability": 0.5, "confidence": 0.9} for i in range(24)
    ]
    found = guide.combine_predictions({"predictions": hours}, pattern)
    first = found["predictions"][0]
    assert first["interruption_probability"] == pytest.approx(0.7 * 0.5 + 0.3 * 0.1)
    assert first["confidence"] == pytest.approx(0.7 * 0.9 + 0.3 * 0.5)  # the pattern names none: .5
    assert (first["ml_probability"], first["pattern_probability"]) == (0.5, pytest.approx(0.1))
    assert first["timestamp"] == NOW
    assert found["method"] == "combined_ml_pattern"
    with pytest.raises(UsageError, match="23 predictions of the model and 24"):
        guide.combine_predictions({"predictions": hours[1:]}, pattern)


@pytest.mark.accepts("MO-03")
@pytest.mark.parametrize(
    ("score", "level"),
    [
        (0.8, "medium"), (math.nextafter(0.8, 1), "high"), (0.5, "low"), (math.nextafter(0.5, 1), "medium"),
        (0.0, "low"), (-1.0, "low"), (2.0, "high"),
    ],
)  # fmt: skip
def test_the_levels_begin_strictly_above(score, level) -> None:
    assert guide.risk_level(score) == level


@pytest.mark.accepts("MO-02", "MO-04")
def test_the_monitors_risk_weighs_four_factors() -> None:
    found = guide.assess_interruption_risk(
        {
            "price_volatility": 0.5,
            "availability_trend": 0.2,
            "instance_age_hours": 12,
            "region_interruption_rate": 0.25,
        }
    )
    assert found.score == pytest.approx(0.15 + 0.24 + 0.1 + 0.05)
    assert found.level == "medium"
    assert found.factors == {
        "price_volatility": 0.5,
        "availability_trend": 0.2,
        "instance_age": 12,
        "region_pattern": 0.25,
    }
    assert len(found.actions) == 3


@pytest.mark.accepts("MO-02")
def test_the_monitor_makes_risk_of_ignorance_and_of_age() -> None:
    assert guide.assess_interruption_risk({}).score == pytest.approx(0.30)
    old = guide.assess_interruption_risk({"instance_age_hours": 48})
    assert old.score == pytest.approx(0.50)
    healthy = {"price_volatility": 0.0, "availability_trend": 1.0}
    young, aged = ({**healthy, "instance_age_hours": h} for h in (0, 24))
    assert guide.assess_interruption_risk(aged).score - guide.assess_interruption_risk(young).score == pytest.approx(
        0.2
    )
    assert guide.assess_interruption_risk({"availability_trend": -3, "instance_age_hours": 99}).score > 1


@pytest.mark.accepts("MO-05")
def test_advice_is_four_three_and_two_pieces_in_both_languages() -> None:
    for level, count in (("high", 4), ("medium", 3), ("low", 2)):
        korean, english = guide.actions(level, "ko"), guide.actions(level, "en")
        assert len(korean) == len(english) == count
        assert all(text.isascii() for text in english)
        assert all(any("가" <= c <= "힣" for c in text) for text in korean)
    assert guide.actions("high", "ko") == (
        "즉시 체크포인트 생성",
        "대체 인스턴스 준비",
        "작업 우선순위 재평가",
        "온디맨드 폴백 고려",
    )


# learned weights


@pytest.mark.accepts("IP-06")
def test_no_outcome_leaves_the_guides_weight_and_many_find_the_better_forecast() -> None:
    assert learned_blend([], [], []).weight == pytest.approx(GUIDE_WEIGHT)
    rng = np.random.default_rng(7)
    truth = rng.beta(1, 4, 4000)
    happened = (rng.uniform(size=4000) < truth).astype(int)
    noise = np.full(4000, truth.mean())
    good = learned_blend(truth, noise, happened)
    assert good.weight > 0.85
    bad = learned_blend(noise, truth, happened)
    assert bad.weight < 0.2
    assert bad.log_loss < bad.guide_log_loss
    few = learned_blend(noise[:10], truth[:10], happened[:10])
    assert abs(few.weight - GUIDE_WEIGHT) < 0.15


@pytest.mark.accepts("IP-06")
@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(SHARE, SHARE, st.integers(0, 1)), min_size=1, max_size=80))
def test_the_weight_is_the_best_of_a_fine_grid(rows) -> None:
    a, b, y = (np.array(v, dtype=float) for v in zip(*rows, strict=True))
    found = learned_blend(a, b, y)
    grid = np.linspace(0.0005, 0.9995, 2000)
    p = np.clip(grid[:, None] * a + (1 - grid[:, None]) * b, 1e-6, 1 - 1e-6)
    loss = -np.where(y == 1, np.log(p), np.log1p(-p)).sum(axis=1)
    loss -= 20 * (GUIDE_WEIGHT * np.log(grid) + (1 - GUIDE_WEIGHT) * np.log1p(-grid))
    assert found.weight == pytest.approx(grid[np.argmin(loss)], abs=0.02)
    assert 0 <= found.probability(0.2, 0.9) <= 1


def test_forecasts_that_are_no_probabilities_are_named() -> None:
    with pytest.raises(DataError, match="pattern's forecast 1: nan"):
        learned_blend([0.1, 0.2], [0.1, math.nan], [0, 1])
    with pytest.raises(DataError, match="neither 0 nor 1"):
        learned_blend([0.1], [0.1], [2])
    with pytest.raises(UsageError, match="the same number"):
        learned_blend([0.1], [0.1, 0.2], [1])


def test_thin_exposure_is_told_to_be_thin() -> None:
    pool = CapacityPool(instance_type="g5.xlarge", zone_name="us-east-1a")
    thin = Exposure(pool=pool, instance_hours=3, since=NOW, until=NOW)
    assert "too few" in pool_hazard(pool, band=None, exposure=thin, as_of=NOW).evidence[0].value
