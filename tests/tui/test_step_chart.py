"""The price chart draws a step function: a price holds until the next."""

from datetime import timedelta
from decimal import Decimal

from rich.cells import cell_len

from tests.tui.records import NOW
from tools.records import PricePoint
from tui.widgets.glyphs import ASCII, UNICODE
from tui.widgets.step_chart import draw, sample, step_chart


def points(*prices: str) -> list[PricePoint]:
    return [PricePoint(at=NOW + timedelta(hours=n), usd_per_hour=Decimal(p)) for n, p in enumerate(prices)]


def drawn(prices, on_demand, glyphs=UNICODE, width=60, height=8) -> list[str]:
    until = NOW + timedelta(hours=len(prices))
    chart = step_chart(points(*prices), until=until, on_demand=on_demand, width=width, height=height, glyphs=glyphs)
    return chart.plain.splitlines()


def test_each_column_shows_the_price_in_force():
    values = sample([(NOW, 1.0), (NOW + timedelta(hours=3), 2.0)], until=NOW + timedelta(hours=4), columns=4)
    assert values == [1.0, 1.0, 1.0, 2.0]


def test_a_rise_and_a_fall_have_their_corners():
    assert draw([2, 0, 2], 3, UNICODE) == [" ┌┐", " ││", "─┘└"]


def test_every_line_has_the_width_it_was_given():
    lines = drawn(["0.40", "0.50", "0.45"], Decimal("1.00"))
    assert {cell_len(line) for line in lines[1:]} <= {8, 60}


def test_on_demand_far_above_stands_over_a_break_in_the_scale():
    lines = drawn(["0.40", "0.50", "0.45"], Decimal("1.006"))
    assert lines[1].startswith("  1.0060│┄┄┄")
    assert "~~" in lines[2]


def test_on_demand_near_the_prices_is_in_the_scale():
    lines = drawn(["0.40", "0.60", "0.45"], Decimal("0.62"))
    assert "~~" not in "".join(lines)
    assert any("┄" in line for line in lines[1:])


def test_unknown_prices_are_said_and_never_drawn_as_zero():
    assert "unknown" in drawn([], None)[0]
    assert "on-demand price unknown" in drawn(["0.4"], None)[0]


def test_ascii_has_no_glyph_of_another_kind():
    assert all(line.isascii() for line in drawn(["0.40", "0.50"], Decimal("1.0"), ASCII))
