"""The monitor on the simulated account: what it samples, what it keeps, and what it does without."""

from datetime import timedelta

import pytest

from tests.agent.autonomy_house import open_street
from tools.archive.archive import SqliteArchive
from tools.archive.none import NoArchive
from tools.fleets.describe import list_fleets
from tools.monitor.look import sample_fleets
from tools.monitor.monitor import Monitor
from tools.monitor.settings import MonitorSettings
from tools.monitor.watch import watch_fleets
from tools.records import LINUX

LOOKS_APART = 300


@pytest.fixture(scope="module")
def street():
    with open_street() as found:
        yield found


@pytest.fixture(autouse=True)
def quiet_street(street):
    street.clear()
    street.sim.advance(2 * LOOKS_APART)  # what another test's notice took is gone, and replaced


@pytest.fixture
def archive(street, tmp_path):
    with SqliteArchive.open(tmp_path / "archive.db", clock=street.sim.clock) as found:
        yield found


@pytest.fixture
def monitor(street, archive):
    return Monitor(street.aws.reader, street.sim.clock, archive)


def look(street, monitor, times=1):
    """So many looks, five minutes apart; the last one is returned."""
    for _ in range(times):
        street.sim.advance(LOOKS_APART)
        seen = monitor.look()
        monitor.keep(seen.changed)
    return seen


def watched(street, archive):
    return watch_fleets.run(clock=street.sim.clock, reader=street.aws.reader, archive=archive)


def day_ago(street):
    return street.sim.clock.now() - timedelta(days=1)


@pytest.mark.accepts("MO-01")
def test_a_sample_says_what_the_inventory_says(street) -> None:
    samples = {s.name: s for s in sample_fleets(street.aws.reader, street.sim.clock)}
    rows = {r.name: r for r in list_fleets.run(reader=street.aws.reader, clock=street.sim.clock, matching=None).fleets}
    assert samples.keys() == rows.keys()
    for name, row in rows.items():
        seen = samples[name]
        assert (seen.usd_per_hour, seen.level) == (row.usd_per_hour, row.risk)
        assert (seen.desired_capacity, seen.running_spot, seen.running_on_demand) == (
            row.desired_capacity,
            row.spot,
            row.on_demand,
        )
        assert sum(seen.pools.values()) == row.spot


@pytest.mark.accepts("MO-01", "P-01", "IP-01")
def test_every_look_is_kept_and_becomes_hours_prices_and_states(street, archive, monitor) -> None:
    seen = look(street, monitor, 4)
    assert seen.trouble == ()
    now = street.sim.clock.now()
    region = street.sim.region
    assert len(archive.samples(region=region, since=day_ago(street))) == 4 * len(seen.samples)
    hours = sum(e.instance_hours for e in archive.exposures(region=region, since=day_ago(street), until=now))
    spot = sum(s.running_spot for s in seen.samples)
    assert hours == pytest.approx(spot * 3 * LOOKS_APART / 3600)
    types = sorted({label.partition("/")[0] for s in seen.samples for label in s.pools})
    back = [archive.fetched_since([t], region=region, product=LINUX) for t in types]
    assert sum(b is not None and now - b > timedelta(days=89) for b in back) == 4, "90 days of one type a look"
    first = types[0]
    assert archive.fetched_until([first], region=region, product=LINUX) == now
    window = {"since": now - timedelta(days=80), "until": now, "product": LINUX}
    assert archive.prices([first], region=region, **window) == street.aws.reader.spot_prices([first], **window)
    pool = next(i.pool for f in street.aws.reader.fleets() for i in f.spot)
    assert {s for _, s in archive.pool_states(pool, region=region, since=day_ago(street))} == {"running"}


