"""The bench's folds: nobody is scored on a zone, a campaign or a time that it was trained on."""

import numpy as np
import pytest

from tests.bench.forecast import FIRST_SHARE, HORIZONS, campaign_of, scored_rows, splits, zone_of
from tests.bench.forecast_baselines import guide_default, guide_learnt, nine_features, rows_of
from tools.traces import Trace, find_traces, read_trace


@pytest.fixture(scope="module")
def traces(data_dir):
    return [read_trace(path) for path in find_traces(data_dir / "traces_dev")]


@pytest.mark.accepts("P-06")
def test_a_zone_that_is_scored_was_never_trained_on(traces) -> None:
    zones, later, campaigns = splits(traces)
    for split in (zones, later, campaigns):
        assert sorted(str(t.path) for f in split.folds for t in f.scored) == [str(t.path) for t in traces]
    for fold in zones.folds + later.folds:
        assert {zone_of(t) for t in fold.scored} == {fold.name}
        assert fold.name not in {zone_of(t) for t in fold.training}
        assert fold.training
    for fold in campaigns.folds:
        assert {campaign_of(t) for t in fold.scored} == {fold.name}
        assert fold.name not in {campaign_of(t) for t in fold.training}
        assert fold.training


@pytest.mark.accepts("P-06")
def test_later_times_are_scored_after_everything_that_was_trained_on(traces) -> None:
    _, later, _ = splits(traces)
    whole = {t.path: len(t.values) for t in traces}
    for fold in later.folds:
        for trained in fold.training:
            assert len(trained.values) <= FIRST_SHARE * whole[trained.path]
        for horizon in HORIZONS:
            for rows in scored_rows(fold, horizon):
                assert len(rows.ticks) > 0
                assert rows.ticks.min() >= FIRST_SHARE * whole[rows.trace.path]


def changed_after(trace: Trace, tick: int) -> Trace:
    values = trace.values.copy()
    values[tick + 1 :] = values[tick + 1 :] == 0
    return Trace(trace.path, trace.gap_seconds, values)


def test_the_comparators_see_no_future_either(traces) -> None:
    for trace in traces[::4]:
        rows = rows_of(trace, 60)
        middle = int(rows.ticks[len(rows.ticks) // 2])
        past = rows.where(rows.ticks <= middle)
        other = type(rows)(changed_after(trace, middle), past.ticks, past.outcomes, past.features)
        assert np.array_equal(
            nine_features(other.trace.values, trace.gap_seconds, past.ticks), past.features, equal_nan=False
        )
        assert np.array_equal(guide_learnt([other], 60)[0], guide_learnt([past], 60)[0])


def test_the_guides_default_is_a_tenth_an_hour(traces) -> None:
    (said,) = guide_default([rows_of(traces[0], 180)], 180)
    assert set(np.round(said, 12)) == {round(1 - 0.9**3, 12)}
