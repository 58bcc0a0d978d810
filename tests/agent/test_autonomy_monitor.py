"""The daemon's monitor: it keeps what it sees, tells each alert twice at most, and never stands in the way."""

import json
from contextlib import contextmanager

import pytest

from agent.autonomy import Daemon, Round
from policies.document import OBSERVE_ONLY
from tests.agent.autonomy_house import ALONE, WIDE, Post, open_post, open_street
from tools.archive.archive import SqliteArchive, open_archive

EVERY = 300


@pytest.fixture(scope="module")
def street():
    with open_street() as found:
        yield found


@pytest.fixture(autouse=True)
def quiet_street(street):
    street.clear()


@contextmanager
def watching(street, folder, policy=WIDE, *, archive=None):
    """A post whose daemon has an archive."""
    with open_post(street, folder, policy) as post:
        kept = archive or SqliteArchive.open(folder / "archive.db", clock=street.sim.clock)
        with kept:
            daemon = Daemon(post.actuation, street.aws.queue(street.sim.queue_url), "first", archive=kept)
            yield Post(street, post.journal, post.actuation, daemon, post.switch), kept


def told(post, kind):
    """(alert kind, subject, raised or cleared) of each entry, oldest first."""
    entries = [json.loads(e.payload) for e in post.journal.entries(kinds=("alert",))]
    assert {e.actor for e in post.journal.entries(kinds=("alert",))} <= {"monitor"}
    return [(a["subject"], "cleared" if a["cleared_at"] else "raised") for a in entries if a["kind"] == kind]


@pytest.mark.accepts("MO-06", "P-05")
def test_interruptions_raise_one_alert_that_is_cleared_later_and_both_are_journalled_once(street, tmp_path) -> None:
    with watching(street, tmp_path) as (post, archive):
        post.daemon.round()
        for victim in street.spot("batch", 3):
            street.sim.interrupt(victim)
        opened = []
        for _ in range(5):
            opened += post.daemon.round().alerts
            street.sim.advance(EVERY)
        (alert,) = [a for a in opened if a.kind == "interruptions"]
        assert (alert.subject, alert.value) == ("asg/batch", "3 in the last hour")
        assert told(post, "interruptions") == [("asg/batch", "raised")]
        (kept,) = [a for a in archive.alerts(region=street.sim.region, open_only=True) if a.kind == "interruptions"]
        assert (kept.alert_id, kept.times_seen) == (alert.alert_id, 5)
        for _ in range(5):
            street.sim.advance(4 * EVERY)
            post.daemon.round()
        assert told(post, "interruptions") == [("asg/batch", "raised"), ("asg/batch", "cleared")]
        assert not [a for a in archive.alerts(region=street.sim.region, open_only=True) if a.kind == "interruptions"]
        seen = [
            s
            for s in archive.signals(region=street.sim.region, since=alert.raised_at.replace(hour=0))
            if s.kind == "interruption"
        ]
        assert len({s.instance_id for s in seen}) == len(seen)


def test_a_daemon_that_starts_again_does_not_raise_what_is_open(street, tmp_path) -> None:
    with watching(street, tmp_path, OBSERVE_ONLY) as (post, _):
        post.daemon.round()
        first = told(post, "concentration")
        assert first
        post.daemon.release()
    with watching(street, tmp_path, OBSERVE_ONLY) as (post, _):
        street.sim.advance(EVERY)
        post.daemon.round()
        assert told(post, "concentration") == first


@pytest.mark.accepts("MO-06")
def test_an_archive_that_cannot_be_used_stops_nothing(street, tmp_path) -> None:
    (tmp_path / "archive.db").write_text("no database at all " * 100)
    broken = open_archive(tmp_path / "archive.db", clock=street.sim.clock)
    seen = street.seen()
    with watching(street, tmp_path, ALONE, archive=broken) as (post, _):
        for _ in range(3):
            result = post.daemon.round()
            street.sim.advance(EVERY)
        assert isinstance(result, Round)
        assert len(told(post, "concentration")) == len(set(told(post, "concentration"))) > 0
    assert street.did("UpdateAutoScalingGroup", seen)


@pytest.mark.accepts("MO-06")
def test_trouble_of_the_monitor_is_told_once_and_the_work_is_done(street, tmp_path) -> None:
    (victim,), seen = street.spot("batch"), street.seen()
    with watching(street, tmp_path) as (post, archive):
        archive.close()  # as when its disk goes away
        street.post("interruption", victim)
        for _ in range(3):
            post.daemon.round()
            street.sim.advance(EVERY)
        trouble = [json.loads(e.payload) for e in post.journal.entries(kinds=("trouble",))]
        assert [t["kind"] for t in trouble] == ["Monitor"]
        assert "closed database" in trouble[0]["message"]
    assert street.detached(seen) == [[victim]]


def test_without_an_archive_there_is_no_monitor(street, tmp_path) -> None:
    with open_post(street, tmp_path, OBSERVE_ONLY) as post:
        assert post.daemon.round().alerts == ()
        assert "alert" not in post.kinds()
        assert post.daemon.lookout is None


def test_between_rounds_that_are_far_apart_it_looks_all_the_same(street, tmp_path) -> None:
    with watching(street, tmp_path, OBSERVE_ONLY) as (post, archive):
        turns = iter(range(6))

        def stop() -> bool:
            post.daemon.lookout.wait()
            street.sim.advance(EVERY)
            return next(turns, None) is None

        rounds = list(post.daemon.watch(interval_seconds=3600, stop=stop, pause=lambda _: None))
        assert len([r for r in rounds if isinstance(r, Round)]) == 1
        since = street.sim.clock.now().replace(hour=0)
        assert len({s.at for s in archive.samples(region=street.sim.region, since=since)}) == 6


@pytest.mark.accepts("MO-06")
def test_fleets_that_cannot_be_read_for_a_while_are_journalled_as_one_alert(street, tmp_path) -> None:
    with watching(street, tmp_path, OBSERVE_ONLY) as (post, _):
        post.daemon.round()
        street.sim.fail("DescribeAutoScalingGroups", "access-denied", times=50)
        for _ in range(6):
            street.sim.advance(EVERY)
            post.daemon.lookout.look()
        assert told(post, "blind") == [(street.sim.region, "raised")]
        street.sim.mend()
        for _ in range(4):
            post.daemon.round()
            street.sim.advance(EVERY)
        assert told(post, "blind") == [(street.sim.region, "raised"), (street.sim.region, "cleared")]


@pytest.mark.accepts("P-05")
def test_a_notice_does_not_wait_for_a_look_that_takes_long(street, tmp_path) -> None:
    (victim,), seen = street.spot("batch"), street.seen()
    with watching(street, tmp_path) as (post, _):
        street.sim.fail("DescribeSpotPriceHistory", "slow", times=1, seconds=1.2)
        stopping = []
        watch = post.daemon.watch(interval_seconds=3600, stop=lambda: bool(stopping), pause=lambda _: None)
        assert isinstance(next(watch), Round)
        street.post("interruption", victim)
        report = next(watch)
        assert [i for step in report.steps for i in step.instance_ids].count(victim) >= 1
        assert street.detached(seen) == [[victim]]
        stopping.append(True)
        assert list(watch) == []
        assert post.journal.lease("daemon").expires_at <= street.sim.clock.now()
