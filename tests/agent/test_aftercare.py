"""After a change: watched, verified, set back when it did harm, told when that cannot be; whatever dies in between."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.aftercare import BY, Keeper
from agent.autonomy import Daemon
from agent.verifying import aftercare_for
from policies.document import parse_policy
from policies.engine import decide
from policies.records import Aftercare, Facts
from tests.agent.aftercare_house import (
    ESCALATE,
    FLEET,
    KILLED,
    MORE,
    POLICY,
    ROOT,
    SIZE,
    change,
    dry,
    keep_looking,
    opened,
    policy,
    reset,
    seen,
    sizes,
    stranger,
)
from tests.forked_accounts import started
from tools.errors import UsageError
from tools.records import ChangeFleet, FleetRef
from tools.simulation.client import SimulatedAccount

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
VERIFIED = "{type: set-desired-capacity, verify_after: 20m, on_verify_fail: rollback}"


@pytest.fixture(scope="module")
def laid_out() -> Iterator[SimulatedAccount]:
    with started(stepped=True, seed=7) as running:
        yield running


@pytest.fixture
def account(laid_out) -> Iterator[SimulatedAccount]:
    yield laid_out
    reset(laid_out)


def kinds(house) -> list[str]:
    return [e.kind for e in house.journal.entries()]


def test_a_healthy_change_is_verified_when_its_time_is_over(account, tmp_path):
    with opened(account, tmp_path) as house:
        proposal_id, outcome = change(house)
        assert outcome.status == "done"
        keeper = Keeper(house.actuation, "daemon")
        account.advance(60)
        assert keeper.look_at(proposal_id).status == "watching"
        ended = keep_looking(account, keeper, proposal_id, 25)
        assert ended.status == "passed"
        assert ended.ended_at >= ended.until
        assert f"capacity: {MORE} of {MORE} in service" in ended.told
        assert kinds(house).count("watch") == kinds(house).count("verified") == 1


def test_a_change_that_leaves_capacity_short_is_set_back_by_a_proposal_of_its_own(account, tmp_path):
    policy(tmp_path, action=VERIFIED)
    with opened(account, tmp_path) as house:
        dry(account)
        before = seen(account)
        proposal_id, _ = change(house, aftercare=None)  # the policy wants it looked after
        keeper = Keeper(house.actuation, "daemon")
        ended = keep_looking(account, keeper, proposal_id, 10)
        assert ended.status == "rolled-back"
        assert f"capacity: {SIZE} of {MORE} in service for 6 min (allowed 5 min)" in ended.told
        assert "launches refused: c5.2xlarge/" in ended.told
        assert sizes(account, before) == [MORE, SIZE]
        undo = house.journal.proposal(ended.rollback_id).proposal
        assert (undo.proposed_by, undo.facts.actor, undo.aftercare.undoes) == (BY, "agent", proposal_id)
        assert "capacity:" in undo.rationale
        assert "rolled-back" in kinds(house)


def test_a_rollback_is_watched_too_and_is_never_rolled_back(account, tmp_path):
    with opened(account, tmp_path) as house:
        dry(account)
        proposal_id, _ = change(house)
        keeper = Keeper(house.actuation, "daemon")
        ended = keep_looking(account, keeper, proposal_id, 10)
        again = house.journal.watches.one(ended.rollback_id)
        assert (again.status, again.on_fail) == ("watching", "escalate")
        before = seen(account)
        stranger_takes(account, SIZE + 6)  # harm again, of whatever kind
        ended = keep_looking(account, keeper, ended.rollback_id, 10)
        assert ended.status == "escalated"
        assert sizes(account, before) == []


def stranger_takes(account, desired: int) -> None:
    client = stranger(account)
    client.set_desired_capacity(AutoScalingGroupName=FLEET, DesiredCapacity=desired)
    client.close()


def test_where_the_policy_asks_the_rollback_waits_for_a_person_with_the_reason_first(account, tmp_path):
    policy(tmp_path, mode="approve")
    with opened(account, tmp_path) as house:
        dry(account)
        before = seen(account)
        proposal_id, _ = change(house)
        keeper = Keeper(house.actuation, "daemon")
        ended = keep_looking(account, keeper, proposal_id, 10)
        assert ended.status == "escalated"
        assert ended.told.startswith("capacity:")
        assert f"recorded before it: desired_capacity {SIZE}" in ended.told
        (waiting,) = house.journal.proposals(status="pending")
        assert waiting.proposal.proposal_id == ended.rollback_id
        assert waiting.proposal.rationale.startswith(f"sets {proposal_id} back, which failed its verification: capac")
        assert sizes(account, before) == [MORE]
        house.answer(ended.rollback_id, "approve", by="kim")
        account.advance(60)
        keeper.look()
        assert house.journal.watches.one(proposal_id).status == "rolled-back"
        assert sizes(account, before) == [MORE, SIZE]


def test_a_person_who_sits_there_and_said_yes_beforehand_is_not_asked_again(account, tmp_path):
    policy(tmp_path, mode="approve")
    with opened(account, tmp_path) as house:
        dry(account)
        before = seen(account)
        proposal_id, _ = change(house)
        ended = keep_looking(account, Keeper(house.actuation, "kim", approve_as="kim"), proposal_id, 10)
        assert ended.status == "rolled-back"
        assert sizes(account, before) == [MORE, SIZE]
        assert [a.by for a in house.journal.proposal(ended.rollback_id).approvals] == ["kim"]


def test_what_is_to_be_told_only_is_told_with_what_was_recorded(account, tmp_path):
    with opened(account, tmp_path) as house:
        dry(account)
        before = seen(account)
        proposal_id, _ = change(house, aftercare=ESCALATE)
        ended = keep_looking(account, Keeper(house.actuation, "daemon"), proposal_id, 10)
        assert (ended.status, ended.rollback_id) == ("escalated", None)
        assert ended.told.endswith(f"recorded before it: desired_capacity {SIZE}")
        assert sizes(account, before) == [MORE]


def test_a_fleet_that_somebody_else_changed_is_not_set_back_over_their_change(account, tmp_path):
    with opened(account, tmp_path) as house:
        dry(account)
        before = seen(account)
        proposal_id, _ = change(house)
        stranger_takes(account, MORE + 2)
        ended = keep_looking(account, Keeper(house.actuation, "daemon"), proposal_id, 10)
        assert (ended.status, ended.rollback_id) == ("escalated", None)
        assert f"desired_capacity: {MORE} → {MORE + 2}" in ended.told
        assert f"recorded before it: desired_capacity {SIZE}" in ended.told
        assert sizes(account, before) == [MORE]


def test_a_rollback_that_the_policy_in_force_denies_is_told(account, tmp_path):
    with opened(account, tmp_path) as house:
        dry(account)
        proposal_id, _ = change(house)
        policy(tmp_path, mode="observe")
        before = seen(account)
        ended = keep_looking(account, Keeper(house.actuation, "daemon"), proposal_id, 10)
        assert ended.status == "escalated"
        assert "is denied" in ended.told
        assert sizes(account, before) == []


def test_a_rollback_that_aws_refuses_is_told(account, tmp_path):
    with opened(account, tmp_path) as house:
        dry(account)
        proposal_id, _ = change(house)
        account.fail("UpdateAutoScalingGroup", "access-denied")
        before = seen(account)
        ended = keep_looking(account, Keeper(house.actuation, "daemon"), proposal_id, 10)
        assert ended.status == "escalated"
        assert f"its rollback {ended.rollback_id} is failed" in ended.told
        assert sizes(account, before) == []


def test_a_rollback_whose_answer_is_lost_is_settled_by_looking_and_not_sent_again(account, tmp_path):
    with opened(account, tmp_path) as house:
        dry(account)
        before = seen(account)
        proposal_id, _ = change(house)
        account.fail("UpdateAutoScalingGroup", "timeout-after-effect")
        ended = keep_looking(account, Keeper(house.actuation, "daemon"), proposal_id, 20)
        assert ended.status == "rolled-back"
        assert sizes(account, before) == [MORE, SIZE]


def test_many_interruptions_after_a_change_are_harm(account, tmp_path):
    with opened(account, tmp_path) as house:
        proposal_id, _ = change(house)
        keeper = Keeper(house.actuation, "daemon")
        for instance in house.fleet(FLEET).spot[:4]:
            account.interrupt(instance.instance_id)
        ended = keep_looking(account, keeper, proposal_id, 15)
        assert ended.status == "rolled-back"
        assert "interruptions: 4 since the change, 0 in the hour before" in ended.told


def test_a_price_that_is_not_known_is_neither_verified_nor_a_reason_to_set_back(account, tmp_path):
    with opened(account, tmp_path) as house:
        proposal_id, _ = change(house)
        before = seen(account)
        account.fail("DescribeSpotPriceHistory", "access-denied", times=10_000)
        ended = keep_looking(account, Keeper(house.actuation, "daemon"), proposal_id, 25)
        assert ended.status == "escalated"
        assert "not verified: cost: what it costs now is unknown" in ended.told
        assert sizes(account, before) == []


def test_an_account_that_does_not_answer_fails_nothing_until_its_patience_ends(account, tmp_path):
    with opened(account, tmp_path) as house:
        proposal_id, _ = change(house)
        account.fail("DescribeAutoScalingGroups", "error-500", times=10_000)
        keeper = Keeper(house.actuation, "daemon")
        assert keep_looking(account, keeper, proposal_id, 3).status == "watching"
        account.advance(1_200)
        assert keeper.look_at(proposal_id).status == "watching"
        account.advance(900)
        ended = keeper.look_at(proposal_id)
        assert ended.status == "escalated"
        assert "could not be looked at" in ended.told


def test_nothing_is_watched_that_nobody_asked_for_or_that_was_not_made(account, tmp_path):
    with opened(account, tmp_path) as house:
        plain, _ = change(house, aftercare=None)
        account.fail("UpdateAutoScalingGroup", "access-denied")
        refused, outcome = change(house, MORE + 1)
        assert outcome.status == "failed"
        account.advance(60)
        keeper = Keeper(house.actuation, "daemon")
        assert keeper.look() == ()
        for proposal_id in (plain, refused):
            with pytest.raises(UsageError, match="is not watched"):
                keeper.look_at(proposal_id)


def test_two_watchers_make_one_rollback(account, tmp_path):
    with opened(account, tmp_path) as one, opened(account, tmp_path, actor="lee") as two:
        dry(account)
        before = seen(account)
        proposal_id, _ = change(one)
        keepers = [Keeper(h.actuation, n) for h, n in ((one, "one"), (two, "two"))]
        with ThreadPoolExecutor(2) as both:
            for _ in range(3):
                account.advance(180)
                list(both.map(lambda k: k.look_at(proposal_id), keepers))
        ended = one.journal.watches.one(proposal_id)
        assert ended.status == "rolled-back"
        assert sizes(account, before) == [MORE, SIZE]
        assert (kinds(one).count("verified"), kinds(one).count("rolled-back")) == (1, 1)


@pytest.mark.accepts("P-25", "U-04")
@pytest.mark.parametrize(
    ("where", "nth"),
    [
        ("_answer", 1),
        ("claim_rollback", 1),
        ("open_intent", 1),
        ("mark_sending", 1),
        ("set_fleet", 1),
        ("_conclude", 1),
    ],
)
def test_a_watcher_killed_anywhere_between_verdict_and_rollback_leaves_one_rollback(account, tmp_path, where, nth):
    with opened(account, tmp_path) as house:
        dry(account)
        before = seen(account)
        proposal_id, _ = change(house)
        assert keep_looking(account, Keeper(house.actuation, "first"), proposal_id, 6).status == "watching"
    account.advance(180)
    killed = look_and_die(account, tmp_path, proposal_id, where, nth)
    assert killed.returncode == -9, killed.stderr
    with opened(account, tmp_path) as house:
        ended = keep_looking(account, Keeper(house.actuation, "second"), proposal_id, 12)
        assert ended.status == "rolled-back", ended.told
        assert sizes(account, before) == [MORE, SIZE]


def look_and_die(account, folder: Path, proposal_id: str, where: str, nth: int) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", KILLED, account.endpoint_url, str(folder), proposal_id, where, str(nth)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_the_daemon_looks_in_its_rounds_and_tells_what_came_of_it(account, tmp_path):
    with opened(account, tmp_path) as house:
        dry(account)
        before = seen(account)
        proposal_id, _ = change(house)
    with opened(account, tmp_path) as house:  # another process, later
        daemon = Daemon(house.actuation, None, "daemon")
        rounds = []
        for _ in range(3):
            account.advance(180)
            rounds.append(daemon.round())
        daemon.release()
        (told,) = [w for r in rounds for w in r.watches if w.proposal_id == proposal_id]
        assert told.status == "rolled-back"
        assert sizes(account, before) == [MORE, SIZE]


def test_the_daemon_leaves_a_change_to_the_person_who_sits_there_for_as_long_as_they_do(account, tmp_path):
    with opened(account, tmp_path) as house:
        dry(account)
        proposal_id, _ = change(house)
        person, daemon = Keeper(house.actuation, "kim"), Keeper(house.actuation, "daemon")
        for _ in range(4):
            account.advance(100)
            person.attend(proposal_id)
            assert daemon.look() == ()
        account.advance(180)  # they went away without a word
        daemon.look()
        account.advance(360)
        assert [w.status for w in daemon.look()] == ["rolled-back"]


WISHES = [
    # the policy's word, what the person asked for, what comes of both: seconds and what answers a failure
    ("{type: set-desired-capacity, verify_after: 20m}", None, (1_200, "escalate")),
    (VERIFIED, None, (1_200, "rollback")),
    (VERIFIED, Aftercare(verify_seconds=3_600), (3_600, "rollback")),
    ("{type: set-desired-capacity, verify_after: 20m}", Aftercare(verify_seconds=60, on_fail="rollback"), (1_200, "rollback")),
    (VERIFIED, Aftercare(undoes="p-1"), (1_200, "escalate")),
    ("{type: set-purchase-mix, verify_after: 20m}", None, None),
]  # fmt: skip


@pytest.mark.parametrize(("word", "asked", "comes"), WISHES)
def test_of_the_policys_wish_and_the_persons_the_stricter_counts(word, asked, comes):
    law = parse_policy(POLICY.format(mode="autonomous", action=word), source="test")
    action = ChangeFleet(
        fleet=FleetRef(kind="asg", fleet_id=FLEET, account_id="123456789012", region="us-east-1"), desired_capacity=1
    )
    facts = Facts(
        account_id="123456789012", region="us-east-1", resource="aws.asg", fleet=FLEET, verification="rollback"
    )
    wanted = aftercare_for(law, decide(action, facts, law, now=NOON), action, asked)
    assert (wanted and (wanted.verify_seconds, wanted.on_fail)) == comes
