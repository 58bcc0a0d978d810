"""Alerts: raised once, cleared once, one alert in between, however the value moves."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.tools.archive_house import FLEET, START, hour
from tools.monitor.alerts import raise_alerts
from tools.monitor.conditions import Condition, grade
from tools.monitor.settings import STANDARD, MonitorSettings
from tools.records import Alert

EVERY = timedelta(minutes=5)
RAISES, CLEARS = STANDARD.price_raise_share, STANDARD.price_clear_share


def condition(value: float | None, subject: str = "g5.xlarge/use1-az1") -> Condition:
    state = grade(value, raises=RAISES, clears=CLEARS)
    return Condition(kind="price", subject=subject, state=state, value=f"{value}", message=f"spot costs {value}")


def run(values, *, every: timedelta = EVERY, settings: MonitorSettings = STANDARD) -> list[Alert]:
    """Every alert that a series of looks led to, as it stands at the end, oldest first."""
    known: dict[str, Alert] = {}
    for k, value in enumerate(values):
        opened = [a for a in known.values() if a.cleared_at is None]
        changed = raise_alerts([condition(value)], opened, settings, now=START + k * every)
        known |= {a.alert_id: a for a in changed}
    return sorted(known.values(), key=lambda a: a.raised_at)


shares = st.floats(0.1, 2)
band = st.floats(CLEARS, 3)


@pytest.mark.accepts("MO-06")
def test_an_alert_is_raised_once_seen_again_and_cleared_once() -> None:
    (alert,) = run([0.5, 0.95, 0.97, 0.99, 0.5, 0.5, 0.5, 0.5])
    assert (alert.raised_at, alert.seen_at, alert.times_seen) == (START + EVERY, START + 3 * EVERY, 3)
    assert alert.cleared_at == START + 5 * EVERY
    assert alert.value == "0.99"


@pytest.mark.accepts("MO-06")
@given(st.lists(band, min_size=1, max_size=60))
def test_whatever_a_value_does_above_the_lower_threshold_it_is_at_most_one_alert(values) -> None:
    found = run(values)
    assert len(found) == (1 if any(v >= RAISES for v in values) else 0)
    assert all(a.cleared_at is None for a in found)
    assert all(a.times_seen == sum(v >= RAISES for v in values) for a in found)


@pytest.mark.accepts("MO-06")
@given(st.lists(shares, max_size=40), st.integers(3, 10))
def test_no_alert_is_lost_when_a_value_crosses_for_good(values, more) -> None:
    opened = [a for a in run([*values, *[1.0] * more]) if a.cleared_at is None]
    assert len(opened) == 1
    assert [a for a in run([*values, *[1.0] * more, *[0.2] * 3]) if a.cleared_at is None] == []


@pytest.mark.accepts("MO-06")
@given(st.lists(st.one_of(shares, st.none()), min_size=1, max_size=60))
def test_alerts_of_one_subject_never_overlap_and_never_come_faster_than_they_may_clear(values) -> None:
    found = run(values)
    hold = timedelta(minutes=STANDARD.clear_after_minutes)
    for before, after in pairwise(found):
        assert before.cleared_at is not None
        assert after.raised_at - before.raised_at >= hold
        assert after.raised_at > before.cleared_at
    assert all(a.cleared_at is None or a.cleared_at - a.seen_at >= hold for a in found)
    assert len({a.alert_id for a in found}) == len(found)


@pytest.mark.accepts("MO-06")
def test_a_flapping_value_is_one_alert_with_a_count() -> None:
    (alert,) = run([1.0, 0.2] * 50)
    assert (alert.times_seen, alert.cleared_at) == (50, None)


def test_what_is_not_known_opens_nothing_and_ends_nothing() -> None:
    assert run([None, None, 0.85, None]) == []
    (alert,) = run([0.95, None, None, None, None])
    assert (alert.cleared_at, alert.times_seen) == (None, 1)


def test_of_what_no_look_tells_any_more_the_alert_ends_and_a_look_that_failed_ends_nothing() -> None:
    (alert,) = run([0.95])
    later = START + timedelta(minutes=30)
    other = [condition(0.2, "m6i.large/use1-az2")]
    (gone,) = raise_alerts(other, [alert], STANDARD, now=later)
    assert (gone.alert_id, gone.cleared_at) == (alert.alert_id, later)
    assert raise_alerts([], [alert], STANDARD, now=later) == (gone,), "no fleet is left at all"
    assert raise_alerts(other, [alert], STANDARD, now=later, whole=False) == ()


def test_alerts_of_different_subjects_are_different_alerts() -> None:
    pools = [condition(0.95, f"g5.xlarge/use1-az{k}") for k in range(5)]
    found = raise_alerts(pools, [], STANDARD, now=START)
    assert len({a.alert_id for a in found}) == 5
    again = raise_alerts(pools, found, STANDARD, now=START + EVERY)
    assert {(a.alert_id, a.times_seen) for a in again} == {(a.alert_id, 2) for a in found}


def test_an_alert_gets_worse_and_never_milder() -> None:
    bad = Condition(kind="capacity", subject=FLEET.label, state="pressing", value="3", message="m", severity="critical")
    (first,) = raise_alerts([bad], [], STANDARD, now=START)
    mild = Condition(kind="capacity", subject=FLEET.label, state="pressing", value="1", message="m")
    (second,) = raise_alerts([mild], [first], STANDARD, now=hour(1))
    assert (second.severity, second.value, second.times_seen) == ("critical", "1", 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"price_raise_share": 0.7},
        {"concentration_clear_share": 0.9},
        {"interruptions_clear_per_hour": 4},
        {"blind_minutes": 0},
        {"clear_after_minutes": -1},
        {"price_raise_share": float("nan")},
    ],
)
def test_thresholds_that_would_flap_or_make_no_sense_are_refused(wrong) -> None:
    with pytest.raises(ValidationError):
        MonitorSettings(**wrong)


def test_ids_tell_the_kind_and_are_the_same_for_the_same_alert() -> None:
    (first,), (second,) = run([0.95]), run([0.95])
    assert first.alert_id == second.alert_id
    assert first.alert_id.startswith("price-")
    assert isinstance(first.raised_at, datetime)
