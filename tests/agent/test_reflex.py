"""The reflex on the simulated account: what it does is read from the account's own log of effects."""

import pytest

from policies.document import OBSERVE_ONLY, parse_policy, preset_text
from tests.agent.autonomy_house import ASKS, HEAD, REFLEX, WIDE, open_post, open_street
from tools.errors import Halted
from tools.records import Notice
from tools.recovery.checkpoints import stored


@pytest.fixture(scope="module")
def street():
    with open_street() as found:
        yield found


@pytest.fixture(autouse=True)
def quiet_street(street):
    street.clear()
    street.sim.advance(1)  # a notice of another moment: the same one would find its marker written


@pytest.fixture
def post(street, tmp_path):
    with open_post(street, tmp_path) as found:
        yield found


@pytest.fixture
def wide(street, tmp_path):
    with open_post(street, tmp_path, WIDE) as found:
        yield found


def newest_whole(street, job):
    return next(c.manifest.saved_at for c in stored(street.aws.reader, "acme-checkpoints", job) if c.whole)


@pytest.mark.accepts("DC-05", "U-11", "P-05")
def test_a_notice_saves_and_detaches_with_a_replacement_within_two_seconds(street, post):
    (victim,), seen = street.spot("ml-train"), street.seen()
    before = street.fleet("ml-train")
    noticed = street.sim.clock.now()
    street.sim.interrupt(victim)
    report = post.answer()
    assert [(s.action, s.verdict, s.outcome.status) for s in report.steps] == [
        ("request-checkpoint", "allow", "done"),
        ("replace-instances", "allow", "done"),
    ]
    (marker,), (detach,) = street.markers(seen), street.did("DetachInstances", seen)
    assert marker.endswith(f"-{victim}.json")
    assert street.detached(seen) == [[victim]]
    assert str(detach["parameters"]["ShouldDecrementDesiredCapacity"]).lower() == "false"
    assert report.slowest_seconds <= 2
    assert street.waiting_messages() == 0
    street.sim.advance(300)
    after = street.fleet("ml-train")
    assert after.desired_capacity == before.desired_capacity == len(after.instances)
    assert victim not in {i.instance_id for i in after.instances}
    assert all(i.state == "running" for i in after.instances)
    assert newest_whole(street, "ml-train") > noticed


@pytest.mark.accepts("P-05")
def test_the_same_notice_delivered_again_acts_once(street, post):
    (victim,), seen = street.spot("batch"), street.seen()
    street.sim.interrupt(victim)
    post.answer()
    for _ in range(3):
        street.post("interruption", victim)
        report = post.answer()
        assert (report.steps, report.repeated, report.notices, report.unknown_instances) == ((), 1, (), ())
    assert len(street.did("DetachInstances", seen)) == len(street.markers(seen)) == 1
    assert street.waiting_messages() == 0


@pytest.mark.accepts("P-05", "P-21")
def test_a_daemon_started_anew_knows_what_was_answered(street, tmp_path):
    (victim,), seen = street.spot("batch"), street.seen()
    street.sim.interrupt(victim)
    with open_post(street, tmp_path) as first:
        first.answer()
        first.daemon.release()
    street.post("interruption", victim)
    with open_post(street, tmp_path, holder="second") as second:
        assert second.answer().repeated == 1
    assert len(street.did("DetachInstances", seen)) == len(street.markers(seen)) == 1


@pytest.mark.accepts("P-05", "P-21")
def test_a_notice_written_down_by_a_daemon_that_died_before_acting_is_acted_on_by_the_next(street, tmp_path):
    (victim,), seen = street.spot("batch"), street.seen()
    street.post("interruption", victim)
    with open_post(street, tmp_path, halted=lambda: "notice" in first.kinds()) as first:  # as good as dead from then on
        with pytest.raises(Halted):
            first.answer()
        assert "notice" in first.kinds()
        first.daemon.release()
    assert street.ours(seen) == []
    assert street.waiting_messages() == 1
    with open_post(street, tmp_path, holder="second") as second:
        assert [s.outcome.status for s in second.answer().steps] == ["done", "done"]
        assert second.kinds().count("notice") == 1
    assert len(street.did("DetachInstances", seen)) == len(street.markers(seen)) == 1


@pytest.mark.accepts("P-05", "P-21")
def test_a_daemon_that_died_between_its_effect_and_the_answer_is_not_repeated(street, tmp_path):
    (victim,), seen = street.spot("batch"), street.seen()
    street.post("interruption", victim)
    with open_post(street, tmp_path, halted=lambda: bool(street.markers(seen))) as first:
        with pytest.raises(Halted):
            first.answer()
        first.daemon.release()
    assert (len(street.markers(seen)), street.did("DetachInstances", seen)) == (1, [])
    other = street.spot("batch", 2)[1]
    street.post("interruption", other)  # coalesced differently this time
    with open_post(street, tmp_path, holder="second") as second:
        second.answer()
    assert sorted(m[-24:-5] for m in street.markers(seen)) == sorted([victim, other])
    assert len(street.did("DetachInstances", seen)) == 1


