"""Bars of plain characters: where the signs stand is what the numbers say."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui import records
from tools.risk.calibration import ReliabilityBin
from tui.charts.marks import marks_of
from tui.charts.text import forecast_bars, rate_bars, reliability_lines, risk_bar, scale_end

shares = st.floats(0, 1)


def test_a_bar_shows_the_chance_within_its_interval():
    assert risk_bar(0.5, 0.2, 0.8, 11) == "┄┄├──●──┤┄┄"
    assert risk_bar(0.5, 0.2, 0.8, 11, True) == "..[--o--].."
    assert risk_bar(0.05, 0.02, 0.08, 11, end=0.1) == "┄┄├──●──┤┄┄"


@pytest.mark.accepts("U-08")
def test_unknown_is_a_word_and_no_bar():
    assert risk_bar(None, None, None, 20) == "unknown".ljust(20)
    assert risk_bar(None, 0.1, 0.9, 4) == "unkn"


def test_a_chance_without_an_interval_is_a_point_alone():
    assert risk_bar(0.5, None, None, 5) == "┄┄●┄┄"


@given(shares, shares, shares, st.integers(1, 80), st.booleans())
def test_a_bar_is_as_wide_as_asked_and_its_point_is_where_the_chance_is(a, b, c, width, plain):
    low, probability, high = sorted((a, b, c))
    bar = risk_bar(probability, low, high, width, plain)
    assert len(bar) == width
    assert bar.index("o" if plain else "●") == round(probability * (width - 1))


@given(st.lists(st.one_of(st.none(), shares)))
def test_a_scale_holds_every_value(values):
    known = [v for v in values if v is not None]
    assert scale_end(values) >= max(known, default=1.0) or math.isclose(scale_end(values), 1)


def test_the_reliability_table_sets_forecast_beside_what_came_and_leaves_empty_ranges_unknown():
    full = ReliabilityBin(
        above=0.4, below=0.5, rows=1200, mean_forecast=0.45, observed_share=0.7, observed_low=0.6, observed_high=0.8
    )
    empty = ReliabilityBin(
        above=0.5, below=0.6, rows=0, mean_forecast=None, observed_share=None, observed_low=None, observed_high=None
    )
    _, row, blank, legend = "\n".join(reliability_lines((full, empty))).split("\n")
    assert row.split()[:7] == ["40-50", "%", "1,200", "45.0%", "70.0%", "60.0%-80.0%", "x"]
    diagram = row[row.index("80.0%") + len("80.0%") + 2 :]
    assert (diagram.index("x"), diagram.index("o"), diagram.count("-")) == (18, 28, 8)
    assert blank.split() == ["50-60", "%", "0", "unknown", "unknown", "unknown"]
    assert "x forecast" in legend


@pytest.mark.accepts("U-08")
def test_pools_side_by_side_share_one_scale_and_the_unknown_is_a_word():
    head, *rows = "\n".join(forecast_bars(records.forecast())).split("\n")
    assert head.startswith("POOL")
    assert "P 24 h, 0 to 100 %: o expected, [-] 90 % interval" in head
    cells = [row.split("  ", 1)[1].strip() for row in rows]
    assert [c.find("o") for c in cells[:2]] == [round(0.09 * 49), round(0.57 * 49)]
    assert cells[2] == "unknown"
    nothing = records.forecast().pools[2:]
    assert list(forecast_bars(records.forecast().with_(pools=nothing))) == []


def test_rates_have_bars_on_the_scale_of_the_largest():
    _, row, *_ = "\n".join(rate_bars(records.risk())).split("\n")
    bar = row.split("  ", 1)[1].strip()
    assert (bar.index("["), bar.index("o"), bar.index("]")) == (13, round(0.5 * 49), 49)


def test_marks_are_of_the_pool_by_zone_id_else_by_name_and_within_the_times():
    pool = records.pool_of(1).with_(zone_name="us-east-1a")
    by_name = records.signal("interruption", hours_ago=5)
    by_name = by_name.with_(pool=by_name.pool.with_(zone_id=None, zone_name="us-east-1a"))
    elsewhere = by_name.with_(pool=by_name.pool.with_(zone_name="us-east-1b"))
    windows = by_name.with_(pool=by_name.pool.with_(product="Windows"))
    since = records.signals()[1].at
    found = marks_of((*records.signals(), by_name, elsewhere, windows), pool, since=since, until=records.NOW)
    assert len(found.interruptions) == 3
    assert len(found.rebalances) == 1
    assert list(found.interruptions) == sorted(found.interruptions)
