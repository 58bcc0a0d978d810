"""Hour and weekday factors: found where they are, not where chance made them, and integrated exactly."""

import math
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.errors import UsageError
from tools.records import CapacityPool, FleetRef, FleetSample, PoolSignal
from tools.risk.pattern import (
    ENOUGH_EPISODES,
    WeekPattern,
    chance_of,
    counts_and_expectation,
    episodes_by_hour,
    exposure_by_hour,
    week_pattern,
)

START = datetime(2026, 9, 7, tzinfo=UTC)  # a Monday
POOLS = [CapacityPool(instance_type="g5.xlarge", zone_id=f"use1-az{i}") for i in (1, 2, 3)]
FLEET = FleetRef(kind="asg", fleet_id="ml-train", account_id="123456789012", region="us-east-1")


def sample(at, counts=(4, 2, 1)) -> FleetSample:
    return FleetSample(
        fleet=FLEET, name="ml-train", at=at, desired_capacity=9, running_spot=sum(counts), running_on_demand=0,
        usd_per_hour=None, level="low", pools={p.label: n for p, n in zip(POOLS, counts, strict=True) if n},
    )  # fmt: skip


def taken(at, pool=POOLS[0]) -> PoolSignal:
    return PoolSignal(kind="interruption", pool=pool, instance_id="i-0123456789abcdef0", at=at, source="test")


def weeks(count: int) -> list[FleetSample]:
    return [sample(START + timedelta(minutes=30 * i)) for i in range(count * 7 * 48)]


def events(count: int, rng, hour_weight) -> list[PoolSignal]:
    """Interruptions of six weeks, hours apart, by the weight of their hour."""
    found, at = [], START
    while len(found) < count:
        at = START + timedelta(hours=float(rng.uniform(0, 6 * 7 * 24)))
        if rng.uniform() < hour_weight[at.hour]:
            found.append(taken(at, POOLS[int(rng.integers(3))]))
    return found


UNTIL = START + timedelta(weeks=6)


@pytest.mark.accepts("IP-02", "IP-03")
def test_nights_that_are_twelve_times_as_bad_are_found_and_shrunk() -> None:
    weight = np.where(np.arange(24) < 6, 1.0, 1 / 12)
    found = week_pattern(weeks(6), events(300, np.random.default_rng(1), weight), until=UNTIL)
    assert not found.flat
    night, day = np.mean(found.hour[:6]), np.mean(found.hour[6:])
    assert 3 < night / day < 12
    assert "hour of day: factors" in found.says
    assert found.weekday == (1.0,) * 7
    assert "chance explains it" in found.says


def test_a_bad_weekday_is_found_beside_even_hours() -> None:
    rng = np.random.default_rng(5)
    signals = [s for s in events(900, rng, np.ones(24)) if s.at.weekday() == 2 or rng.uniform() < 0.15]
    found = week_pattern(weeks(6), signals, until=UNTIL)
    assert found.weekday[2] > 2 * max(f for i, f in enumerate(found.weekday) if i != 2)


@pytest.mark.accepts("U-08")
def test_even_hours_are_told_to_be_even_in_nearly_every_draw() -> None:
    flat = sum(
        week_pattern(weeks(6), events(120, np.random.default_rng(seed), np.ones(24)), until=UNTIL).flat
        for seed in range(20)
    )
    assert flat >= 18


def test_few_episodes_or_few_days_tell_no_factor_and_say_so() -> None:
    weight = np.where(np.arange(24) < 2, 1.0, 0.0)
    rng = np.random.default_rng(3)
    few = week_pattern(weeks(6), events(ENOUGH_EPISODES - 20, rng, weight), until=UNTIL)
    assert few.flat
    assert f"{ENOUGH_EPISODES} on 14 days are needed" in few.says
    short = week_pattern(weeks(6)[: 48 * 10], events(300, rng, weight), until=START + timedelta(days=10))
    assert short.flat
    assert week_pattern([], [], until=UNTIL).flat