@pytest.mark.accepts("P-05")
def test_a_rebalance_recommendation_saves_and_never_detaches(street, post):
    (victim,), seen = street.spot("ml-train"), street.seen()
    noticed = street.sim.clock.now()
    street.sim.rebalance(victim)
    assert [s.action for s in post.answer().steps] == ["request-checkpoint"]
    assert (len(street.markers(seen)), street.did("DetachInstances", seen)) == (1, [])
    street.sim.advance(30)
    assert newest_whole(street, "ml-train") > noticed
    assert victim in {i.instance_id for i in street.fleet("ml-train").instances}


@pytest.mark.accepts("P-05")
def test_evidence_then_order_and_order_then_late_evidence_detach_once(street, post):
    (victim,), seen = street.spot("batch"), street.seen()
    street.sim.rebalance(victim)
    post.answer()
    street.sim.advance(20)
    street.sim.interrupt(victim)
    assert [s.action for s in post.answer().steps] == ["request-checkpoint", "replace-instances"]
    street.post("rebalance", victim)
    late = post.answer()
    assert (late.steps, late.repeated, late.unknown_instances) == ((), 1, ())
    assert len(street.did("DetachInstances", seen)) == 1
    assert len(street.markers(seen)) == 2


def test_order_and_evidence_in_one_delivery_are_one_save_and_one_detach(street, post):
    (victim,), seen = street.spot("batch"), street.seen()
    street.post("rebalance", victim)
    street.post("interruption", victim)
    post.answer()
    assert len(street.did("DetachInstances", seen)) == len(street.markers(seen)) == 1


@pytest.mark.accepts("P-05")
def test_an_ec2_fleet_instance_and_an_unknown_one_are_told_and_left_alone(street, post):
    (ours,), seen = street.spot("render"), street.seen()
    street.post("interruption", ours)
    street.post("interruption", "i-0123456789abcdef0")
    report = post.answer()
    assert report.left_alone == (ours,)
    assert report.unknown_instances == ("i-0123456789abcdef0",)
    assert (report.steps, street.ours(seen), street.waiting_messages()) == ((), [], 0)
    assert post.kinds().count("notice") == 2


def test_notices_of_one_fleet_are_one_detach_call_of_at_most_twenty(street, wide):
    victims, seen = street.spot("batch", 21), street.seen()
    for victim in victims:
        street.post("interruption", victim)
    report = wide.answer()
    assert [len(s.instance_ids) for s in report.steps] == [21, 20, 1]
    assert [len(ids) for ids in street.detached(seen)] == [20, 1]
    assert len(street.markers(seen)) == 21
    assert street.waiting_messages() == 0
    street.sim.advance(600)


@pytest.mark.accepts("DC-05", "DC-02")
@pytest.mark.parametrize(("policy", "verdict"), [(OBSERVE_ONLY, "deny"), (ASKS, "deny")])
def test_what_the_policy_did_not_allow_in_advance_is_not_done(street, tmp_path, policy, verdict):
    (victim,), seen = street.spot("batch"), street.seen()
    street.post("interruption", victim)
    with open_post(street, tmp_path, policy) as post:
        assert {s.verdict for s in post.answer().steps} == {verdict}
        street.post("interruption", victim)
        assert post.answer().steps == ()
        assert {p.status for p in post.journal.proposals()} == {"denied"}
    assert street.ours(seen) == []


def test_more_than_the_policy_allows_at_once_waits_for_a_person(street, tmp_path):
    few = preset_text("tour").replace("max_instances_replaced: 20", "max_instances_replaced: 6")
    victims, seen = street.spot("batch", 7), street.seen()
    for victim in victims:
        street.post("interruption", victim)
    with open_post(street, tmp_path, parse_policy(few, source="few")) as post:
        report = post.answer()
    replaced = next(s for s in report.steps if s.action == "replace-instances")
    assert replaced.verdict in ("ask", "deny")
    assert street.did("DetachInstances", seen) == []
    assert len(street.markers(seen)) == 7, "to save is allowed to all of them"


@pytest.mark.accepts("P-16", "DC-05")
def test_the_blast_radius_holds_for_the_reflex(street, tmp_path):
    text = f"{HEAD}blast_radius:\n  max_instances_replaced: {{count: 2, per: 1h}}\npolicies:{REFLEX}"
    victims, seen = street.spot("batch", 3), street.seen()
    with open_post(street, tmp_path, parse_policy(text, source="test")) as post:
        verdicts = []
        for victim in victims:
            street.post("interruption", victim)
            verdicts += [s.verdict for s in post.answer().steps if s.action == "replace-instances"]
    assert verdicts == ["allow", "allow", "deny"]
    assert len(street.did("DetachInstances", seen)) == 2


