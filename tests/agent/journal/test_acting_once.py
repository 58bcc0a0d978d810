"""The right to act: given once, to what was shown, by a person, within every limit, to the leader only."""

from decimal import Decimal

import pytest
from journal_nouns import NOW, approval, begin, decision, intent, limit, outcome, proposal, saved

from policies.records import Measure
from tools.errors import Denied, Halted, JournalError, StalePlan, UsageError
from tools.records import AttachVolume, CreateSnapshots, SetVolumeRetention

LABEL = "asg/ml-train"


def kinds(journal):
    return [e.kind for e in journal.entries()]


def test_a_proposal_is_kept_with_its_verdict_and_both_are_in_the_audit(journal):
    made = saved(journal, verdict="ask")
    kept = journal.proposal("p-1")
    assert (kept.proposal, kept.decision, kept.status, kept.approvals) == (made, decision("ask"), "pending", ())
    assert kinds(journal) == ["proposal", "decision"]
    with pytest.raises(UsageError, match="p-1 already"):
        saved(journal)
    with pytest.raises(UsageError, match="no proposal 'p-9'"):
        journal.proposal("p-9")


@pytest.mark.parametrize(("verdict", "status"), [("deny", "denied"), ("allow", "allowed"), ("ask", "pending")])
def test_the_verdict_is_the_first_status(journal, verdict, status):
    saved(journal, verdict=verdict)
    assert journal.proposals(status=status)[0].proposal.proposal_id == "p-1"
    assert journal.proposals(status="done") == ()


@pytest.mark.accepts("P-23")
def test_an_approved_action_runs_through_to_its_outcome(journal):
    made = saved(journal, verdict="ask")
    journal.save_approval("p-1", approval(made), actor="person:ada")
    assert journal.proposal("p-1").status == "approved"
    begin(journal, made, approval_ids=("ok-1",))
    assert journal.proposal("p-1").status == "acting"
    assert [(o.proposal_id, o.intent, o.last_outcome) for o in journal.open_intents()] == [("p-1", intent(made), None)]
    journal.close_intent("i-1", outcome("done"), actor="test")
    assert journal.proposal("p-1").status == "done"
    assert journal.open_intents() == ()
    assert journal.outcomes("p-1") == (outcome("done"),)
    assert kinds(journal) == ["proposal", "decision", "approval", "intent", "outcome"]
    assert '"request_ids":["req-1"]' in journal.entries(kinds=("outcome",))[0].payload


@pytest.mark.accepts("U-05")
def test_a_proposal_that_needs_a_person_is_not_begun_without_one(journal):
    made = saved(journal, verdict="ask", quorum=2)
    with pytest.raises(Denied, match="needs 2 approvals, it has 0"):
        begin(journal, made)
    journal.save_approval("p-1", approval(made, "ok-1"), actor="person:ada")
    journal.save_approval("p-1", approval(made, "ok-2"), actor="person:ada")
    assert journal.proposal("p-1").status == "pending"  # one person twice is one person
    with pytest.raises(Denied, match="it has 1"):
        begin(journal, made, approval_ids=("ok-1", "ok-2"))
    journal.save_approval("p-1", approval(made, "ok-3", by="person:bo"), actor="person:bo")
    begin(journal, made, approval_ids=("ok-1", "ok-3"))


@pytest.mark.accepts("U-05")
def test_an_approval_is_good_for_once(journal):
    made = saved(journal, verdict="ask")
    journal.save_approval("p-1", approval(made), actor="person:ada")
    begin(journal, made, approval_ids=("ok-1",))
    journal.close_intent("i-1", outcome("failed", after={"desired_capacity": 12}), actor="test")
    with pytest.raises(Denied, match="acted on already"):
        begin(journal, made, number=2, approval_ids=("ok-1",))
    with pytest.raises(Denied, match="nothing left to answer"):
        journal.save_approval("p-1", approval(made, "ok-2"), actor="person:ada")


@pytest.mark.accepts("U-05")
def test_an_approval_for_another_proposal_is_refused(journal):
    made, other = saved(journal, "p-1", verdict="ask"), saved(journal, "p-2", verdict="ask", fleet="batch")
    with pytest.raises(StalePlan, match="another proposal and another action"):
        journal.save_approval("p-1", approval(other), actor="person:ada")
    journal.save_approval("p-2", approval(other), actor="person:ada")
    with pytest.raises(Denied, match="ok-1 is no approval of proposal p-1"):
        begin(journal, made, approval_ids=("ok-1",))


