"""What we saw of our own pools: one event is one, an hour counts only where somebody looked."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tools.archive_house import FLEET, POOL, REGION, START, HandClock, hour, sample, signal
from tools.archive.archive import SqliteArchive
from tools.errors import DataError
from tools.records import Alert, CapacityPool

LABEL = POOL.label
MINUTE = 1 / 60
OTHER = FLEET.with_(fleet_id="batch")


@pytest.fixture
def archive(tmp_path):
    with SqliteArchive.open(tmp_path / "archive.db", clock=HandClock()) as found:
        yield found


def exposures(archive, since=0.0, until=24.0):
    return {e.pool.label: e for e in archive.exposures(region=REGION, since=hour(since), until=hour(until))}


def signals(archive):
    return archive.signals(region=REGION, since=hour(-1000))


def watch(archive, counts, *, every=5.0, start=0.0, fleet=FLEET, label=LABEL):
    """A look every so many minutes."""
    looks = [sample(start + k * every * MINUTE, {label: n} if n else {}, fleet=fleet) for k, n in enumerate(counts)]
    archive.add_samples(looks, region=REGION)


# samples


def test_a_look_is_read_as_it_was(archive) -> None:
    looks = [
        sample(1, {LABEL: 3, "m6i.large/us-east-1b": 2}, usd_per_hour=Decimal("1.2300"), level="high"),
        sample(2, {}, desired=5, running_units=4, usd_per_hour=None, level="unknown"),
    ]
    archive.add_samples(looks, region=REGION)
    archive.add_samples([*looks, sample(1.5, {LABEL: 1}, fleet=OTHER)], region=REGION)
    assert archive.samples(region=REGION, since=hour(0), fleet=FLEET.label) == tuple(looks)
    assert len(archive.samples(region=REGION, since=hour(0))) == 3
    assert [s.at for s in archive.samples(region=REGION, since=hour(1.2))] == [hour(1.5), hour(2)]
    assert archive.samples(region="eu-west-1", since=hour(0)) == ()


def test_of_looks_that_cannot_be_kept_together_none_is_and_the_archive_goes_on(archive) -> None:
    too_many = sample(1.5, {LABEL: 2**70}, fleet=OTHER)
    with pytest.raises(DataError, match="cannot be stored"):
        archive.add_samples([sample(1, {LABEL: 1}), too_many], region=REGION)
    assert archive.samples(region=REGION, since=hour(0)) == ()
    archive.add_samples([sample(1, {LABEL: 1})], region=REGION)
    assert len(archive.samples(region=REGION, since=hour(0))) == 1


# signals


@pytest.mark.accepts("P-05")
def test_one_interruption_is_one_event_by_whatever_channel_it_comes(archive) -> None:
    notice = signal(1, source="EventBridge")
    request = signal(1 + 2 * MINUTE, code="instance-terminated-no-capacity", fleet="asg/ml-train", source="EC2")
    assert archive.add_signals([notice], region=REGION) == 1
    assert archive.add_signals([notice, request, request], region=REGION) == 0
    (found,) = signals(archive)
    assert (found.at, found.source) == (notice.at, "EventBridge")
    assert (found.code, found.fleet) == (request.code, request.fleet)


@pytest.mark.accepts("P-05")
def test_a_stopped_instance_that_came_back_can_be_taken_again(archive) -> None:
    assert archive.add_signals([signal(1), signal(1.5), signal(3)], region=REGION) == 2
    assert archive.add_signals([signal(3, "rebalance"), signal(1, instance="i-00000002")], region=REGION) == 2


def test_launches_are_one_an_instance_and_refusals_one_a_moment(archive) -> None:
    refused = [
        signal(hours, "refusal", instance=None, code="InsufficientInstanceCapacity", fleet="asg/ml-train")
        for hours in (1, 1, 1.25)
    ]
    assert archive.add_signals([*refused, *refused], region=REGION) == 2
    assert archive.add_signals([signal(1, "launch"), signal(9, "launch")], region=REGION) == 1


# exposure


@pytest.mark.accepts("IP-01")
def test_an_hour_counts_for_the_instances_that_were_there_at_both_looks(archive) -> None:
    watch(archive, [4, 4, 2, 6])
    assert exposures(archive)[LABEL].instance_hours == pytest.approx((4 + 2 + 2) * 5 / 60)


@pytest.mark.accepts("IP-01")
def test_a_time_in_which_nobody_looked_counts_nothing(archive) -> None:
    watch(archive, [4, 4], every=15)
    watch(archive, [4, 4], every=15, start=2)
    assert exposures(archive)[LABEL].instance_hours == pytest.approx(4 * 30 / 60)
    watch(archive, [4, 4], every=16, start=10)
    assert exposures(archive, 9, 24)[LABEL].instance_hours == 0


def test_looks_that_are_kept_late_count_as_if_they_had_come_in_order(archive) -> None:
    looks = [sample(k * 5 * MINUTE, {LABEL: n} if n else {}) for k, n in enumerate([4, 2, 0, 3, 3, 1])]
    archive.add_samples([looks[k] for k in (5, 0, 3, 1, 4, 2)], region=REGION)
    assert exposures(archive)[LABEL].instance_hours == pytest.approx((2 + 3 + 1) * 5 / 60)


def test_a_look_that_saw_nothing_ends_what_was_there(archive) -> None:
    watch(archive, [4, 0, 4])
    assert exposures(archive)[LABEL].instance_hours == 0


def test_fleets_in_one_pool_add_up_and_names_meet_their_ids(archive) -> None:
    watch(archive, [1, 1], label="g5.xlarge/us-east-1a")
    watch(archive, [2, 2], fleet=OTHER, label="g5.xlarge/use1-az1")
    archive.add_signals([signal(2 * MINUTE)], region=REGION)
    (found,) = archive.exposures(region=REGION, since=hour(0), until=hour(24))
    assert found.pool == POOL
    assert found.instance_hours == pytest.approx(3 * 5 / 60)
    assert (found.interruptions, found.since, found.until) == (1, hour(0), hour(5 * MINUTE))


@pytest.mark.accepts("IP-01")
def test_an_interruption_of_an_unwatched_time_is_no_event_without_its_hours(archive) -> None:
    watch(archive, [4] * 13)
    told = [signal(0.5, instance="i-00000001"), signal(5, instance="i-00000002"), signal(0.6, "rebalance")]
    more = [signal(5, "refusal", instance=None), signal(6, "launch", instance="i-00000003")]
    archive.add_signals([*told, *more], region=REGION)
    found = exposures(archive)[LABEL]
    assert (found.interruptions, found.rebalances, found.refusals, found.launches) == (1, 1, 1, 1)
    assert found.instance_hours == pytest.approx(4)


def test_the_window_bounds_what_is_counted(archive) -> None:
    watch(archive, [2] * 25)
    archive.add_signals([signal(0.25), signal(1.5, instance="i-00000002")], region=REGION)
    first, second = exposures(archive, 0, 1)[LABEL], exposures(archive, 1, 2)[LABEL]
    assert (first.instance_hours, first.interruptions) == (pytest.approx(2), 1)
    assert (second.instance_hours, second.interruptions) == (pytest.approx(2), 1)
    assert exposures(archive, 3, 4) == {}


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 5)), min_size=1, max_size=20))
@settings(max_examples=40, deadline=None)
def test_never_more_hours_than_instances_could_have_run(tmp_path_factory, steps) -> None:
    minutes, looks = 0, []
    for gap, count in steps:
        minutes += gap
        looks.append(sample(minutes * MINUTE, {LABEL: count} if count else {}))
    with SqliteArchive.open(tmp_path_factory.mktemp("hours") / "archive.db", clock=HandClock()) as archive:
        archive.add_samples(looks, region=REGION)
        hours = sum(e.instance_hours for e in archive.exposures(region=REGION, since=START, until=hour(100)))
    assert hours <= sum(n * min(gap, 15) for gap, n in steps) / 60 + 1e-9


# states


def test_the_states_of_a_pool_are_what_was_seen_of_it(archive) -> None:
    watch(archive, [1, 1, 0, 1])
    more = [signal(6 * MINUTE), signal(12 * MINUTE, "refusal", instance=None), signal(13 * MINUTE, "launch")]
    archive.add_signals(more, region=REGION)
    found = archive.pool_states(POOL, region=REGION, since=hour(0))
    assert [(round((at - START) / timedelta(minutes=1)), state) for at, state in found] == [
        (0, "running"),
        (5, "running"),
        (6, "taken"),
        (12, "refused"),
        (13, "running"),
        (15, "running"),
    ]
    by_name = CapacityPool(instance_type="g5.xlarge", zone_name="us-east-1a")
    assert archive.pool_states(by_name, region=REGION, since=hour(10 * MINUTE)) == found[3:]
    assert archive.pool_states(POOL.with_(instance_type="p3.large"), region=REGION, since=hour(0)) == ()


# alerts


def test_an_alert_is_saved_once_and_replaced_by_its_id(archive) -> None:
    def alert(name: str, raised: float, cleared: float | None = None, times: int = 1):
        return Alert(
            alert_id=name, kind="risk", subject="asg/ml-train", severity="warning", message="m", value="v",
            raised_at=hour(raised), seen_at=hour(raised), cleared_at=None if cleared is None else hour(cleared),
            times_seen=times,
        )  # fmt: skip

    first, second, third = alert("a", 1), alert("b", 2), alert("c", 3, 4)
    for one in (first, second, third):
        archive.save_alert(one, region=REGION)
    assert archive.alerts(region=REGION, open_only=True) == (second, first)
    assert archive.alerts(region=REGION, open_only=False) == (second, first, third)
    again = first.with_(times_seen=2, cleared_at=hour(9))
    archive.save_alert(again, region=REGION)
    assert archive.alerts(region=REGION, open_only=True) == (second,)
    assert archive.alerts(region=REGION, open_only=False) == (second, again, third)
    assert archive.alerts(region="eu-west-1", open_only=False) == ()