@pytest.mark.accepts("MO-06", "P-05")
def test_a_notice_and_what_ec2_says_of_it_later_are_one_interruption(street, archive, monitor) -> None:
    look(street, monitor, 2)
    (victim,) = street.spot("batch")
    street.sim.interrupt(victim)
    notices = [m.notice for m in street.aws.queue(street.sim.queue_url).receive(wait_seconds=0)]
    assert monitor.note([n for n in notices if n.instance_id == victim] * 2) == ()
    (told,) = [s for s in archive.signals(region=street.sim.region, since=day_ago(street)) if s.kind == "interruption"]
    assert (told.instance_id, told.fleet, told.source) == (victim, "asg/batch", "EventBridge")
    look(street, monitor, 2)
    taken = [s for s in archive.signals(region=street.sim.region, since=day_ago(street)) if s.kind == "interruption"]
    assert [s.instance_id for s in taken] == [victim]
    assert "taken" in {s for _, s in archive.pool_states(told.pool, region=street.sim.region, since=day_ago(street))}


@pytest.mark.accepts("MO-06")
def test_a_pool_that_holds_most_of_a_fleet_is_one_alert_however_often_it_is_seen(street, archive, monitor) -> None:
    opened = {a.alert_id for a in look(street, monitor).news if a.kind == "concentration"}
    assert opened
    assert not [a for a in look(street, monitor, 3).news if a.kind == "concentration"]
    found = {a.alert_id: a for a in archive.alerts(region=street.sim.region, open_only=True)}
    assert {found[name].times_seen for name in opened} == {4}
    told = watched(street, archive)
    assert opened <= {a.alert_id for a in told.alerts}
    assert {f.name for f in told.fleets} == {f.name for f in street.aws.reader.fleets()}
    assert (told.samples, len(told.canonical()) < 12_000) == (4 * len(told.fleets), True)


@pytest.mark.accepts("MO-06")
def test_prices_that_cannot_be_read_are_unknown_and_said_to_be(street, archive, monitor) -> None:
    street.sim.fail("DescribeSpotPriceHistory", "access-denied", times=20)
    seen = look(street, monitor)
    spot = [s for s in seen.samples if s.running_spot]
    assert spot
    assert {(s.usd_per_hour, s.level) for s in spot} == {(None, "unknown")}
    blind = {a.subject for a in seen.news if a.kind == "blind"}
    assert blind == {s.fleet.label for s in spot}
    assert any("spot prices" in t for t in seen.trouble)
    street.sim.mend()
    over = [look(street, monitor) for _ in range(2)][-1]
    assert {a.subject for a in over.news if a.kind == "blind" and a.cleared_at} == blind


@pytest.mark.accepts("MO-06")
def test_when_the_fleets_cannot_be_read_the_alerts_stay_and_blindness_is_one_more(street, archive, monitor) -> None:
    before = {a.alert_id for a in look(street, monitor).news}
    street.sim.fail("DescribeAutoScalingGroups", "access-denied", times=50)
    assert look(street, monitor, 3).samples == ()
    street.sim.advance(300)
    (blind,) = monitor.look().news
    assert (blind.kind, blind.subject, blind.severity) == ("blind", street.sim.region, "critical")
    assert {a.alert_id for a in archive.alerts(region=street.sim.region, open_only=True)} == before


@pytest.mark.accepts("MO-06")
def test_without_an_archive_alerts_are_still_raised_once_and_it_is_said(street) -> None:
    archive = NoArchive("the archive x: file is not a database")
    monitor = Monitor(street.aws.reader, street.sim.clock, archive)
    opened = look(street, monitor).news
    assert opened
    assert not {a.kind for a in look(street, monitor, 3).news} & {"concentration"}
    told = watched(street, archive)
    assert "no archive: the archive x: file is not a database" in told.source
    assert {f.name for f in told.fleets} == {f.name for f in street.aws.reader.fleets()}