def test_a_burst_in_one_pool_is_one_episode() -> None:
    burst = [taken(START + timedelta(hours=3, minutes=2 * i)) for i in range(40)]
    elsewhere = [taken(START + timedelta(hours=3), POOLS[1]), taken(START + timedelta(hours=9))]
    found = episodes_by_hour([*burst, *elsewhere], [p.label for p in POOLS], zone=UTC)
    assert sum(e.sum() for e in found.values()) == 3
    assert found[POOLS[0].label][0, 3] == 1


def test_hours_are_counted_as_long_as_a_sample_speaks() -> None:
    samples = [sample(START), sample(START + timedelta(minutes=20)), sample(START + timedelta(hours=5))]
    hours = exposure_by_hour(samples, until=START + timedelta(hours=5, minutes=12), zone=UTC)
    assert hours[POOLS[0].label].sum() == pytest.approx(4 * (20 + 30 + 12) / 60)
    seoul = exposure_by_hour(samples, until=START + timedelta(hours=5), zone=ZoneInfo("Asia/Seoul"))
    assert seoul[POOLS[0].label][0, 9] == pytest.approx(4 * 50 / 60)


def test_what_is_expected_adds_up_to_what_was_seen() -> None:
    signals = events(200, np.random.default_rng(2), np.ones(24))
    hours = exposure_by_hour(weeks(6), until=UNTIL, zone=UTC)
    seen, expected = counts_and_expectation(hours, episodes_by_hour(signals, hours, zone=UTC))
    assert seen.sum() == pytest.approx(expected.sum())
    by_hand = sum(hours[p.label] / hours[p.label].sum() * len([s for s in signals if s.pool == p]) for p in POOLS)
    assert expected == pytest.approx(by_hand * seen.sum() / len(signals), rel=0.05)  # bursts are few


def test_the_test_of_chance_is_right_on_average() -> None:
    rng = np.random.default_rng(4)
    expected = np.full(24, 20.0)
    p = [chance_of(rng.multinomial(480, np.full(24, 1 / 24)).astype(float), expected) for _ in range(400)]
    assert abs(np.mean(np.array(p) < 0.1) - 0.1) < 0.05
    assert chance_of(np.array([3.0]), np.array([3.0])) == 1.0


ZONES = st.sampled_from([UTC, ZoneInfo("Asia/Seoul"), ZoneInfo("Asia/Kolkata"), ZoneInfo("America/New_York")])
FACTORS = WeekPattern(
    hour=tuple(0.5 + (h % 5) / 4 for h in range(24)), weekday=tuple(0.8 + d / 10 for d in range(7)), says="test"
)


@pytest.mark.accepts("IP-03")
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 366 * 24 * 60), st.integers(1, 50 * 60), ZONES)
def test_the_integral_is_the_sum_over_minutes_of_the_local_clock(begin, minutes, zone) -> None:
    pattern = WeekPattern(hour=FACTORS.hour, weekday=FACTORS.weekday, zone=zone)
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=begin)
    slow = 0.0
    for i in range(minutes):
        local = (start + timedelta(minutes=i)).astimezone(zone)
        slow += pattern.hour[local.hour] * pattern.weekday[local.weekday()] / 60
    assert pattern.weighted_hours(start, minutes) == pytest.approx(slow)
    elsewhere = start.astimezone(timezone(timedelta(hours=-7)))
    assert pattern.weighted_hours(elsewhere, minutes) == pytest.approx(slow)


@pytest.mark.accepts("IP-03")
def test_a_time_without_a_zone_has_no_hour() -> None:
    with pytest.raises(UsageError, match="without a zone"):
        FACTORS.weighted_hours(datetime(2026, 1, 1, 5), 60)  # noqa: DTZ001
    for minutes in (0, -5, math.nan, math.inf):
        with pytest.raises(UsageError, match="above 0"):
            FACTORS.weighted_hours(START, minutes)
    assert WeekPattern().weighted_hours(START, 90) == 1.5
