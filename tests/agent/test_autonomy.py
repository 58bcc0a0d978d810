"""The daemon's rounds: one leader, fenced; suggestions made once; approvals from elsewhere carried out."""

import threading
from itertools import pairwise

import pytest

from agent.autonomy import LEASE_SECONDS, Round, Trouble
from policies.document import OBSERVE_ONLY
from tests.agent.autonomy_house import ALONE, ASKS, TOUR, WIDE, open_post, open_street
from tools.errors import CredentialsInvalid, Halted, PolicyError, SpotError, Throttled


@pytest.fixture(scope="module")
def street():
    with open_street() as found:
        yield found


@pytest.fixture(autouse=True)
def quiet_street(street):
    street.clear()


def updates(street, after):
    return [r["parameters"]["AutoScalingGroupName"] for r in street.did("UpdateAutoScalingGroup", after)]


# one leader


@pytest.mark.accepts("P-21")
def test_of_two_daemons_one_leads_and_the_other_is_halted(street, tmp_path):
    (victim,), seen = street.spot("batch"), street.seen()
    street.post("interruption", victim)
    with open_post(street, tmp_path, holder="first") as first, open_post(street, tmp_path, holder="second") as second:
        first.daemon.lead()
        for act in (second.daemon.lead, second.daemon.round, second.answer):
            with pytest.raises(Halted, match="another daemon leads this journal: first"):
                act()
        assert street.ours(seen) == []
        first.answer()
        first.daemon.release()
        second.daemon.lead()
        street.post("interruption", victim)
        assert second.answer().repeated == 1, "it knows what the first one did, though it was opened before"
    assert street.detached(seen) == [[victim]]


@pytest.mark.accepts("P-21")
def test_a_daemon_that_slept_and_was_replaced_makes_no_effect(street, tmp_path):
    (victim,), seen = street.spot("batch"), street.seen()
    with open_post(street, tmp_path, holder="slept") as slept, open_post(street, tmp_path, holder="new") as new:
        slept.daemon.lead()
        saved = slept.actuation.propose(_replace(street, victim), by="reflex", actor="reflex", rationale="test")
        street.sim.advance(LEASE_SECONDS + 1)
        new.daemon.lead()
        with pytest.raises(Halted, match="lost the lease"):  # the journal's own refusal, in the intent's transaction
            slept.daemon.actuation.act(saved.proposal.proposal_id, by="reflex")
        with pytest.raises(Halted, match="another daemon leads this journal: new"):
            slept.daemon.lead()
        with pytest.raises(Halted, match="does not lead"):
            slept.daemon.actuation.act(saved.proposal.proposal_id, by="reflex")
        street.post("interruption", victim)
        with pytest.raises(Halted, match="another daemon leads"):
            slept.answer()
        slept.daemon.release()
        assert new.journal.lease("daemon").holder == "new"
        assert street.ours(seen) == []


def _replace(street, victim):
    from tools.records import ReplaceInstances

    return ReplaceInstances(fleet=street.fleet("batch").ref, instance_ids=(victim,))


@pytest.mark.accepts("P-21")
def test_a_lease_is_kept_while_it_works_and_free_after_its_end(street, tmp_path):
    with open_post(street, tmp_path, OBSERVE_ONLY) as post:
        tokens = []
        for _ in range(4):
            tokens.append(post.daemon.lead())
            street.sim.advance(LEASE_SECONDS / 2)
        assert len({t.token for t in tokens}) == 1
        assert all(a.expires_at < b.expires_at for a, b in pairwise(tokens))
        post.daemon.release()
    with open_post(street, tmp_path, OBSERVE_ONLY, holder="next") as other:
        assert other.daemon.lead().token == tokens[0].token + 1


@pytest.mark.accepts("P-21")
def test_a_daemon_that_slept_alone_leads_again_with_a_newer_token(street, tmp_path):
    with open_post(street, tmp_path, OBSERVE_ONLY) as post:
        first = post.daemon.lead()
        street.sim.advance(LEASE_SECONDS + 1)
        assert post.daemon.lead().token == first.token + 1


