"""Windows are right across midnight, dates and daylight saving; an ambiguous time denies."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from policies.parts import Window
from policies.windows import opening


def window(**keys) -> Window:
    return Window.model_validate(keys)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if "+" not in text else datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-19T22:59:59", False),
        ("2026-11-19T23:00:00", True),
        ("2026-11-20T00:30:00", True),  # Friday by the clock, Thursday's window
        ("2026-11-20T02:00:00", False),
        ("2026-11-20T23:30:00", False),
        ("2026-11-20T01:59:59+00:00", True),
        ("2026-11-20T10:59:59+09:00", True),
    ],
)
def test_a_window_across_midnight_belongs_to_the_day_it_starts(moment, is_open):
    night = opening(window(days=("thu",), **{"from": "23:00", "to": "02:00"}), timezone="UTC")
    assert night(at(moment)) is is_open


def test_days_and_dates_are_of_the_windows_own_zone():
    monday = opening(window(days=("mon",), timezone="Asia/Seoul"), timezone="UTC")
    assert monday(at("2026-11-22T15:00:00"))
    assert not monday(at("2026-11-22T14:59:59"))
    assert not monday(at("2026-11-23T15:00:00"))


def test_both_ends_of_a_range_of_dates_are_inside():
    freeze = opening(window(dates=("2026-11-26/2026-11-30",), deny="all"), timezone="UTC")
    answers = [freeze(at(f"2026-11-{day}T12:00:00")) for day in (25, 26, 30)] + [freeze(at("2026-12-01T00:00:00"))]
    assert answers == [False, True, True, False]


def test_in_the_hour_that_comes_twice_a_window_is_shut_if_either_reading_is():
    # New York, 2026-11-01: 01:00–02:00 comes at 05:00Z and again at 06:00Z
    opens = opening(window(**{"from": "01:30", "to": "04:00"}), timezone="America/New_York")
    assert [opens(at(f"2026-11-01T{t}")) for t in ("05:45", "06:15", "06:30", "08:59")] == [False, False, True, True]
    closes = opening(window(**{"from": "00:00", "to": "01:30"}), timezone="America/New_York")
    assert [closes(at(f"2026-11-01T{t}")) for t in ("05:29", "05:31", "06:15")] == [True, False, False]


def test_in_the_hour_that_comes_twice_a_freeze_holds_if_either_reading_does():
    freeze = opening(window(deny="all", **{"from": "01:30", "to": "01:45"}), timezone="America/New_York")
    assert [freeze(at(f"2026-11-01T{t}")) for t in ("05:30", "06:00", "06:44", "06:45")] == [True, True, True, False]


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Seoul", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"])
def test_every_hour_of_a_year_agrees_with_the_wall_clock(zone):
    """Where the offset is the same an hour around, a window is what the clock on the wall says."""
    opens = opening(window(days=("mon", "wed", "sun"), **{"from": "22:15", "to": "03:45"}), timezone=zone)
    local, moment = ZoneInfo(zone), datetime(2026, 1, 1, tzinfo=UTC)
    for _ in range(365 * 24):
        wall = moment.astimezone(local)
        near = {(moment + timedelta(hours=h)).astimezone(local).utcoffset() for h in (-7, 7)}
        if len(near) == 1:
            minute = wall.hour * 60 + wall.minute
            late = minute >= 22 * 60 + 15 and wall.weekday() in (0, 2, 6)
            early = minute < 3 * 60 + 45 and (wall.weekday() - 1) % 7 in (0, 2, 6)
            assert opens(moment) is (late or early), wall
        moment += timedelta(minutes=60)
