"""The one way to write, on the real house: what it refuses, what it is bound to, what it never waits for."""

import os
from collections.abc import Iterator

import pytest

from agent.reflex import Reflex
from tests.agent.autonomy_house import REFLEX
from tests.forked_accounts import started
from tools.errors import Denied, Halted, PolicyError, StalePlan, UsageError
from tools.records import ChangeFleet, Notice, ReplaceInstances, RestoreCheckpoint
from tools.recovery.checkpoints import restore_checkpoint
from tools.simulation.client import SimulatedAccount
from tui.config import Settings
from tui.opening import House, open_house

TOUR = "ml-train"
POLICY = """
version: 1
accounts: [{{id: "123456789012", regions: [us-east-1], write_role: current}}]
policies:
  - name: ask
    resource: aws.asg
    mode: {{type: {mode}}}
    actions: [set-allocation-strategy, set-purchase-mix, replace-instances, restore-checkpoint]
"""


@pytest.fixture(scope="module")
def account() -> Iterator[SimulatedAccount]:
    with started(stepped=True, seed=7) as running:
        yield running


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(db=tmp_path / "journal.db", state_dir=tmp_path, actor="kim")


@pytest.fixture
def house(account, settings) -> Iterator[House]:
    with open_house(settings, account) as opened:
        yield opened


def change(house: House, **wanted) -> ChangeFleet:
    return ChangeFleet(fleet=house.fleet(TOUR).ref, **wanted)


def toggle(house: House) -> ChangeFleet:
    """A change that is one whatever the fleet is set to, and replaces nothing."""
    now = house.fleet(TOUR).mix.spot_allocation_strategy
    strategies = ("price-capacity-optimized", "capacity-optimized")
    return change(house, spot_allocation_strategy=next(s for s in strategies if s != now))


def writes(account: SimulatedAccount, after: int) -> list[str]:
    """Operations of ours on groups that took effect after a number of the account's own log."""
    return [e["operation"] for e in account.effects(after) if e["service"] == "autoscaling"]


def seen(account: SimulatedAccount) -> int:
    return max((e["seq"] for e in account.effects()), default=0)


@pytest.mark.accepts("P-05")
def test_a_full_waiting_line_never_holds_up_a_notice(account, tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY.format(mode="approve") + REFLEX)
    with open_house(Settings(db=tmp_path / "j.db", state_dir=tmp_path, policy=file), account) as house:
        wishes = [change(house, on_demand_percentage_above_base=share) for share in range(1, 22)]
        for wish in wishes[:20]:
            house.actuation.propose(wish, by="agent:x", actor="agent", rationale="")
        with pytest.raises(Denied, match="20 proposals wait"):
            house.actuation.propose(wishes[20], by="agent:x", actor="agent", rationale="")
        victim = min(i.instance_id for i in house.fleet("batch").spot)
        before = seen(account)
        report = Reflex(house.actuation).handle([notice(house, victim)])
        assert [s.outcome.status for s in report.steps] == ["done", "done"]
        assert writes(account, before) == ["DetachInstances"]
    account.advance(300)


def notice(house: House, instance_id: str) -> Notice:
    return Notice(
        kind="interruption", instance_id=instance_id, instance_action="terminate", at=house.clock.now(), source="test"
    )


def test_a_notice_does_not_inherit_what_waits_for_a_person(house):
    victim = max(i.instance_id for i in house.fleet("batch").spot)
    wish = ReplaceInstances(fleet=house.fleet("batch").ref, instance_ids=(victim,))
    waiting = house.actuation.propose(wish, by="agent:x", actor="agent", rationale="")
    assert waiting.decision.verdict != "allow"
    report = Reflex(house.actuation).handle([notice(house, victim)])
    assert {s.action: s.verdict for s in report.steps}["replace-instances"] == "allow"


def test_the_same_wish_on_the_same_state_waits_once(house):
    first = house.actuation.propose(toggle(house), by="agent:x", actor="agent", rationale="")
    again = house.actuation.propose(toggle(house), by="agent:x", actor="agent", rationale="")
    assert again.proposal.proposal_id == first.proposal.proposal_id