@pytest.mark.accepts("DC-05")
def test_under_the_kill_switch_nothing_is_done(street, tmp_path):
    seen = street.seen()
    with open_post(street, tmp_path, ALONE) as post:
        post.switch["on"] = True
        for act in (post.daemon.lead, post.daemon.round, lambda: list(_watch(post, rounds=1))):
            with pytest.raises(Halted, match="kill switch"):
                act()
        assert post.journal.lease("daemon") is None
    assert street.ours(seen) == []


# suggestions


@pytest.mark.accepts("DC-05")
def test_what_needs_a_person_waits_once_however_many_rounds_pass(street, tmp_path):
    seen = street.seen()
    with open_post(street, tmp_path, ASKS) as post:
        rounds = [post.daemon.round() for _ in range(3)]
        waiting = {s.proposal.proposal_id for s in post.journal.proposals(status="pending")}
        assert waiting == {s.proposal_id for r in rounds for s in r.steps if s.verdict == "ask"}
        assert len(waiting) == len(rounds[0].steps) > 0
        street.sim.interrupt(street.spot("ml-train")[0])
        street.sim.advance(300)  # the fleet is another one now, and so is what would be approved
        later = post.daemon.round()
        still = {s.proposal.proposal_id for s in post.journal.proposals(status="pending")}
        assert still == {s.proposal_id for s in later.steps if s.verdict == "ask"}
        assert len(still) == len(waiting)
    assert updates(street, seen) == []


def test_what_was_denied_is_not_asked_again_every_round(street, tmp_path):
    with open_post(street, tmp_path, OBSERVE_ONLY) as post:
        first, second = post.daemon.round(), post.daemon.round()
        assert {s.verdict for s in (*first.steps, *second.steps)} == {"deny"}
        assert post.kinds().count("proposal") == len(first.steps) == len(second.steps)
        assert all("not proposed again until" in s.reasons[0] for s in second.steps)
        street.sim.advance(3601)
        post.daemon.round()
        assert post.kinds().count("proposal") == 2 * len(first.steps), "windows and limits move: it is judged again"


def test_a_persons_no_is_a_no_for_a_day(street, tmp_path):
    with open_post(street, tmp_path, ASKS) as post:
        asked = post.daemon.round().steps
        for step in asked:
            post.actuation.answer(step.proposal_id, answer="deny", by="kim")
        street.sim.advance(60)
        again = post.daemon.round().steps
        assert {s.proposal_id for s in again} == {s.proposal_id for s in asked}
        assert post.journal.proposals(status="pending") == ()


@pytest.mark.accepts("DC-05", "P-16")
def test_trouble_with_one_fleet_does_not_stop_the_round(street, tmp_path):
    with open_post(street, tmp_path, ALONE) as post:
        street.raw("autoscaling").update_auto_scaling_group(
            AutoScalingGroupName="batch",
            MixedInstancesPolicy={"InstancesDistribution": {"SpotAllocationStrategy": "lowest-price"}},
        )
        seen = street.seen()
        street.sim.fail("UpdateAutoScalingGroup", "throttle")
        steps = post.daemon.round().steps
        assert [s.outcome.status for s in steps] == ["failed"] + ["done"] * (len(steps) - 1)
        assert len(steps) > 1
        assert sorted(updates(street, seen)) == sorted(s.fleet for s in steps[1:])
        again = post.daemon.round().steps
        assert [(s.fleet, s.verdict) for s in again] == [(steps[0].fleet, "deny")], "failed: left for an hour"


# the fleet that failed above still buys by lowest price


@pytest.mark.accepts("DC-05")
def test_an_approval_given_elsewhere_is_carried_out_in_the_next_round(street, tmp_path):
    seen = street.seen()
    with open_post(street, tmp_path, ASKS) as post:
        (asked,) = post.daemon.round().steps
        assert asked.verdict == "ask"
        with open_post(street, tmp_path, ASKS, holder="another terminal") as terminal:
            terminal.actuation.answer(asked.proposal_id, answer="approve", by="kim")
        assert updates(street, seen) == []
        carried = post.daemon.round().steps
        assert [(s.proposal_id, s.outcome.status) for s in carried] == [(asked.proposal_id, "done")]
        assert "approved by kim" in carried[0].reasons
        assert post.daemon.round().steps == ()
    assert updates(street, seen) == [asked.fleet]