@pytest.mark.accepts("DC-05")
def test_the_kill_switch_stops_the_reflex_before_and_between_steps(street, tmp_path):
    (victim,), seen = street.spot("batch"), street.seen()
    street.post("interruption", victim)
    with open_post(street, tmp_path) as post:
        post.switch["on"] = True
        with pytest.raises(Halted):
            post.answer()
        assert street.ours(seen) == []
        post.switch["on"] = False
        notice = Notice(kind="interruption", instance_id=victim, at=street.sim.clock.now(), source="test")
        post.daemon.lead()
        with pytest.raises(Halted):
            post.daemon.reflex.handle([notice], on_step=lambda _step: post.switch.update(on=True))
        assert (len(street.markers(seen)), street.did("DetachInstances", seen)) == (1, [])
        post.switch["on"] = False
        assert [s.action for s in post.answer().steps] == ["replace-instances"]
    assert (len(street.markers(seen)), len(street.did("DetachInstances", seen))) == (1, 1)


@pytest.mark.accepts("DC-05", "P-05")
@pytest.mark.parametrize("kind", ["throttle", "access-denied"])
def test_trouble_with_one_fleet_stops_no_other_and_is_tried_again_before_it_is_acknowledged(street, wide, kind):
    first, second, seen = street.spot("batch")[0], street.spot("ml-train")[0], street.seen()
    street.post("interruption", first)
    street.post("interruption", second)
    street.sim.fail("DetachInstances", kind)
    (refused,) = wide.answer().to_do  # fleets are answered beside each other: either met the fault
    (other,) = {first, second} - {refused}
    assert street.detached(seen) == [[other]]
    assert street.waiting_messages() == 1
    assert wide.answer() is None, "not at once: it was just refused"
    street.sim.advance(5)
    assert [s.outcome.status for s in wide.answer().steps] == ["done"]
    assert street.detached(seen) == [[other], [refused]]
    assert (len(street.markers(seen)), street.waiting_messages()) == (2, 0)


def test_fleets_are_answered_beside_each_other_and_in_order_inside_each(street, wide):
    """Four of them: two keep checkpoints, one stands behind a load balancer, one replaces by itself."""
    names = ("batch", "ml-train", "web-canary", "render")
    victims, seen = {name: street.spot(name)[0] for name in names}, street.seen()
    for victim in victims.values():
        street.post("interruption", victim)
    report = wide.answer()
    assert (report.left_alone, report.to_do) == ((victims["render"],), ())
    told = [(s.fleet, s.action, s.outcome.status) for s in report.steps]
    assert told == [
        ("batch", "request-checkpoint", "done"),
        ("batch", "replace-instances", "done"),
        ("ml-train", "request-checkpoint", "done"),
        ("ml-train", "replace-instances", "done"),
        ("web-canary", "deregister-targets", "done"),
        ("web-canary", "replace-instances", "done"),
    ]
    for name in ("batch", "ml-train"):
        mine = [r["operation"] for r in street.sim.effects(seen) if victims[name] in str(r)]
        assert mine.index("PutObject") < mine.index("DetachInstances")
    assert sorted(street.detached(seen)) == sorted([v] for n, v in victims.items() if n != "render")


def test_what_never_succeeds_is_given_up_and_told(street, wide):
    (victim,) = street.spot("ml-train")
    street.post("rebalance", victim)
    street.sim.fail("s3:PutObject", "access-denied", times=50)
    tries = 0
    for _ in range(40):
        report = wide.answer()
        tries += len(report.steps) if report else 0
        if not wide.daemon.reflex.notices.owed():
            break
        street.sim.advance(20)
    assert 5 <= tries <= 10
    assert street.waiting_messages() == 0
    assert '"given_up":true' in wide.journal.entries(kinds=("notice-answered",))[-1].payload


@pytest.mark.accepts("P-25", "P-05")
@pytest.mark.parametrize(("fault", "effects", "end"), [("timeout-after-effect", 1, "done"), ("error-500", 0, "failed")])
def test_an_unknown_outcome_stays_open_is_never_resent_and_settles(street, wide, fault, effects, end):
    (victim,), seen = street.spot("batch"), street.seen()
    street.post("interruption", victim)
    street.sim.fail("DetachInstances", fault)
    assert wide.answer().steps[-1].outcome.status == "unknown"
    assert len(wide.journal.open_intents()) == 1
    street.post("interruption", victim)
    assert wide.answer().steps == ()
    assert street.waiting_messages() == 0
    street.sim.advance(361)
    assert [o.status for o in wide.daemon.round().settled] == [end]
    assert wide.journal.open_intents() == ()
    assert len(street.did("DetachInstances", seen)) == effects


def test_a_lost_answer_does_not_block_the_next_notice_of_its_fleet(street, wide):
    (first, second), seen = street.spot("batch", 2), street.seen()
    street.post("interruption", first)
    street.sim.fail("DetachInstances", "timeout-after-effect")
    wide.answer()
    street.post("interruption", second)
    assert [s.outcome.status for s in wide.answer().steps] == ["done", "done"]
    assert street.detached(seen) == [[first], [second]]


def test_unreadable_messages_are_journalled_once_and_go(street, post):
    texts, seen = [" ", "no json", "{}", '{"source": "aws.ec2"}', "[1]", '{"a": 1, "a": 2}'], street.seen()
    for text in texts:
        street.post("", "", body=text)
    assert post.answer() is None
    assert post.kinds().count("notice-unreadable") == len(texts)
    assert street.waiting_messages() == 0
    assert post.answer() is None
    assert street.ours(seen) == []