@pytest.mark.parametrize(
    ("field", "word"),
    [("state_fingerprint", "fleet's state"), ("policy_digest", "policy"), ("action_digest", "action")],
)
def test_an_approval_of_something_else_is_refused(journal, field, word):
    made = saved(journal, verdict="ask")
    with pytest.raises(StalePlan, match=f"another {word}"):
        journal.save_approval("p-1", approval(made, **{field: "other"}), actor="person:ada")


@pytest.mark.accepts("U-05")
@pytest.mark.parametrize("by", ["agent:offline planner", "reflex", "policy:web", "agent"])
def test_the_agent_can_never_approve(journal, by):
    made = saved(journal, verdict="ask")
    with pytest.raises(Denied, match="cannot answer for a person"):
        journal.save_approval("p-1", approval(made, by=by), actor=by)
    assert journal.proposal("p-1").status == "pending"


def test_a_no_after_a_yes_takes_it_back(journal):
    made = saved(journal, verdict="ask")
    journal.save_approval("p-1", approval(made), actor="person:ada")
    journal.save_approval("p-1", approval(made, "no-1", answer="deny", by="person:bo"), actor="person:bo")
    with pytest.raises(Denied, match="p-1 is refused"):
        begin(journal, made, approval_ids=("ok-1",))


@pytest.mark.parametrize(("verdict", "yes"), [("ask", False), ("ask", True), ("allow", False)])
def test_a_no_is_taken_as_long_as_nothing_was_begun(journal, verdict, yes):
    made = saved(journal, verdict=verdict)
    if yes:
        journal.save_approval("p-1", approval(made), actor="person:ada")
    no = approval(made, "no-1", answer="deny")
    journal.save_approval("p-1", no, actor="person:ada")
    assert (journal.proposal("p-1").status, journal.proposal("p-1").approvals[-1]) == ("refused", no)
    with pytest.raises(Denied, match="p-1 is refused"):
        begin(journal, made, approval_ids=("ok-1",) if yes else ())
    with pytest.raises(Denied, match="nothing left to answer"):
        journal.save_approval("p-1", approval(made, "ok-2"), actor="person:ada")


def test_a_no_comes_too_late_when_the_action_was_begun(journal):
    made = saved(journal)
    begin(journal, made)
    with pytest.raises(Denied, match="p-1 is acting: there is nothing left to answer"):
        journal.save_approval("p-1", approval(made, "no-1", answer="deny"), actor="person:ada")


def test_the_same_answer_twice_is_told_as_answered(journal):
    made = saved(journal, verdict="ask")
    journal.save_approval("p-1", approval(made), actor="person:ada")
    with pytest.raises(Denied, match="p-1 was already answered by person:ada at this moment: it is approved"):
        journal.save_approval("p-1", approval(made), actor="person:ada")
    assert kinds(journal) == ["proposal", "decision", "approval"]


def test_an_unanswered_proposal_expires(journal, clock):
    made = saved(journal, verdict="ask")
    clock.move(1800)
    assert journal.proposal("p-1").status == "expired"
    assert [p.status for p in journal.proposals(status="expired")] == ["expired"]
    with pytest.raises(StalePlan, match="has expired"):
        journal.save_approval("p-1", approval(made), actor="person:ada")


def test_an_approval_and_a_permit_expire(journal):
    made = saved(journal, verdict="ask")
    journal.save_approval("p-1", approval(made, seconds=60), actor="person:ada")
    late = NOW.replace(minute=2)
    with pytest.raises(Denied, match="expired"):
        begin(journal, made, approval_ids=("ok-1",), at=late)
    of = saved(journal, "p-2", fleet="batch")
    with pytest.raises(Denied, match="the permit permit-i expired"):
        journal.open_intent(
            "p-2",
            intent(of, "i", seconds=0),
            fleet="asg/batch",
            amounts={},
            limits=(),
            approval_ids=(),
            lease=None,
            actor="x",
        )


def test_what_expired_while_the_intent_waited_for_its_turn_is_refused(journal, clock):
    """The caller read its clock before; the transaction reads it again."""
    approved, allowed, led = (
        saved(journal, "p-1", verdict="ask"),
        saved(journal, "p-2", fleet="batch"),
        saved(journal, "p-3", fleet="web"),
    )
    journal.save_approval("p-1", approval(approved, seconds=60), actor="person:ada")
    lease = journal.acquire_lease("daemon", holder="a", ttl_seconds=60, now=NOW)
    clock.move(61)
    with pytest.raises(Denied, match="expired"):
        begin(journal, approved, approval_ids=("ok-1",), at=NOW)
    with pytest.raises(Halted, match="ended at"):
        begin(journal, led, number=3, lease=lease, at=NOW)
    clock.move(600)
    with pytest.raises(Denied, match="the permit permit-i-2 expired"):
        begin(journal, allowed, number=2, at=NOW)