@pytest.mark.accepts("DC-05")
def test_a_policy_that_breaks_at_run_time_stops_every_change_and_not_the_watch(street, tmp_path):
    (victim,), seen = street.spot("batch"), street.seen()

    def broken():
        raise PolicyError("policy.yaml:3: unknown key")

    with open_post(street, tmp_path, broken) as post:
        assert {s.verdict for s in post.daemon.round().steps} <= {"error"}
        street.post("interruption", victim)
        report = post.answer()
        assert ({s.verdict for s in report.steps}, report.to_do) == ({"error"}, (victim,))
    assert street.ours(seen) == []


# watching


def _watch(post, *, rounds=0, reports=0, interval=300.0, on_pause=lambda _s: None):
    """Watch until so many rounds, or reports of any kind, have come."""
    told, ended = [], threading.Event()
    for report in post.daemon.watch(interval_seconds=interval, stop=ended.is_set, pause=on_pause):
        told.append(report)
        if sum(isinstance(r, Round) for r in told) >= (rounds or 10**6) or len(told) >= (reports or 10**6):
            ended.set()
    return told


@pytest.mark.accepts("DC-05", "U-11")
def test_watching_answers_between_rounds_and_frees_the_lease(street, tmp_path):
    (victim,), seen = street.spot("batch"), street.seen()
    with open_post(street, tmp_path, WIDE) as post:
        ended, told = threading.Event(), []
        for report in post.daemon.watch(interval_seconds=600, stop=ended.is_set, pause=lambda _s: None):
            told.append(report)
            if len(told) == 1:
                street.sim.interrupt(victim)
            else:
                ended.set()
        assert isinstance(told[0], Round)
        assert [s.outcome.status for s in told[1].steps] == ["done", "done"]
        assert post.journal.lease("daemon").expires_at <= street.sim.clock.now()
    assert street.detached(seen) == [[victim]]


def test_trouble_that_passes_is_told_once_and_waited_out(street, tmp_path):
    pauses = []
    with open_post(street, tmp_path, OBSERVE_ONLY) as post:
        street.sim.fail("DescribeAutoScalingGroups", "error-500", times=8)  # two passes, each retried by botocore
        told = _watch(post, rounds=1, on_pause=pauses.append)
        assert [type(r) for r in told] == [Trouble, Trouble, Round]
        assert pauses == [5, 5]
        assert post.kinds().count("trouble") == 1


def test_missing_rights_end_the_run_with_the_lease_freed(street, tmp_path):
    with open_post(street, tmp_path, OBSERVE_ONLY) as post:
        street.sim.fail("ReceiveMessage", "expired-credentials", times=4)
        with pytest.raises(CredentialsInvalid):
            _watch(post, rounds=1)
        assert post.journal.lease("daemon").expires_at <= street.sim.clock.now()


@pytest.mark.accepts("DC-04")
def test_the_head_is_witnessed_about_once_a_minute(street, tmp_path):
    with open_post(street, tmp_path, OBSERVE_ONLY) as post:
        post.daemon.queue = None
        witness = tmp_path / "journal.db.head"
        seen = []

        def pause(_seconds):
            seen.append(witness.read_text())
            street.sim.advance(20)

        _watch(post, rounds=3, interval=100, on_pause=pause)
        assert 3 <= len(set(seen)) <= len(seen) - 3
        assert str(post.journal.head().count) in witness.read_text() or len(seen) > 6


def test_without_a_queue_it_naps_instead_of_spinning(street, tmp_path):
    pauses = []

    def pause(seconds):
        pauses.append(seconds)
        street.sim.advance(30)

    with open_post(street, tmp_path, OBSERVE_ONLY) as post:
        post.daemon.queue = None
        _watch(post, rounds=2, interval=300, on_pause=pause)
    assert 9 <= len(pauses) <= 11
    assert set(pauses) == {1}


def test_no_error_of_ours_is_swallowed_by_watching(street, tmp_path):
    assert not issubclass(Halted, Throttled)
    with open_post(street, tmp_path, TOUR) as post:
        ended = threading.Event()
        watching = post.daemon.watch(interval_seconds=300, stop=ended.is_set, pause=lambda _s: None)
        next(watching)
        post.switch["on"] = True
        with pytest.raises(SpotError, match="kill switch"):
            list(watching)
        assert post.journal.lease("daemon").expires_at <= street.sim.clock.now()
