"""What people elsewhere are told of interruptions: once, whole, on time, and never in the way of a notice."""

import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta

import pytest

from agent.aftercare import Keeper
from agent.journal.journal import Journal
from agent.notifying import KIND, Notifying
from agent.webhook import Webhook
from tests.agent import aftercare_house
from tests.agent.autonomy_house import open_post, open_street
from tests.agent.notify_house import SECONDS, SECRET, Stepped, begun, delivered, notifying, open_receiver
from tests.agent.recovery_house import ROOT, a_job, heal, interrupted, looked
from tests.forked_accounts import started
from tui.safe_text import safe_text


@pytest.fixture
def receiver():
    with open_receiver() as found:
        yield found


@pytest.fixture
def clock():
    return Stepped()


@pytest.fixture
def journal(tmp_path, clock):
    with Journal.open(tmp_path / "journal.db", clock=clock) as found:
        yield found


@pytest.fixture(scope="module")
def street():
    with open_street() as found:
        yield found


@pytest.mark.accepts("RC-07")
def test_an_interruption_and_what_became_of_it_are_told_once_also_across_a_restart(street, receiver, tmp_path):
    street.clear()
    heal(street)
    with open_post(street, tmp_path) as post:
        post.daemon.notifying = notifying(post.journal, street.sim.clock, receiver.url)
        victim = interrupted(street, post.daemon)
        ended = looked(street, post.daemon.recoveries, until="recovered")[-1]
        street.sim.advance(10)
        assert post.daemon.notifying.look() == 2
        post.daemon.release()
    with open_post(street, tmp_path, holder="second") as post:
        assert notifying(post.journal, street.sim.clock, receiver.url).look() == 0
        assert [d["id"] for d in delivered(post.journal)] == [m["id"] for m in receiver.told]
        assert SECRET not in "".join(e.payload for e in post.journal.entries())
    first, last = receiver.told
    assert (first["event"], first["fleet"], first["region"]) == ("interruption", "asg/ml-train", "us-east-1")
    assert (first["items"][0]["instance_id"], first["items"][0]["status"]) == (victim, "open")
    (result,) = last["items"]
    assert result["recovery_id"] == first["items"][0]["recovery_id"] == ended.recovery_id
    assert (result["status"], result["replaced_by"]) == ("recovered", ended.replaced_by)
    assert result["timeline"]["verified_seconds"] == ended.timeline.verified_seconds
    assert f"on {victim}: recovered: saved after" in last["text"]


@pytest.mark.accepts("RC-07")
def test_a_recovery_that_gave_up_says_why(journal, clock, receiver):
    sender = notifying(journal, clock, receiver.url)
    begun(journal, 1)
    (was,) = journal.jobs.open()
    lost = was.with_(status="gave-up", ended_at=clock.now(), told="gave up: no pool has capacity")
    journal.jobs.move([(was, lost)], actor="test")
    clock.step(10)
    assert sender.look() == 2
    assert receiver.told[1]["text"].endswith("gave up: gave up: no pool has capacity")
    assert receiver.told[1]["items"][0]["timeline"]["verified_seconds"] is None


@pytest.mark.accepts("RC-07")
def test_fifty_instances_of_one_fleet_are_one_message_and_another_fleet_has_its_own(journal, clock, receiver):
    sender = notifying(journal, clock, receiver.url)
    begun(journal, 30)
    begun(journal, 2, fleet="web", first=200)
    clock.step(5)
    begun(journal, 20, first=30)
    assert sender.look() == 0  # more may come
    clock.step(5)
    assert sender.look() == 2
    clock.step(60)
    assert sender.look() == 0
    assert [(m["fleet"], m["count"], len(m["items"])) for m in receiver.told] == [
        ("asg/ml-train", 50, 50),
        ("asg/web", 2, 2),
    ]
    assert "50 instances to be interrupted" in receiver.told[0]["text"]
    assert receiver.told[0]["text"].endswith("and 45 more")


def test_what_happened_before_anybody_was_to_be_told_is_not_told(journal, clock, receiver):
    begun(journal, 3)
    sender = notifying(journal, clock, receiver.url)
    clock.step(60)
    assert (sender.look(), receiver.told) == (0, [])


def test_nothing_is_sent_before_the_daemon_leads(journal, clock, receiver):
    sender = Notifying(journal, clock, Webhook(receiver.url), shown=safe_text)
    begun(journal, 1)
    clock.step(60)
    assert (sender.look(), receiver.told) == (0, [])