@pytest.mark.parametrize("verdict", ["deny"])
def test_a_denied_proposal_is_never_begun(journal, verdict):
    made = saved(journal, verdict=verdict)
    with pytest.raises(Denied, match="p-1 is denied"):
        begin(journal, made)


def test_a_permit_for_another_action_is_refused(journal):
    saved(journal, "p-1")
    other = proposal("p-1", capacity=500)
    with pytest.raises(Denied, match="for another action"):
        begin(journal, other)
    assert journal.open_intents() == ()


def test_one_change_of_a_fleet_at_a_time(journal):
    first, second = saved(journal, "p-1"), saved(journal, "p-2")
    begin(journal, first)
    journal.close_intent("i-1", outcome("unknown"), actor="test")
    assert journal.proposal("p-1").status == "unknown"
    assert journal.open_intents()[0].last_outcome == outcome("unknown")
    with pytest.raises(Denied, match="asg/ml-train has an open intent i-1"):
        begin(journal, second, number=2)
    journal.close_intent("i-1", outcome("done"), actor="reconcile")
    begin(journal, second, number=2)


def test_a_refusal_at_the_last_look_is_final(journal):
    made = saved(journal, verdict="allow")
    journal.refuse("p-1", reason="drift", drift=("desired_capacity: 12 → 13",), actor="test")
    with pytest.raises(Denied, match="p-1 is refused"):
        begin(journal, made)
    assert kinds(journal)[-1] == "refused"


@pytest.mark.parametrize("end", [None, "unknown", "done", "failed"])
def test_what_was_acted_on_is_never_called_refused(journal, end):
    begin(journal, saved(journal))
    if end:
        journal.close_intent("i-1", outcome(end), actor="test")
    before = (journal.head(), journal.proposal("p-1"))
    journal.refuse("p-1", reason="the fleet changed since it was shown", actor="late")
    assert (journal.head(), journal.proposal("p-1")) == before


def test_a_refused_intent_leaves_nothing_behind(journal):
    made = saved(journal)
    before = kinds(journal)
    with pytest.raises(Denied):
        begin(journal, made, limits=(limit(ceiling=0),))
    assert journal.proposal("p-1").status == "allowed"
    assert kinds(journal) == before
    assert journal.open_intents() == ()


@pytest.mark.accepts("P-16")
def test_a_limit_counts_everything_in_its_window(journal):
    replaced = {"instances_replaced": Decimal(2)}
    for number, fleet in enumerate(("a", "b"), start=1):
        begin(journal, saved(journal, f"p-{number}", fleet=fleet), number=number, amounts=replaced)
    third = saved(journal, "p-3", fleet="c")
    with pytest.raises(Denied, match="is full: 4 of 5 instances_replaced used in 1:00:00, this needs 2"):
        begin(journal, third, number=3, amounts=replaced, limits=(limit(ceiling=5),))
    begin(journal, third, number=3, amounts=replaced, limits=(limit(ceiling=5, scope="asg/c"),))
    later = NOW.replace(hour=10)  # the window has moved on
    assert journal.use((measure("instances_replaced"),), fleet=LABEL, now=later).instances_replaced == {"m": 0}


def measure(what, *, seconds=3600, per_fleet=False):
    return Measure(name="m", measure=what, window_seconds=seconds, per_fleet=per_fleet)


@pytest.mark.parametrize(
    ("status", "after", "left"),
    [
        ("done", None, 3),
        ("already", None, 3),
        ("unknown", {}, 3),
        ("failed", {}, 3),  # not read back: not known to be nothing
        ("failed", {"desired_capacity": 12}, 0),
        ("refused", {}, 0),
    ],
)
def test_what_had_no_effect_gives_its_share_back(journal, status, after, left):
    begin(journal, saved(journal), amounts={"instances_replaced": Decimal(3)})
    journal.close_intent("i-1", outcome(status, after=after), actor="test")
    used = journal.use((measure("instances_replaced"),), fleet=LABEL, now=NOW)
    assert used.instances_replaced == {"m": left}


def test_a_later_word_wins(journal):
    begin(journal, saved(journal), amounts={"instances_replaced": Decimal(3)})
    journal.close_intent("i-1", outcome("refused"), actor="one")
    journal.close_intent("i-1", outcome("done"), actor="two")
    assert journal.proposal("p-1").status == "done"
    assert journal.use((measure("instances_replaced"),), fleet=LABEL, now=NOW).instances_replaced == {"m": 3}


@pytest.mark.parametrize("final", ["done", "already", "refused", "failed", "superseded"])
def test_not_knowing_comes_too_late_after_a_final_word(journal, final):
    begin(journal, saved(journal))
    journal.close_intent("i-1", outcome(final), actor="one")
    before = (journal.head(), journal.proposal("p-1"), journal.outcomes("p-1"))
    journal.close_intent("i-1", outcome("unknown"), actor="two")
    assert (journal.head(), journal.proposal("p-1"), journal.outcomes("p-1")) == before
    assert journal.open_intents() == ()


