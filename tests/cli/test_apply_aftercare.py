"""`apply` that waits for the verdict, sets back what did harm, and is asked to set something back."""

import signal
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from tests.agent.aftercare_house import FLEET, MORE, SIZE, dry, reset, seen, sizes, stranger
from tests.cli.conftest import process


@pytest.fixture
def batch(run, account) -> Iterator[None]:
    yield
    reset(account)


@pytest.fixture
def time_passes(account, monkeypatch) -> None:
    """While a command naps, and never while it sends, a minute and more of the account's time goes by."""
    naps = SimpleNamespace(sleep=lambda _seconds: account.advance(100))
    monkeypatch.setattr("tui.commands.apply.time", naps)


def planned(run, desired: int = MORE) -> str:
    told = run("plan", FLEET, "--desired", str(desired), "--json")
    assert told.exit == 0, told.err
    return told.json["proposal"]["proposal_id"]


def test_a_healthy_change_is_waited_for_and_verified(run, batch, account, time_passes):
    told = run("apply", planned(run), "--yes", "--verify", "10m", "--json")
    assert told.exit == 0, told.err
    assert told.json["outcome"]["status"] == "done"
    assert told.json["verification"]["status"] == "passed"
    assert told.json["rollback"] is None
    assert "of 10 min  " in told.err


@pytest.mark.accepts("P-11")
def test_a_harmful_change_is_set_back_and_said_so_plainly_and_once(run, batch, account, time_passes):
    dry(account)
    before, proposal_id = seen(account), planned(run)
    command = ("apply", proposal_id, "--yes", "--rollback-on-fail")
    told = run(*command)
    assert told.exit == 1, told.err
    assert "ROLLED BACK, the verification failed: capacity:" in told.out
    assert sizes(account, before) == [MORE, SIZE]
    again = run(*command, "--json")
    assert again.exit == 1
    assert again.json["verification"]["status"] == "rolled-back"
    assert again.json["rollback"]["outcome"]["status"] == "done"
    assert sizes(account, before) == [MORE, SIZE]


def test_a_harmful_change_that_is_not_to_be_set_back_is_told_here_and_by_run_status(run, batch, account, time_passes):
    dry(account)
    before, proposal_id = seen(account), planned(run)
    told = run("apply", proposal_id, "--yes", "--verify", "20m")
    assert told.exit == 1
    assert "NOT VERIFIED AND NOT SET BACK" in told.out
    assert f"recorded before it: desired_capacity {SIZE}" in told.out
    assert sizes(account, before) == [MORE]
    (watch,) = run("run", "--status", "--json").json["watches"]
    assert (watch["proposal_id"], watch["status"]) == (proposal_id, "escalated")
    assert f"ESCALATED asg/{FLEET} {proposal_id}: capacity:" in run("run", "--status").out


def test_who_goes_away_leaves_the_watch_and_whoever_comes_goes_on_with_it(run, batch, account):
    before, proposal_id = seen(account), planned(run)
    child = process("apply", proposal_id, "--yes", "--verify", "20m")
    for line in child.stderr:
        if "of 20 min" in line:
            break
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert f"spotwarden apply --watch {proposal_id}" in err
    told = run("run", "--status")
    assert "watching until" in told.out
    assert proposal_id in told.out
    account.advance(1_300)
    told = run("apply", "--watch", proposal_id, "--json")
    assert told.exit == 0, told.err
    assert told.json["verification"]["status"] == "passed"
    assert sizes(account, before) == [MORE]
    assert proposal_id not in run("run", "--status").out


@pytest.mark.accepts("P-11")
def test_a_change_is_set_back_on_request_once(run, batch, account):
    before, proposal_id = seen(account), planned(run)
    assert run("apply", proposal_id, "--yes").exit == 0
    assert run("apply", "--rollback", proposal_id, "--json").exit == 4  # the policy asks a person, who said nothing
    told = run("apply", "--rollback", proposal_id, "--yes", "--json")
    assert told.exit == 0, told.err
    assert told.json["outcome"]["after"] == {"desired_capacity": SIZE}
    again = run("apply", "--rollback", proposal_id, "--yes", "--json")
    assert (again.exit, again.json["proposal_id"]) == (0, told.json["proposal_id"])
    assert sizes(account, before) == [MORE, SIZE]


def test_a_watched_change_that_is_set_back_by_hand_is_watched_no_more(run, batch, account):
    before, proposal_id = seen(account), planned(run)
    child = process("apply", proposal_id, "--yes", "--verify", "20m")
    for line in child.stderr:
        if "of 20 min" in line:
            break
    child.kill()
    child.communicate()
    assert run("apply", "--rollback", proposal_id, "--yes").exit == 0
    told = run("apply", "--watch", proposal_id, "--json")
    assert (told.exit, told.json["verification"]["status"]) == (1, "rolled-back")
    assert "asked for by operator" in told.json["verification"]["told"]
    assert sizes(account, before) == [MORE, SIZE]


def test_where_nobody_sits_a_wish_for_a_rollback_is_no_yes_to_it(run, batch, account, time_passes):
    dry(account)
    before, proposal_id = seen(account), planned(run)
    child = process("apply", proposal_id, "--yes", "--rollback-on-fail")
    for line in child.stderr:
        if "of 20 min" in line:
            break
    child.kill()
    child.communicate()
    told = run("apply", "--watch", proposal_id, "--rollback-on-fail")
    assert told.exit == 1
    assert "it waits for you: spotwarden approve" in told.out
    assert sizes(account, before) == [MORE]


def test_what_somebody_else_changed_since_is_not_set_back(run, batch, account):
    proposal_id = planned(run)
    assert run("apply", proposal_id, "--yes").exit == 0
    client = stranger(account)
    client.set_desired_capacity(AutoScalingGroupName=FLEET, DesiredCapacity=MORE + 1)
    client.close()
    before = seen(account)
    told = run("apply", "--rollback", proposal_id, "--yes")
    told.refuses(64, "not by spotwarden", f"desired_capacity: {MORE} → {MORE + 1}")
    assert sizes(account, before) == []


WRONG = {
    "nothing": ((), "nothing was given to apply"),
    "two things": (("p-1", "--rollback", "p-2"), "PLAN and --rollback was given"),
    "no duration": (("p-1", "--verify", "soon"), "--verify 'soon'"),
    "too short": (("p-1", "--verify", "1s"), "from 1m to 7d"),
    "a rollback of a rollback": (("--rollback", "p-1", "--rollback-on-fail"), "a rollback is not rolled back"),
    "never made": (("--rollback", "p-1"), "nothing was carried out as 'p-1'"),
    "never watched": (("--watch", "p-1"), "p-1 is not watched"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_is_refused_with_the_way_out(run, untouched, case):
    given, said = WRONG[case]
    run("apply", *given).refuses(64, said)
