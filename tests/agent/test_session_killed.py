"""A session killed with -9 anywhere, and resumed by a new process: judged by the account's own effect log."""

import itertools
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from agent.events import ApprovalNeeded
from agent.journal.verify import verify
from agent.models.model import Turn
from tests.forked_accounts import started

sys.path.insert(0, str(Path(__file__).parent))
from session_house import REPORT, change, open_house

STRATEGIES = ("capacity-optimized", "price-capacity-optimized")
SAMPLE = 6


class Zygote:
    def __init__(self, account, folder):
        self.account, self.folder = account, folder
        script = Path(__file__).with_name("session_zygote.py")
        self.process = subprocess.Popen(
            [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=script.parents[2]
        )

    def run(self, verb, conversation, wish, *, kill_at=None, **arguments):
        request = {
            "endpoint": self.account.endpoint_url,
            "folder": str(self.folder),
            "conversation": conversation,
            "verb": verb,
            "arguments": arguments,
            "wish": wish,
            "kill_at": kill_at,
        }
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def account():
    with started(stepped=True, seed=7) as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("killed")


@pytest.fixture(scope="module")
def zygote(account, folder):
    running = Zygote(account, folder)
    yield running
    running.close()


def house_for(account, folder, wish, conversation=None):
    script = [Turn(text="so be it", tool_calls=(change(**wish),)), REPORT]
    return open_house(account, folder, script, conversation_id=conversation)


def toggled(account, folder, fleet):
    """A change that is a change, and replaces nothing: the allocation strategy that the fleet has not."""
    with house_for(account, folder, {"fleet": fleet, "desired_capacity": 1}) as house:
        found = next(f for f in house.actuation.reader.fleets() if f.name == fleet)
        now = found.mix.spot_allocation_strategy
        wanted = next(s for s in STRATEGIES if s != now)
        return {"fleet": fleet, "spot_allocation_strategy": wanted}, house.session.conversation_id


def last_outcome(house):
    messages = [
        json.loads(m["content"]) for m in house.journal.messages(house.session.conversation_id) if m["role"] == "tool"
    ]
    return messages[-1]["outcome"] if messages else None


def check(account, folder, before, house, events, site):
    happened = house.updates(before)
    assert len(happened) <= 1, f"killed at {site}: {len(happened)} effects"
    assert events[-1].status == "answered", f"killed at {site}: {events[-1]}"
    outcome = last_outcome(house)
    if outcome is None:
        assert happened == [], f"killed at {site}: an effect that nobody was told of"
    else:
        assert (outcome["status"] in {"done", "already"}) == (len(happened) == 1), f"killed at {site}: {outcome}"
    keys = [m["key"] for m in house.journal.messages(house.session.conversation_id)]
    assert len(keys) == len(set(keys)), f"killed at {site}: {keys}"
    head = house.journal.head()
    checked = verify(folder / "journal.db")
    assert checked.ok, f"killed at {site}: {checked.reason}"
    assert checked.entries == head.count


def sample(sites):
    assert len(sites) > 100, sites
    return sorted(random.Random(7).sample(range(len(sites)), SAMPLE))


@pytest.mark.accepts("DC-01")
def test_a_question_killed_anywhere_is_resumed_without_a_second_effect(account, folder, zygote):
    wish, conversation = toggled(account, folder, "batch")
    whole = zygote.run("ask", conversation, wish, text="spread batch")
    assert whole["exit"] == 0, whole["stderr"]
    resumed_to_an_effect = 0
    for at in sample(whole["sites"]):
        site = whole["sites"][at]
        account.advance(361)
        wish, conversation = toggled(account, folder, "batch")
        with house_for(account, folder, wish, conversation) as house:
            before = house.last_seq()
        killed = zygote.run("ask", conversation, wish, kill_at=at, text="spread batch")
        assert killed["exit"] == -9, f"{site}: {killed['stderr']}"
        account.advance(361)
        with house_for(account, folder, wish, conversation) as house:
            events = list(house.session.resume())
            check(account, folder, before, house, events, site)
            resumed_to_an_effect += len(house.updates(before))
    assert resumed_to_an_effect > SAMPLE // 3


@pytest.mark.accepts("P-28")
def test_an_approval_killed_anywhere_is_resumed_without_a_second_effect(account, folder, zygote):
    def asked():
        account.advance(361)
        wish, conversation = toggled(account, folder, "web-canary")
        with house_for(account, folder, wish, conversation) as house:
            events = list(house.session.ask("spread it"))
            needed = next(e for e in events if isinstance(e, ApprovalNeeded))
            return wish, conversation, needed.proposal.proposal_id, house.last_seq()

    wish, conversation, proposal_id, _ = asked()
    words = {"answer": "approve", "by": "kim"}
    whole = zygote.run("answer", conversation, wish, proposal_id=proposal_id, **words)
    assert whole["exit"] == 0, whole["stderr"]
    for at in itertools.islice(sample(whole["sites"]), 0, None, 2):
        site = whole["sites"][at]
        wish, conversation, proposal_id, before = asked()
        killed = zygote.run("answer", conversation, wish, kill_at=at, proposal_id=proposal_id, **words)
        assert killed["exit"] == -9, f"{site}: {killed['stderr']}"
        account.advance(361)
        with house_for(account, folder, wish, conversation) as house:
            events = list(house.session.resume())
            if events[-1].status == "waiting":  # killed before the answer was written down: it is asked again
                assert [e.proposal.proposal_id for e in events[:-1]] == [proposal_id], site
                events = list(house.session.answer(proposal_id, **words))
            check(account, folder, before, house, events, site)
