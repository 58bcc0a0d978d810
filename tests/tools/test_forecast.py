"""The interruption forecast: what it may look at, what it must keep to, and whether it is better than the baseline."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.errors import DataError, UsageError
from tools.risk.forecast import Within, load_forecaster
from tools.risk.forecast_artefact import artefact_text, read_artefact
from tools.risk.forecast_features import FALLS, FEATURES, RISES
from tools.risk.forecast_history import History, mature
from tools.traces import find_traces, outcomes, read_trace, scored_ticks

GAPS = (30.0, 195.0, 300.0, 600.0, 1800.0, 3600.0)


def weather(ticks, *, gap_seconds=600.0, seed=0):
    """A made-up pool: up and down for hours at a time, worse in one part of the day."""
    dice = np.random.default_rng(seed)
    hours = np.arange(ticks) * gap_seconds / 3600
    leave = gap_seconds / 3600 * np.where(hours % 24 < 8, 0.6, 0.15)
    change, values, up = dice.random(ticks), np.empty(ticks), 1.0
    for i in range(ticks):
        if change[i] < (leave[i] if up else gap_seconds / 3600 * 0.5):
            up = 1.0 - up
        values[i] = up
    return values


def every_up(values, *, after=0):
    ticks = np.flatnonzero(values > 0)
    return ticks[ticks >= after]


@pytest.fixture(scope="module")
def forecaster():
    return load_forecaster()


@pytest.mark.accepts("P-04")
@pytest.mark.parametrize("gap_seconds", [195.0, 600.0])
@pytest.mark.parametrize("horizon_minutes", [5, 45, 60, 1440])
def test_changing_the_future_changes_no_forecast_bit_by_bit(forecaster, gap_seconds, horizon_minutes):
    values = weather(1500, gap_seconds=gap_seconds)
    now = 1100
    ticks = every_up(values[: now + 1], after=300)
    asked = {"gap_seconds": gap_seconds, "ticks": ticks, "horizon_minutes": horizon_minutes}
    said = forecaster.probabilities(values, **asked)
    for future in (0.0, 16.0, np.nan, 1 - values[now + 1 :]):
        other = values.copy()
        other[now + 1 :] = future
        assert forecaster.probabilities(other, **asked).tobytes() == said.tobytes()
    assert forecaster.probabilities(values[: now + 1], **asked).tobytes() == said.tobytes()


def test_a_forecast_does_not_depend_on_which_others_are_asked_for(forecaster):
    values = weather(1500)
    ticks = every_up(values, after=300)
    together = forecaster.probabilities(values, gap_seconds=600, ticks=ticks, horizon_minutes=60)
    some = ticks[::-7]
    alone = forecaster.probabilities(values, gap_seconds=600, ticks=some, horizon_minutes=60)
    assert alone.tobytes() == together[::-7].tobytes()


def test_the_live_forecast_is_the_batch_forecast_of_the_last_tick(forecaster):
    values = weather(1400, seed=3)
    values = values[: every_up(values)[-1] + 1]
    horizons = (5, 30, 60, 90, 1440)
    live = forecaster.forecast(values, gap_seconds=600, horizons_minutes=horizons)
    for minutes, within in zip(horizons, live, strict=True):
        last = np.array([len(values) - 1])
        batch = forecaster.probabilities(values, gap_seconds=600, ticks=last, horizon_minutes=minutes)
        assert isinstance(within, Within)
        assert within.probability == batch[0]
        assert 0 < within.low < within.probability < within.high < 1


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 99),
    gap=st.sampled_from(GAPS),
    unknown=st.sampled_from([0.0, 0.1, 0.9]),
    horizons=st.lists(st.floats(5, 1440), min_size=2, max_size=4, unique=True),
)
def test_a_forecast_is_a_probability_and_never_falls_with_the_horizon(seed, gap, unknown, horizons):
    values = weather(400, gap_seconds=gap, seed=seed)
    values[np.random.default_rng(seed).random(400) < unknown] = np.nan
    ticks = every_up(values)
    before = np.zeros(len(ticks))
    for minutes in sorted(horizons):
        said = load_forecaster().probabilities(values, gap_seconds=gap, ticks=ticks, horizon_minutes=minutes)
        assert np.all((said > 0) & (said < 1))
        assert np.all(said >= before * (1 - 1e-12))
        before = said


@pytest.mark.parametrize("gap_seconds", [1.0, 30.0])
def test_a_pool_that_flaps_at_every_look_is_given_a_probability(forecaster, gap_seconds):
    values = np.arange(6000) % 2.0
    for horizon_minutes in (5, 60, 1440):
        ticks = every_up(values)[::50]
        said = forecaster.probabilities(values, gap_seconds=gap_seconds, ticks=ticks, horizon_minutes=horizon_minutes)
        assert np.all((said > 0) & (said < 1))


@pytest.mark.parametrize("gap_seconds", [30.0, 60.0, 195.0, 300.0, 600.0])
def test_a_pool_that_was_gone_within_every_hour_of_weeks_is_not_said_to_stay(forecaster, gap_seconds):
    ticks_a_day = int(86_400 / gap_seconds)
    values = np.arange(14 * ticks_a_day) % 2.0
    ticks = every_up(values, after=3 * ticks_a_day)[::97]
    said = forecaster.probabilities(values, gap_seconds=gap_seconds, ticks=ticks, horizon_minutes=60)
    assert np.all(said > 0.9)


def test_nothing_is_said_of_a_pool_that_is_dry_or_not_seen(forecaster):
    values = np.array([1.0, 0.0, np.nan, 1.0])
    said = forecaster.probabilities(values, gap_seconds=600, ticks=np.arange(4), horizon_minutes=60)
    assert np.isnan(said).tolist() == [False, True, True, False]


def test_an_unknown_tick_is_not_an_interruption(forecaster):
    values = np.ones(1000)
    holes = values.copy()
    holes[np.random.default_rng(1).random(1000) < 0.3] = np.nan
    holes[-1] = 1.0
    last = np.array([999])
    sure = forecaster.probabilities(values, gap_seconds=600, ticks=last, horizon_minutes=60)
    less = forecaster.probabilities(holes, gap_seconds=600, ticks=last, horizon_minutes=60)
    dry = forecaster.probabilities(np.nan_to_num(holes), gap_seconds=600, ticks=last, horizon_minutes=60)
    assert sure[0] < 0.1
    assert less[0] < 0.1
    assert dry[0] > 0.5


def test_an_outcome_counts_when_half_of_its_horizon_was_seen_lost_or_not():
    values = np.array([1, 1, np.nan, 1, 0, 1, np.nan, np.nan, 0, 1.0])
    matured = mature(History(values, 600.0), 30)
    assert matured.exposed.tolist() == [True, True, False, True, False, False, False, False, False, False]
    assert matured.came.tolist() == [False, True, False, True, False, False, False, False, False, False]


@pytest.mark.parametrize("horizon_minutes", [60, 1440])
def test_looks_with_gaps_do_not_make_a_pool_look_worse(forecaster, horizon_minutes):
    values = np.ones(8 * 288)
    values[[-700, -40]] = 0.0
    holes = values.copy()
    holes[np.random.default_rng(2).permutation(np.flatnonzero(values[:-1]))[:300]] = np.nan
    asked = {"gap_seconds": 300, "ticks": np.array([len(values) - 1]), "horizon_minutes": horizon_minutes}
    whole, part = (forecaster.probabilities(v, **asked)[0] for v in (values, holes))
    assert part == pytest.approx(whole, rel=0.15)


def test_the_same_pool_looked_at_more_often_is_given_about_the_same(forecaster):
    coarse = weather(2000, seed=5)
    fine = np.repeat(coarse, 4)
    ticks = every_up(coarse, after=500)[::10]
    said = forecaster.probabilities(coarse, gap_seconds=600, ticks=ticks, horizon_minutes=60)
    again = forecaster.probabilities(fine, gap_seconds=150, ticks=ticks * 4 + 3, horizon_minutes=60)
    assert np.mean(np.abs(said - again)) < 0.03


@pytest.mark.accepts("U-08")
@pytest.mark.parametrize(
    ("values", "gap_seconds", "why"),
    [
        (np.ones(100), 600.0, "16.7 h of history, 24 h are needed"),
        (np.empty(0), 600.0, "0.0 h of history, 24 h are needed"),
        (np.ones(100), 3600.0, "ticks are 3600 s apart, at most 1800 s tell short losses"),
        (np.r_[np.ones(199), 0.0], 600.0, "nothing was obtainable at the last tick"),
        (np.r_[np.ones(199), np.nan], 600.0, "the last tick is not known"),
        (np.r_[np.ones(100), np.full(100, np.nan), 1.0], 600.0, "31% of the last 24 h are known, 50% are needed"),
    ],
)
def test_the_live_forecast_abstains_where_too_little_is_known(forecaster, values, gap_seconds, why):
    assert forecaster.forecast(values, gap_seconds=gap_seconds, horizons_minutes=(60, 120)) == (why, why)


def test_the_interval_narrows_as_a_pool_is_watched(forecaster):
    widths = []
    for days in (1.5, 5, 20):
        values = np.r_[weather(round(days * 144), seed=2), np.ones(6)]
        ((_, low, high),) = forecaster.forecast(values, gap_seconds=600, horizons_minutes=(60,))
        widths.append(np.log(high / (1 - high)) - np.log(low / (1 - low)))
    assert widths[0] > widths[1] > widths[2] > 0


@pytest.mark.parametrize(
    ("asked", "seen"),
    [
        ({"horizon_minutes": 4.9}, "4.9 min"),
        ({"horizon_minutes": 1441}, "1441 min"),
        ({"horizon_minutes": np.nan}, "nan min"),
        ({"gap_seconds": 0.0}, "0.0 s"),
        ({"gap_seconds": np.nan}, "nan s"),
        ({"gap_seconds": 100_000.0}, "100000 s"),
        ({"ticks": np.array([200])}, "200 ticks"),
        ({"ticks": np.array([-1])}, "outside"),
        ({"available": np.full(200, -1.0)}, "0 or more"),
        ({"available": np.full(200, np.inf)}, "0 or more"),
    ],
)
def test_what_cannot_be_is_refused_with_what_was_seen(forecaster, asked, seen):
    whole = {"available": np.ones(200), "gap_seconds": 600.0, "ticks": np.array([199]), "horizon_minutes": 60, **asked}
    with pytest.raises(UsageError, match=seen):
        forecaster.probabilities(whole.pop("available"), **whole)


@pytest.mark.parametrize(
    ("spoil", "field"),
    [
        (lambda d: d.pop("heads"), "heads"),
        (lambda d: d["heads"].reverse(), "rising order"),
        (lambda d: d["heads"][2].update(intercept="NaN"), "heads.2.intercept"),
        (lambda d: d["heads"][1]["weights"].pop(), "heads.1"),
        (lambda d: d["heads"][0]["weights"][3].update(scale=0), "heads.0.weights.3.scale"),
        (lambda d: d.update(format="something else"), "format"),
        (lambda d: d["learning"].update(more=1), "learning.more"),
    ],
)
def test_a_damaged_artefact_is_refused_with_its_file_and_field(tmp_path, spoil, field):
    document = json.loads(artefact_text(read_artefact()))
    spoil(document)
    path = tmp_path / "model.json"
    path.write_text(json.dumps(document))
    with pytest.raises(DataError, match=rf"model\.json: .*{field}"):
        load_forecaster(path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"format": 1e999}', b" " * (1 << 20) + b"{}"])
def test_a_file_that_is_no_artefact_is_refused(tmp_path, content):
    path = tmp_path / "model.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"model\.json"):
        load_forecaster(path)


def test_an_artefact_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"none\.json"):
        load_forecaster(tmp_path / "none.json")


def test_the_shipped_artefact_is_small_reads_back_and_keeps_to_its_signs():
    artefact = read_artefact()
    text = artefact_text(artefact)
    assert len(text) < 100_000
    assert type(artefact).model_validate_json(text) == artefact
    for head in artefact.heads:
        for feature, weight in zip(FEATURES, head.weights, strict=True):
            assert weight.weight >= 0 or feature.sign != RISES
            assert weight.weight <= 0 or feature.sign != FALLS


@pytest.mark.accepts("P-06")
def test_the_shipped_artefact_carries_its_calibration_on_zones_held_out():
    measured = {(m.split, m.forecaster, m.horizon_minutes): m for m in read_artefact().card.measured}
    ours = measured["zones held out", "ours", 60.0]
    nine = measured["zones held out", "nine-feature logistic regression", 60.0]
    assert ours.skill > nine.skill
    assert ours.auc > nine.auc
    assert ours.calibration_error <= ours.perfect_calibration_error_p95


def test_on_real_traces_the_shipped_forecast_is_skilled_and_causal(data_dir: Path, forecaster):
    paths = [p for p in find_traces(data_dir / "traces_dev") if "10-26-2022" in str(p)]
    said, came = [], []
    for path in paths:
        trace = read_trace(path)
        ticks = scored_ticks(trace.values, trace.gap_seconds, 60)
        asked = {"gap_seconds": trace.gap_seconds, "horizon_minutes": 60}
        said.append(forecaster.probabilities(trace.values, ticks=ticks, **asked))
        came.append(outcomes(trace.values, trace.gap_seconds, ticks, 60))
        half = ticks[len(ticks) // 2]
        cut = forecaster.probabilities(trace.values[: half + 1], ticks=ticks[ticks <= half], **asked)
        assert cut.tobytes() == said[-1][ticks <= half].tobytes()
    p, y = np.concatenate(said), np.concatenate(came)
    assert np.mean((p - y) ** 2) < 0.86 * y.mean() * (1 - y.mean())