@pytest.mark.accepts("P-15")
def test_a_policy_that_is_edited_counts_at_once_and_a_broken_one_stops_everything(account, settings, tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY.format(mode="approve"))
    with open_house(Settings(db=settings.db, state_dir=tmp_path, actor="kim", policy=file), account) as house:
        saved = house.actuation.propose(toggle(house), by="kim", actor="person", rationale="")
        before = seen(account)
        file.write_text(POLICY.format(mode="observe"))
        with pytest.raises(StalePlan, match="policy"):
            house.answer(saved.proposal.proposal_id, "approve", by="kim")
        file.write_text("version: 1\npolices: []\n")
        with pytest.raises(PolicyError, match="polices"):
            house.actuation.propose(toggle(house), by="kim", actor="person", rationale="")
        assert writes(account, before) == []
        file.write_text(POLICY.format(mode="approve"))
        assert house.actuation.act(saved.proposal.proposal_id, by="kim").status == "done"


@pytest.mark.parametrize("which", ["ours", "theirs", "a link to nowhere"])
def test_any_kill_switch_halts_and_lifting_takes_all_off(account, tmp_path, which):
    theirs = tmp_path / "KILL"
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY.format(mode="approve") + f"defaults: {{kill_switch: {theirs}}}\n")
    settings = Settings(db=tmp_path / "j.db", state_dir=tmp_path / "state", actor="kim", policy=file)
    with open_house(settings, account) as house:
        saved = house.actuation.propose(toggle(house), by="kim", actor="person", rationale="")
        house.actuation.answer(saved.proposal.proposal_id, answer="approve", by="kim")
        if which == "a link to nowhere":
            theirs.symlink_to(tmp_path / "gone")
        else:
            (house.kill_switches[0] if which == "ours" else theirs).touch()
        before = seen(account)
        with pytest.raises(Halted):
            house.actuation.act(saved.proposal.proposal_id, by="kim")
        assert writes(account, before) == []
        house.resume_running()
        assert not house.halted()
        house.halt()
        assert all(os.path.lexists(path) for path in house.kill_switches)


def test_a_yes_can_be_taken_back_until_it_was_acted_on(house, account):
    saved = house.actuation.propose(toggle(house), by="agent:x", actor="agent", rationale="")
    house.actuation.answer(saved.proposal.proposal_id, answer="approve", by="kim")
    house.actuation.answer(saved.proposal.proposal_id, answer="deny", by="kim", reason="wrong week")
    before = seen(account)
    with pytest.raises(Denied):
        house.actuation.act(saved.proposal.proposal_id, by="kim")
    assert writes(account, before) == []


@pytest.mark.accepts("P-20", "U-05")
def test_a_restore_is_bound_to_where_the_job_resumes_now(house, account):
    first, second = [c.checkpoint_id for c in whole(house)][:2]
    saved = house.actuation.propose(restore(house, first), by="kim", actor="person", rationale="")
    assert house.answer(saved.proposal.proposal_id, "approve", by="kim").status == "done"
    late = house.actuation.propose(restore(house, second), by="kim", actor="person", rationale="")
    other = house.actuation.propose(
        restore(house, whole(house)[2].checkpoint_id), by="lee", actor="person", rationale=""
    )
    assert house.answer(other.proposal.proposal_id, "approve", by="lee").status == "done"
    house.actuation.answer(late.proposal.proposal_id, answer="approve", by="kim")
    with pytest.raises(StalePlan) as stale:
        house.actuation.act(late.proposal.proposal_id, by="kim")
    assert any("resume" in line for line in stale.value.drift)


def whole(house: House):
    from tools.recovery.checkpoints import list_checkpoints

    return [
        c for c in list_checkpoints.run(reader=house.desk.reader, clock=house.clock, fleet=TOUR).checkpoints if c.whole
    ]


def restore(house: House, checkpoint_id: str) -> RestoreCheckpoint:
    return restore_checkpoint.run(reader=house.desk.reader, fleet=TOUR, checkpoint_id=checkpoint_id)


@pytest.mark.parametrize("who", ["agent:x", "Agent", "REFLEX", "autonomy", " "])
def test_nobody_but_a_person_approves(house, who):
    saved = house.actuation.propose(toggle(house), by="agent:x", actor="agent", rationale="")
    with pytest.raises(Denied):
        house.actuation.answer(saved.proposal.proposal_id, answer="approve", by=who)


def test_what_aws_would_refuse_is_refused_before_anybody_is_asked(house):
    with pytest.raises(UsageError, match="outside its size limits"):
        house.actuation.propose(change(house, desired_capacity=9_999), by="kim", actor="person", rationale="")


def test_a_time_beyond_the_calendar_is_a_clear_error():
    with pytest.raises(ValueError, match="outside the years"):
        Notice(kind="rebalance", instance_id="i-0123456789abcdef0", at="9999-12-31T23:59:59-23:59", source="x")