@pytest.mark.accepts("MO-01")
def test_asked_when_nobody_watches_it_looks_itself_and_says_so(street, archive, monitor) -> None:
    fresh = watched(street, archive)
    assert {"blind", "concentration"} <= {a.kind for a in fresh.alerts}
    assert "nobody watches" in fresh.source
    assert archive.alerts(region=street.sim.region, open_only=False) == (), "a read keeps nothing"
    look(street, monitor)
    assert "blind" not in {a.kind for a in watched(street, archive).alerts}
    street.sim.advance(3600)
    (blind,) = [a for a in watched(street, archive).alerts if a.kind == "blind"]
    assert blind.value == "last look: 60 minutes ago"


def dry(street, *, dry: bool) -> None:
    for zone in ("us-east-1a", "us-east-1b", "us-east-1c"):
        for kind in ("c5.2xlarge", "c6i.2xlarge", "m5.2xlarge"):  # what batch may launch
            street.sim.dry(kind, zone, dry=dry)


@pytest.mark.accepts("MO-06")
def test_one_place_that_may_not_be_read_is_told_and_what_it_held_is_fetched_when_it_may(
    street, archive, monitor
) -> None:
    look(street, monitor)
    began = street.sim.clock.now()
    street.sim.fail("DescribeScalingActivities", "access-denied", times=500)
    dry(street, dry=True)
    street.sim.interrupt(street.spot("batch")[0])
    (trouble,) = look(street, monitor).trouble
    assert trouble.startswith("signals: EC2 Auto Scaling DescribeScalingActivities: ")
    dry(street, dry=False)
    look(street, monitor, 24)  # longer than what is asked again each time

    def refused():
        kept = archive.signals(region=street.sim.region, since=began)
        return [s for s in kept if s.kind == "refusal" and s.fleet == "asg/batch"]

    assert refused() == []
    street.sim.mend()
    assert look(street, monitor).trouble == ()
    assert refused()


@pytest.mark.accepts("MO-06")
def test_interruptions_that_nobody_may_tell_of_do_not_end_an_alert(street, archive) -> None:
    monitor = Monitor(street.aws.reader, street.sim.clock, archive, MonitorSettings(interruptions_raise_per_hour=1,
                      interruptions_clear_per_hour=1))  # fmt: skip
    (victim,) = street.spot("batch")
    look(street, monitor)
    street.sim.interrupt(victim)
    (opened,) = [a for a in look(street, monitor).news if a.kind == "interruptions"]
    street.sim.fail("DescribeSpotInstanceRequests", "access-denied", times=500)
    look(street, monitor, 15)
    assert opened.alert_id in {a.alert_id for a in archive.alerts(region=street.sim.region, open_only=True)}
    street.sim.mend()
    assert opened.alert_id in {a.alert_id for a in look(street, monitor).news if a.cleared_at}


class Ahead:
    """A clock that is some hours off."""

    def __init__(self, clock) -> None:
        self._clock = clock
        self.by = timedelta(hours=12)

    def now(self):
        return self._clock.now() + self.by


@pytest.mark.accepts("MO-01")
def test_a_clock_that_was_ahead_leaves_no_price_unseen_and_nobody_thought_watched(street, tmp_path) -> None:
    clock = Ahead(street.sim.clock)
    with SqliteArchive.open(tmp_path / "archive.db", clock=clock) as archive:
        monitor = Monitor(street.aws.reader, clock, archive)
        look(street, monitor, 9)  # a type a look, so that all are known 90 days back
        clock.by = timedelta(0)
        told = watched(street, archive)
        assert "nobody watches" in told.source, "looks of a time that is still to come"
        look(street, monitor, 3)
        assert "nobody watches" not in watched(street, archive).source
        for _ in range(13):
            street.sim.advance(3600)
            look(street, monitor)
        now = clock.now()
        types = sorted({i.instance_type for f in street.aws.reader.fleets() for i in f.spot})
        asked = {"since": now - timedelta(hours=14), "until": now, "product": LINUX}
        assert archive.prices(types, region=street.sim.region, **asked) == street.aws.reader.spot_prices(types, **asked)
