"""A storm: notices for every instance of several groups at once, with repeats, strangers, and a daemon that dies."""

import itertools
from collections import Counter
from datetime import UTC, datetime

import pytest

from policies.document import parse_policy
from tests.agent.autonomy_house import HEAD, REFLEX, open_post, open_street
from tests.agent.storm_house import STORM, lay_out, post_all
from tools.errors import Halted

GROUPS, SIZE = 4, 25
SAVED, DRAINED, DETACHED = "request-checkpoint", "deregister-targets", "replace-instances"
STRANGERS = [f"i-0123456789abcde{n:02x}" for n in range(3)]


@pytest.fixture
def street():
    with open_street() as found:
        yield found


def mixed(groups):
    """As they come: a little of every group in turn."""
    return [i for row in itertools.zip_longest(*groups.values()) for i in row if i]


def told(street, seen):
    """Instance ids by what happened to them, by the account's own log."""
    rows = {name: street.did(name, seen) for name in ("DeregisterTargets", "DetachInstances")}
    found = {n: Counter(i for r in some for i in r["ids"] if i.startswith("i-")) for n, some in rows.items()}
    return found | {"PutObject": marked(street, seen)}


def marked(street, seen):
    return Counter(key[-24:-5] for key in street.markers(seen))


@pytest.mark.accepts("P-05", "DC-05", "P-14")
def test_a_storm_is_answered_whole_coalesced_by_fleet_and_once_for_each_instance(street, tmp_path):
    groups = lay_out(street, GROUPS, SIZE)
    ids, seen = mixed(groups), street.seen()
    post_all(street, "interruption", [*ids, *ids[:20], *STRANGERS])
    post_all(street, "rebalance", ids[:10])
    street.sim.fail("ReceiveMessage", "duplicate", times=2)
    with open_post(street, tmp_path, STORM) as post:
        report = post.answer()
        assert (len(report.notices), report.to_do) == (len(ids) + len(STRANGERS) + 10, ())
        assert report.repeated >= 20
        assert set(report.unknown_instances) == set(STRANGERS)
        assert Counter((s.action, s.verdict, s.outcome.status) for s in report.steps) == {
            (SAVED, "allow", "done"): GROUPS,
            (DRAINED, "allow", "done"): GROUPS,
            (DETACHED, "allow", "done"): 2 * GROUPS,
        }
        again = post.answer()
        assert again is None or again.steps == ()
    for name, taken in told(street, seen).items():
        assert taken == Counter(ids), f"{name}: each instance once"
    assert len(street.did("DeregisterTargets", seen)) == GROUPS
    assert len(street.did("DetachInstances", seen)) == 2 * GROUPS, "twenty a call at most"
    assert street.waiting_messages() == 0
    street.sim.advance(300)
    for name, gone in groups.items():
        now = street.fleet(name)
        assert (len(now.instances), {i.instance_id for i in now.instances} & set(gone)) == (SIZE, set())


@pytest.mark.accepts("P-21", "P-05")
def test_a_daemon_that_dies_in_a_storm_leaves_nothing_undone_and_nothing_is_done_twice(street, tmp_path):
    groups = lay_out(street, 2, SIZE)
    ids, seen = mixed(groups), street.seen()
    post_all(street, "interruption", ids)
    with open_post(street, tmp_path, STORM, halted=lambda: bool(street.did("DetachInstances", seen))) as first:
        with pytest.raises(Halted):
            first.answer()
        assert first.kinds().count("notice") == len(ids), "written down before anything was done"
        first.daemon.release()
    assert 0 < sum(told(street, seen)["DetachInstances"].values()) < len(ids)
    street.sim.advance(61)  # what was said to be sent cannot leave any more
    with open_post(street, tmp_path, STORM, holder="second") as second:
        while (report := second.answer()) is not None:
            street.sim.advance(5 if report.to_do else 0)
        assert second.journal.open_intents() == ()
        assert second.kinds().count("notice") == len(ids)
    for name, taken in told(street, seen).items():
        assert taken == Counter(ids), f"{name}: each instance once"
    assert street.waiting_messages() == 0


