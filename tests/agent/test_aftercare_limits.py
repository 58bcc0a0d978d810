"""What looking after a change may not do: act while halted, count one person twice, undo an undoing, miss harm."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from agent.aftercare import BY, Keeper
from agent.verifying import arm
from policies.records import Aftercare
from tests.agent.aftercare_house import (
    FLEET,
    MORE,
    POLICY,
    ROLLBACK,
    SIZE,
    change,
    dry,
    keep_looking,
    opened,
    reset,
    seen,
    sizes,
)
from tests.forked_accounts import started
from tools.aws.session import open_account
from tools.records import ChangeFleet
from tools.simulation.client import SimulatedAccount


@pytest.fixture(scope="module")
def laid_out() -> Iterator[SimulatedAccount]:
    with started(stepped=True, seed=7) as running:
        yield running


@pytest.fixture
def account(laid_out) -> Iterator[SimulatedAccount]:
    yield laid_out
    reset(laid_out)


def test_while_everything_is_halted_harm_is_told_and_nothing_is_set_back(account, tmp_path):
    with opened(account, tmp_path) as house:
        dry(account)
        before = seen(account)
        proposal_id, _ = change(house)
        house.kill_switches[0].touch()
        ended = keep_looking(account, Keeper(house.actuation, "kim", approve_as="kim"), proposal_id, 10)
        assert ended.status == "escalated"
        assert "STOP is set: nothing is applied" in ended.told
        assert sizes(account, before) == [MORE]
        house.resume_running()


def test_one_persons_yes_beforehand_is_one_yes_where_the_policy_wants_two(account, tmp_path):
    law = POLICY.format(mode="approve", action="set-desired-capacity") + "escalation: {quorum: {default: 2}}\n"
    (tmp_path / "policy.yaml").write_text(law)
    with opened(account, tmp_path) as house:
        dry(account)
        before = seen(account)
        action = ChangeFleet(fleet=house.fleet(FLEET).ref, desired_capacity=MORE)
        saved = house.actuation.propose(action, by="kim", actor="person", rationale="", aftercare=ROLLBACK)
        proposal_id = saved.proposal.proposal_id
        for person in ("kim", "lee"):
            house.actuation.answer(proposal_id, answer="approve", by=person)
        house.actuation.act(proposal_id, by="kim")
        ended = keep_looking(account, Keeper(house.actuation, "kim", approve_as="kim"), proposal_id, 10)
        assert ended.status == "escalated"
        assert "1 of 2 approvals" in ended.told
        assert sizes(account, before) == [MORE]
        house.actuation.answer(ended.rollback_id, answer="approve", by="lee")
        assert house.actuation.act(ended.rollback_id, by="lee").status == "done"
        assert sizes(account, before) == [MORE, SIZE]


def test_what_is_a_rollback_is_not_set_back_whoever_asks_for_it_when_it_is_applied(account, tmp_path):
    with opened(account, tmp_path) as house:
        proposal_id, _ = change(house, aftercare=None)
        action = ChangeFleet(fleet=house.fleet(FLEET).ref, desired_capacity=SIZE)
        undoing = Aftercare(undoes=proposal_id)
        saved = house.actuation.propose(action, by=BY, actor="agent", rationale="", aftercare=undoing)
        fleet = house.fleet(FLEET)
        arm(house.journal, house.account.reader, house.clock, saved.proposal, fleet, ROLLBACK)
        watch = house.journal.watches.one(saved.proposal.proposal_id)
        assert (watch.seconds, watch.on_fail) == (ROLLBACK.verify_seconds, "escalate")


def test_missing_capacity_is_harm_whatever_it_costs(account, tmp_path):
    with opened(account, tmp_path) as house:
        dry(account)
        before = seen(account)
        proposal_id, _ = change(house)
        account.fail("DescribeSpotPriceHistory", "error-500", times=10_000)
        keeper = Keeper(house.actuation, "daemon")
        account.advance(180)
        keeper.look_at(proposal_id)
        account.advance(180)
        keeper.look_at(proposal_id)
        account.mend()
        ended = keep_looking(account, keeper, proposal_id, 3)
        assert ended.status == "rolled-back"
        assert sizes(account, before) == [MORE, SIZE]


def test_a_change_of_another_region_is_left_to_who_looks_there(account, tmp_path):
    with opened(account, tmp_path) as house:
        proposal_id, _ = change(house)
        account.advance(60)
        with open_account(
            profile=None,
            region="eu-west-1",
            endpoint_url=account.endpoint_url,
            clock=account.clock,
            credentials=("simulated", "simulated"),
        ) as there:
            assert Keeper(replace(house.actuation, reader=there.reader), "elsewhere").look() == ()
        assert house.journal.watches.one(proposal_id).verdict is None
        Keeper(house.actuation, "daemon").look()
        assert house.journal.watches.one(proposal_id).verdict is not None