def test_use_tells_what_was_done(journal):
    amounts = {"actions": Decimal(1), "added_cost_usd": Decimal("12.50"), "instances_replaced": Decimal(0)}
    begin(journal, saved(journal), amounts=amounts)
    journal.spend(Decimal("0.0125"), what="tokens", now=NOW)
    measures = [measure("actions"), measure("added_cost_usd", seconds=86_400), measure("tool_cost_usd")]
    used = journal.use(measures, fleet="asg/other", now=NOW)
    assert used.actions == {"m": 1}
    assert used.added_cost_usd == {"m": Decimal("12.50")}
    assert used.tool_cost_usd == {"m": Decimal("0.0125")}
    assert (used.fleets_changing, used.seconds_since_change) == (1, None)
    assert journal.use([measure("actions", per_fleet=True)], fleet="asg/other", now=NOW).actions == {"m": 0}
    journal.mark_sending("i-1", lease=None, at=NOW, actor="test")
    journal.close_intent("i-1", outcome("done"), actor="test")
    used = journal.use(measures, fleet=LABEL, now=NOW.replace(minute=1))
    assert (used.fleets_changing, used.seconds_since_change) == (0, 60.0)


@pytest.mark.parametrize(
    ("kind", "rests"), [(CreateSnapshots, False), (AttachVolume, False), (SetVolumeRetention, True)]
)
def test_copying_a_fleets_volumes_is_no_change_that_it_rests_after(journal, kind, rests):
    of = proposal()
    told = {
        "fleet": of.fleet,
        "instance_id": "i-0000000a",
        "volume_ids": ("vol-0000000a",),
        "exclude_boot_volume": True,
    }
    told |= {"volume_id": "vol-0000000a", "device_name": "/dev/sdf", "device_names": ("/dev/sdf",)}
    action = kind(**{k: v for k, v in {**told, "delete_on_termination": True}.items() if k in kind.model_fields})
    made = of.with_(action=action)
    journal.save_proposal(made, decision("allow"), actor="agent")
    begin(journal, made)
    journal.mark_sending("i-1", lease=None, at=NOW, actor="test")
    journal.close_intent("i-1", outcome("done"), actor="test")
    assert (journal.use([], fleet=LABEL, now=NOW).seconds_since_change is not None) is rests


def test_a_saving_takes_nothing_and_gives_nothing(journal):
    full = limit("added_cost_usd", amount=-5, ceiling=0)
    begin(journal, saved(journal), amounts={"added_cost_usd": Decimal(-5)}, limits=(full,))
    assert journal.use([measure("added_cost_usd")], fleet=LABEL, now=NOW).added_cost_usd == {"m": 0}


def test_an_intent_that_never_was_cannot_be_closed(journal):
    with pytest.raises(JournalError, match="no intent 'i-9'"):
        journal.close_intent("i-9", outcome(), actor="test")


@pytest.mark.accepts("P-21")
def test_a_leader_who_slept_is_refused(journal, clock):
    old = journal.acquire_lease("run", holder="one", ttl_seconds=30, now=clock.now())
    assert journal.acquire_lease("run", holder="two", ttl_seconds=30, now=clock.now()) is None
    assert journal.renew_lease(old, ttl_seconds=60, now=clock.now()).expires_at > old.expires_at
    clock.move(60)
    assert journal.renew_lease(old, ttl_seconds=60, now=clock.now()) is None
    made = saved(journal)
    with pytest.raises(Halted, match="ended at"):
        begin(journal, made, lease=old, at=clock.now())
    new = journal.acquire_lease("run", holder="two", ttl_seconds=30, now=clock.now())
    assert new.token == old.token + 1
    assert journal.lease("run") == new
    with pytest.raises(Halted, match="two leads with token 2"):
        begin(journal, made, lease=old, at=clock.now())
    begin(journal, made, lease=new, at=clock.now())


@pytest.mark.accepts("P-21")
def test_a_released_lease_is_free_and_its_token_stays_old(journal, clock):
    first = journal.acquire_lease("run", holder="one", ttl_seconds=30, now=clock.now())
    journal.release_lease(first)
    second = journal.acquire_lease("run", holder="one", ttl_seconds=30, now=clock.now())
    assert second.token == 2
    journal.release_lease(first)  # too late to mean anything
    assert journal.acquire_lease("run", holder="three", ttl_seconds=30, now=clock.now()) is None
    assert kinds(journal) == ["lease", "lease", "lease"]