@pytest.mark.accepts("P-16", "DC-05")
def test_a_storm_passes_no_limit_and_saves_all_the_same(street, tmp_path):
    text = f"{HEAD}blast_radius:\n  max_instances_replaced: {{count: 20, per: 1h}}\npolicies:{REFLEX}"
    groups = lay_out(street, GROUPS, SIZE)
    ids, seen = mixed(groups), street.seen()
    post_all(street, "interruption", ids)
    with open_post(street, tmp_path, parse_policy(text, source="test")) as post:
        report = post.answer()
    verdicts = Counter(s.verdict for s in report.steps if s.action == DETACHED)
    assert verdicts == {"allow": GROUPS, "deny": GROUPS}, "of each fleet twenty, and no more"
    assert sum(told(street, seen)["DetachInstances"].values()) == 20 * GROUPS
    assert told(street, seen)["PutObject"] == Counter(ids)


def test_a_queue_that_breaks_off_hands_over_the_rest_later(street, tmp_path):
    groups = lay_out(street, 2, SIZE)
    ids, seen = mixed(groups), street.seen()
    post_all(street, "interruption", ids)
    street.sim.fail("ReceiveMessage", "access-denied", skip=2)
    with open_post(street, tmp_path, STORM) as post:
        before = len(post.answer().notices)
        assert 0 < before <= len(ids)
        while post.answer() is not None:
            pass
        assert "trouble" in post.kinds()
    assert told(street, seen)["DetachInstances"] == Counter(ids)


def test_a_marker_that_is_refused_is_asked_for_again_and_no_other(street, tmp_path):
    groups = lay_out(street, 1, SIZE)
    ids, seen = mixed(groups), street.seen()
    post_all(street, "interruption", ids)
    street.sim.fail("s3:PutObject", "throttle", times=2, skip=1)
    with open_post(street, tmp_path, STORM) as post:
        report = post.answer()
        (save,) = [s for s in report.steps if s.action == SAVED]
        assert (save.outcome.status, len(report.to_do)) == ("partial", 2)
        assert (
            set(report.to_do)
            == {i.item for i in save.outcome.items if not i.ok}
            == set(ids) - set(marked(street, seen))
        )
        post.daemon.release()
    street.sim.advance(6)
    with open_post(street, tmp_path, STORM, holder="second") as post:
        again = post.answer()
        assert [(s.action, s.outcome.status, set(s.instance_ids)) for s in again.steps] == [
            (SAVED, "done", set(report.to_do))
        ]
    for name, taken in told(street, seen).items():
        assert taken == Counter(ids), f"{name}: each instance once"
    assert street.waiting_messages() == 0


def test_a_notice_from_the_end_of_time_stops_nobody(street, tmp_path):
    groups = lay_out(street, 1, 2)
    ids, seen = mixed(groups), street.seen()
    post_all(street, "interruption", ids, at=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    with open_post(street, tmp_path, STORM) as post:
        assert post.answer().to_do == ()
    assert told(street, seen)["DetachInstances"] == Counter(ids)
    assert street.waiting_messages() == 0


@pytest.mark.accepts("P-05")
def test_a_group_that_ends_an_instance_and_waits_is_evidence_it_saves_and_drains_and_is_not_replaced(street, tmp_path):
    groups = lay_out(street, 1, 2)
    (first, _), seen = groups["storm-00"], street.seen()
    post_all(street, "lifecycle", [first])
    with open_post(street, tmp_path, STORM) as post:
        report = post.answer()
        assert [(s.action, s.outcome.status) for s in report.steps] == [(SAVED, "done"), (DRAINED, "done")]
        post_all(street, "lifecycle", [first])
        assert post.answer().repeated == 1
    assert told(street, seen)["DetachInstances"] == Counter()
