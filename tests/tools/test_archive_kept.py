"""How long what was seen is kept, and whose it is."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tools.archive_house import (
    FLEET,
    POOL,
    REGION,
    START,
    HandClock,
    fetch,
    hour,
    price,
    read,
    sample,
    signal,
)
from tools.archive.archive import SqliteArchive
from tools.archive.retention import KEPT, WHOLE
from tools.records import LINUX, Alert, CapacityPool

LABEL = POOL.label
ELSEWHERE = CapacityPool(instance_type="m6i.large", zone_name="us-east-1b", zone_id="use1-az2")
OLD = WHOLE + timedelta(days=30)
THEIRS = FLEET.with_(account_id="999999999999")


@pytest.fixture
def clock():
    return HandClock(at=START + timedelta(days=1))


@pytest.fixture
def archive(tmp_path, clock):
    with SqliteArchive.open(tmp_path / "archive.db", clock=clock) as found:
        yield found


def looks(hours: float, *, every: float = 5, start: float = 0):
    """Two spot instances in one pool, one in another now and then."""
    count = round(hours * 60 / every)
    return [
        sample(start + k * every / 60, {LABEL: 2} | ({ELSEWHERE.label: 1} if k % 5 < 2 else {})) for k in range(count)
    ]


def exposed(archive, clock):
    return archive.exposures(region=REGION, since=START - timedelta(days=1), until=clock.at)


def turns(archive, clock, at, count=10):
    """Looks of a later day, a turn of tidying each."""
    clock.at = at
    for k in range(count):
        clock.at += timedelta(hours=7)
        archive.add_samples([sample((clock.at - START) / timedelta(hours=1), {}, desired=k)], region=REGION)


# how long


@pytest.mark.accepts("MO-01")
def test_old_looks_are_thinned_to_one_an_hour_and_no_hour_or_event_is_lost(archive, clock) -> None:
    archive.add_samples(looks(12), region=REGION)
    watched, unwatched = signal(3.01), signal(40, instance="i-00000002")
    archive.add_signals([watched, unwatched, signal(5.02, "rebalance", pool=ELSEWHERE)], region=REGION)
    before = exposed(archive, clock)
    assert sum(e.instance_hours for e in before) > 20
    turns(archive, clock, START + OLD)
    kept = [s.at for s in archive.samples(region=REGION, since=START) if s.at < hour(24)]
    assert kept == [hour(k + 55 / 60) for k in range(12)], "the last look of each hour"
    after = exposed(archive, clock)
    assert [(e.pool, e.interruptions, e.rebalances) for e in after] == [
        (e.pool, e.interruptions, e.rebalances) for e in before
    ]
    assert [e.instance_hours for e in after] == pytest.approx([e.instance_hours for e in before])


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 3)), min_size=2, max_size=30))
@settings(max_examples=25, deadline=None)
def test_thinning_changes_no_sum_of_hours_whatever_was_seen(tmp_path_factory, steps) -> None:
    clock, minutes, found = HandClock(), 0, []
    for gap, count in steps:
        minutes += gap
        found.append(sample(minutes / 60, {LABEL: count} if count else {}))
    with SqliteArchive.open(tmp_path_factory.mktemp("thin") / "archive.db", clock=clock) as archive:
        archive.add_samples(found, region=REGION)
        clock.at = START + timedelta(days=2)
        before = sum(e.instance_hours for e in exposed(archive, clock))
        turns(archive, clock, START + OLD, 2)
        assert sum(e.instance_hours for e in exposed(archive, clock)) == pytest.approx(before)


def test_a_look_that_comes_when_its_time_was_thinned_changes_nothing(archive, clock) -> None:
    archive.add_samples(looks(3), region=REGION)
    before = exposed(archive, clock)[0].instance_hours
    turns(archive, clock, START + OLD)
    archive.add_samples([sample(1.92, {LABEL: 2}), sample(2.0, {LABEL: 2})], region=REGION)
    assert exposed(archive, clock)[0].instance_hours == pytest.approx(before)


def test_beyond_four_hundred_days_looks_events_and_alerts_go_and_prices_and_open_alerts_stay(archive, clock) -> None:
    def alert(name: str, cleared: bool) -> Alert:
        return Alert(
            alert_id=name, kind="risk", subject=FLEET.label, severity="warning", message="m", value="v", times_seen=1,
            raised_at=hour(1), seen_at=hour(1), cleared_at=hour(2) if cleared else None,
        )  # fmt: skip

    fetch(archive, [price(0, "0.4"), price(20, "0.5")])
    archive.add_samples(looks(3), region=REGION)
    archive.add_signals([signal(1)], region=REGION)
    for one in (alert("open", cleared=False), alert("over", cleared=True)):
        archive.save_alert(one, region=REGION)
    turns(archive, clock, START + KEPT + timedelta(days=3))
    assert archive.signals(region=REGION, since=START) == ()
    assert min(s.at for s in archive.samples(region=REGION, since=START)) > START + KEPT
    assert [a.alert_id for a in archive.alerts(region=REGION, open_only=False)] == ["open"]
    assert read(archive) == [(0, "0.4"), (20, "0.5")]


def test_a_clock_that_leaps_two_years_ahead_for_an_hour_costs_a_week_at_most(archive, clock) -> None:
    for day in range(30):
        archive.add_samples(looks(1, every=10, start=24 * day), region=REGION)
    right = clock.at = START + timedelta(days=30)
    clock.at += timedelta(days=730)
    for _ in range(12):
        clock.at += timedelta(minutes=5)
        archive.add_samples([sample((clock.at - START) / timedelta(hours=1), {LABEL: 1})], region=REGION)
    days = {s.at.date() for s in archive.samples(region=REGION, since=START) if s.at < right}
    assert len(days) >= 30 - 7 - 1


# whose


def test_two_accounts_in_one_file_see_their_own_looks_events_and_alerts_and_the_same_prices(tmp_path) -> None:
    path = tmp_path / "archive.db"
    ours = SqliteArchive.open(path, clock=HandClock(), account=lambda: FLEET.account_id)
    theirs = SqliteArchive.open(path, clock=HandClock(), account=lambda: THEIRS.account_id)
    with ours, theirs:
        ours.add_samples(looks(2), region=REGION)
        theirs.add_samples([s.with_(fleet=THEIRS, pools={LABEL: 5}) for s in looks(1)], region=REGION)
        ours.add_signals([signal(0.5)], region=REGION)
        theirs.add_signals([signal(k / 8 + 0.01, instance=f"i-0000001{k}") for k in range(6)], region=REGION)
        theirs.save_alert(
            Alert(
                alert_id="theirs", kind="risk", subject=THEIRS.label, severity="critical", message="m", value="v",
                times_seen=1, raised_at=hour(1), seen_at=hour(1),
            ),
            region=REGION,
        )  # fmt: skip
        fetch(theirs, [price(0, "0.4")])
        assert {s.fleet.account_id for s in ours.samples(region=REGION, since=START)} == {FLEET.account_id}
        assert len(ours.signals(region=REGION, since=START)) == 1
        assert ours.alerts(region=REGION, open_only=False) == ()
        (own,) = [e for e in exposed(ours, HandClock()) if e.pool == POOL]
        (other,) = exposed(theirs, HandClock())
        assert (own.interruptions, own.instance_hours) == (1, pytest.approx(2 * 23 * 5 / 60))
        assert (other.interruptions, other.instance_hours) == (6, pytest.approx(5 * 11 * 5 / 60))
        states = [s for _, s in theirs.pool_states(POOL, region=REGION, since=hour(0))]
        assert (states.count("running"), states.count("taken")) == (12, 6)
        assert read(ours) == read(theirs) == [(0, "0.4")]


def test_prices_are_kept_and_read_where_no_account_can_be_asked(tmp_path) -> None:
    def nobody() -> str:
        raise AssertionError("asked for the account")

    with SqliteArchive.open(tmp_path / "archive.db", clock=HandClock(), account=nobody) as archive:
        fetch(archive, [price(0, "0.4")])
        assert read(archive) == [(0, "0.4")]


# what counts


@pytest.mark.accepts("IP-01")
def test_an_interruption_outside_every_watched_fleet_has_no_hours_and_does_not_count(archive, clock) -> None:
    archive.add_samples(looks(2), region=REGION)
    outside = signal(0.5, instance="i-00000001", fleet=None)
    unseen = signal(0.6, instance="i-00000002", fleet="asg/nobody-looked")
    archive.add_signals([outside, unseen, signal(0.7, instance="i-00000003")], region=REGION)
    (found,) = [e for e in exposed(archive, clock) if e.pool == POOL]
    assert found.interruptions == 1


@pytest.mark.accepts("IP-01")
def test_an_event_of_another_product_stands_where_its_hours_do(archive, clock) -> None:
    archive.add_samples(looks(2), region=REGION)
    archive.add_signals([signal(0.5, pool=POOL.with_(product="Red Hat Enterprise Linux"))], region=REGION)
    (found,) = [e for e in exposed(archive, clock) if e.pool.instance_type == POOL.instance_type]
    assert (found.pool.label, found.pool.product, found.interruptions) == (LABEL, LINUX, 1)
    assert found.instance_hours > 3


def test_an_interruption_between_the_last_look_before_a_window_and_its_first_counts_once(archive) -> None:
    archive.add_samples(looks(2), region=REGION)
    archive.add_signals([signal(1 + 1 / 60)], region=REGION)

    def taken(first: float, last: float) -> int:
        found = archive.exposures(region=REGION, since=hour(first), until=hour(last))
        return sum(e.interruptions for e in found)

    edge = 1 + 0.5 / 60
    assert (taken(0, edge), taken(edge, 2)) == (0, 1)