KILLED = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from datetime import datetime
from pathlib import Path
from agent.journal.journal import Journal
from agent.notifying import Notifying
from agent.webhook import Webhook

class Fixed:
    def now(self):
        return datetime.fromisoformat(sys.argv[3])

with Journal.open(Path(sys.argv[1]), clock=Fixed()) as journal:
    sender = Notifying(journal, Fixed(), Webhook(sys.argv[2]), shown=str)
    sender.begin()
    sender.look()
"""


@pytest.mark.accepts("RC-07")
def test_a_process_killed_between_the_answer_and_the_mark_repeats_it_under_the_same_id(journal, clock, receiver):
    notifying(journal, clock, receiver.url)
    begun(journal, 3)
    clock.step(10)
    order = [sys.executable, "-c", KILLED, str(journal.path), receiver.url, clock.now().isoformat()]
    child = subprocess.Popen(order)
    receiver.before_answer = lambda: os.kill(child.pid, signal.SIGKILL)
    assert child.wait(SECONDS) == -signal.SIGKILL
    receiver.before_answer = lambda: None
    begun(journal, 1, first=3)  # too late to belong to it
    sender = notifying(journal, clock, receiver.url)
    assert sender.look() == 1
    clock.step(10)
    assert sender.look() == 1
    first, again, later = receiver.told
    assert first == again
    assert (later["id"] != first["id"], later["items"][0]["recovery_id"]) == (True, "ml-train-3")


@pytest.mark.accepts("RC-07")
def test_while_the_receiver_fails_news_wait_with_one_trouble_and_then_come_in_order(journal, clock, receiver):
    sender = notifying(journal, clock, receiver.url)
    begun(journal, 1)
    clock.step(10)
    receiver.answers = [503, 503, 429]
    for _ in range(3):
        assert sender.look() == 0
        clock.step(60)
    begun(journal, 1, fleet="web")
    (trouble, other) = sender.troubles()
    assert trouble.message == "the webhook at 127.0.0.1: answered 503"
    assert other.message.endswith("answered 429")
    assert trouble.hint.startswith("1 wait")
    clock.step(10)
    assert sender.look() == 2
    assert sender.troubles() == []
    assert [m["fleet"] for m in receiver.told[3:]] == ["asg/ml-train", "asg/web"]
    assert len({m["id"] for m in receiver.told[:4]}) == 1


def test_one_message_is_tried_again_a_few_times_before_it_is_put_off(journal, clock, receiver):
    sender = Notifying(journal, clock, Webhook(receiver.url), shown=safe_text, pauses=(0, 0))
    sender.begin()
    begun(journal, 1)
    clock.step(10)
    receiver.answers = [500, 502]
    assert sender.look() == 1
    assert (len(receiver.told), sender.troubles()) == (3, [])
    begun(journal, 1, fleet="web")
    clock.step(10)
    receiver.answers = [500] * 3
    assert sender.look() == sender.look() == 0  # the second is too soon
    assert len(receiver.told) == 6


def test_a_message_that_the_receiver_does_not_want_keeps_no_other_back(journal, clock, receiver):
    sender = notifying(journal, clock, receiver.url)
    begun(journal, 1)
    begun(journal, 1, fleet="web")
    clock.step(10)
    receiver.answers = [400, 200]
    assert sender.look() == 1
    assert [d["fleet"] for d in delivered(journal)] == ["asg/web"]
    clock.step(60)
    restarted = notifying(journal, clock, receiver.url)
    assert restarted.look() == 1
    assert [m["fleet"] for m in receiver.told] == ["asg/ml-train", "asg/web", "asg/ml-train"]


@pytest.mark.accepts("RC-07")
def test_news_of_more_than_an_hour_ago_are_counted_in_one_line_and_not_sent(journal, clock, receiver):
    sender = notifying(journal, clock, receiver.url)
    begun(journal, 4)
    begun(journal, 3, fleet="web")
    clock.step(3_700)
    begun(journal, 1, first=50)
    clock.step(10)
    assert sender.look() == 2
    assert [(m["event"], m["count"], len(m["items"])) for m in receiver.told] == [
        ("not-sent", 7, 0),
        ("interruption", 1, 1),
    ]
    assert "7 notifications of 2026-11-20 12:00 to 2026-11-20 12:00 UTC" in receiver.told[0]["text"]
    assert notifying(journal, clock, receiver.url).look() == 0


@pytest.mark.accepts("RC-07")
def test_names_of_others_are_inert_in_the_text_and_exact_in_the_fields(journal, clock, receiver):
    name = "<!channel> @here <https://evil.example|log in> &lt; *b* \x1b[31m\u202e\u200b"
    sender = notifying(journal, clock, receiver.url)
    begun(journal, 1, fleet=name, job=name)
    (was,) = journal.jobs.open()
    journal.jobs.move([(was, was.with_(status="gave-up", ended_at=clock.now(), told=name))], actor="test")
    clock.step(10)
    assert sender.look() == 2
    for message in receiver.told:
        assert not set(message["text"]) & set("<>@\x1b\u202e\u200b")
        assert "&lt;!channel&gt; \uff20here" in message["text"]
        assert "&amp;lt;" in message["text"]
        assert (message["mrkdwn"], message["parse"]) == (False, "none")
        assert message["items"][0]["job"] == name


@pytest.mark.accepts("RC-07")
def test_a_notice_is_answered_while_the_receiver_keeps_everybody_waiting(street, receiver, tmp_path):
    street.clear()
    heal(street)
    held, let_go = threading.Event(), threading.Event()
    receiver.before_answer = lambda: (held.set(), let_go.wait(SECONDS))
    with open_post(street, tmp_path) as post:
        sender = Notifying(post.journal, street.sim.clock, Webhook(receiver.url, SECONDS), shown=safe_text)
        post.daemon.notifying = sender
        post.daemon.lead()
        begun(post.journal, 1, fleet="elsewhere", first=7)
        street.sim.advance(15)
        watching = post.daemon.watch(interval_seconds=3_600, stop=let_go.is_set, pause=lambda _s: None)
        street.post("rebalance", "i-0123456789abcdef0")
        next(watching)
        assert held.wait(SECONDS)
        victim, before = street.spot("ml-train")[0], street.seen()
        street.sim.interrupt(victim)
        for _ in watching:
            if [victim] in street.detached(before):
                break
        assert post.journal.entries(kinds=(KIND,))[1:] == ()  # nobody has answered yet
        let_go.set()
        watching.close()


@pytest.mark.accepts("RC-07")
def test_the_daemon_tells_trouble_of_the_receiver_and_goes_on(street, receiver, tmp_path):
    street.clear()
    receiver.answers = [500] * 100
    with open_post(street, tmp_path) as post:
        sender = Notifying(post.journal, street.sim.clock, Webhook(receiver.url), shown=safe_text, pauses=())
        post.daemon.notifying = sender
        post.daemon.lead()
        begun(post.journal, 1, fleet="elsewhere", first=7)
        street.sim.advance(15)
        kinds: list[str] = []
        watching = post.daemon.watch(
            interval_seconds=3_600, stop=lambda: "Trouble" in kinds and kinds[-1] != "Trouble", pause=lambda _s: None
        )
        for report in watching:
            kinds.append(type(report).__name__)
            street.post("rebalance", "i-0123456789abcdef0")
        assert kinds.count("Trouble") == 1
        (told,) = post.journal.entries(kinds=("trouble",))
        assert "the webhook at 127.0.0.1: answered 500" in told.payload


@pytest.mark.accepts("RC-07")
def test_the_last_moment_of_a_deadline_is_told(street, receiver, tmp_path):
    street.clear()
    with open_post(street, tmp_path) as post:
        sender = notifying(post.journal, street.sim.clock, receiver.url)
        deadline = street.sim.clock.now() + timedelta(minutes=36)
        job = a_job(street, work_seconds=3_600 * 10, deadline=deadline)
        post.journal.jobs.register(job, actor="kim")
        post.daemon.recoveries.look()
        assert sender.look() == 1
    (told,) = receiver.told
    assert (told["event"], told["fleet"], told["items"][0]["job"]) == ("job-deadline", "asg/ml-train", "ml-train")
    assert "must be on demand by now" in told["text"]


@pytest.mark.accepts("RC-07")
def test_a_change_that_needs_a_person_is_told(receiver, tmp_path):
    with started(stepped=True, seed=7) as account, aftercare_house.opened(account, tmp_path) as house:
        sender = notifying(house.journal, house.clock, receiver.url)
        aftercare_house.dry(account)
        proposal_id, _ = aftercare_house.change(house, aftercare=aftercare_house.ESCALATE)
        keeper = Keeper(house.actuation, "kim")
        ended = aftercare_house.keep_looking(account, keeper, proposal_id, 60)
        assert ended.status == "escalated"
        assert sender.look() == 1
    (told,) = receiver.told
    assert (told["event"], told["fleet"]) == ("escalation", "asg/batch")
    assert told["items"][0]["proposal_id"] == proposal_id
    assert f"{proposal_id} needs a person" in told["text"]
