"""A conversation from question to answer, on the simulated account."""

import itertools
import json
import sys
from pathlib import Path

import pytest

from agent.events import Acted, ApprovalNeeded, Finished, Proposed, ToolRan
from agent.models.model import Turn
from agent.session import Limits
from tests.forked_accounts import started
from tools.errors import ModelError

sys.path.insert(0, str(Path(__file__).parent))
from session_house import REPORT, call, change, kinds, open_house, said

LOOK = Turn(text="let me look", tool_calls=(call("list_fleets", matching=None),), prompt_tokens=10, completion_tokens=5)


@pytest.fixture(scope="module")
def account():
    with started(stepped=True, seed=7) as running:
        yield running


def last_tool_message(house) -> dict:
    return json.loads([m for m in house.model.seen[-1] if m.role == "tool"][-1].content)


@pytest.mark.accepts("DC-01")
def test_a_question_is_looked_up_and_answered(account, tmp_path):
    with open_house(account, tmp_path, [LOOK, REPORT]) as house:
        events = list(house.session.ask("where is the money?"))
        entries = [e.kind for e in house.journal.entries()]
    assert kinds(events) == ["Said", "Spent", "ToolStarted", "ToolRan", "Said", "Spent", "Finished"]
    assert said(events) == "let me look there you are"
    assert events[-1] == Finished(status="answered")
    assert events[-2].prompt_tokens == 30
    assert entries == ["conversation", "session-started", "model-turn", "tool-call", "model-turn", "session-finished"]


@pytest.mark.accepts("DC-01", "P-28")
def test_a_change_is_proposed_asked_approved_done_and_reported(account, tmp_path):
    script = [LOOK, Turn(text="make it so", tool_calls=(change("web-canary", on_demand_base_capacity=4),)), REPORT]
    with open_house(account, tmp_path, script) as house:
        before = house.last_seq()
        asked = list(house.session.ask("make web-canary safer"))
        assert kinds(asked)[-4:] == ["ToolRan", "Proposed", "ApprovalNeeded", "Finished"]
        assert asked[-1].status == "waiting"
        assert house.updates(before) == []
        needed = next(e for e in asked if isinstance(e, ApprovalNeeded))
        assert needed.proposal.rationale == "asked: make web-canary safer"
        answered = list(house.session.answer(needed.proposal.proposal_id, "approve", by="kim"))
        assert kinds(answered) == ["Acted", "Said", "Spent", "Finished"]
        assert len(house.updates(before)) == 1
        told = last_tool_message(house)
    assert answered[0].outcome.status == "done"
    assert told["proposal_id"] == needed.proposal.proposal_id
    assert told["verdict"] == "ask"
    assert told["outcome"]["status"] == "done"
    assert told["answers"] == [{"answer": "approve", "by": "kim", "reason": ""}]


def test_a_change_that_policy_allows_is_done_without_asking(account, tmp_path):
    wish = Turn(text="", tool_calls=(change("batch", spot_allocation_strategy="capacity-optimized"),))
    with open_house(account, tmp_path, [wish, REPORT]) as house:
        before = house.last_seq()
        events = list(house.session.ask("spread batch"))
        assert len(house.updates(before)) == 1
    assert next(e for e in events if isinstance(e, Proposed)).decision.verdict == "allow"
    assert next(e for e in events if isinstance(e, Acted)).outcome.status == "done"
    assert events[-1].status == "answered"


@pytest.mark.accepts("P-28")
def test_a_denial_goes_back_to_the_model_with_the_clause_that_spoke(account, tmp_path):
    script = [Turn(text="", tool_calls=(change("api-core", desired_capacity=7),)), REPORT]
    with open_house(account, tmp_path, script) as house:
        before = house.last_seq()
        events = list(house.session.ask("shrink api-core"))
        told = last_tool_message(house)
        assert house.updates(before) == []
    assert next(e for e in events if isinstance(e, Proposed)).decision.verdict == "deny"
    assert not any(isinstance(e, ApprovalNeeded) for e in events)
    assert told["verdict"] == "deny"
    assert told["clauses"] or told["reasons"]
    assert said(events).endswith("there you are")


def test_a_person_who_says_no_is_heard_and_nothing_is_done(account, tmp_path):
    script = [Turn(text="", tool_calls=(change("web-canary", on_demand_base_capacity=5),)), REPORT]
    with open_house(account, tmp_path, script) as house:
        before = house.last_seq()
        proposal = list(house.session.ask("more base"))[-2].proposal
        events = list(house.session.answer(proposal.proposal_id, "deny", by="kim", reason="too dear"))
        told = last_tool_message(house)
        assert house.updates(before) == []
    assert kinds(events) == ["Said", "Spent", "Finished"]
    assert told["outcome"]["message"] == "kim said no: too dear; nothing was changed"


def test_a_second_answer_is_told_that_it_comes_second(account, tmp_path):
    script = [Turn(text="", tool_calls=(change("web-canary", on_demand_base_capacity=6),)), REPORT]
    with open_house(account, tmp_path, script) as house:
        proposal = list(house.session.ask("more base"))[-2].proposal
        list(house.session.answer(proposal.proposal_id, "deny", by="kim"))
        events = list(house.session.answer(proposal.proposal_id, "approve", by="lee"))
    assert kinds(events) == ["Finished"]
    assert events[0].status == "failed"
    assert events[0].message.startswith("already answered: kim said deny")


def test_an_answer_that_comes_after_another_question_is_still_carried_out(account, tmp_path):
    script = [Turn(text="", tool_calls=(change("web-canary", on_demand_base_capacity=7),)), REPORT]
    with open_house(account, tmp_path, script) as house:
        before = house.last_seq()
        proposal = list(house.session.ask("more base"))[-2].proposal
        house.model.script = [REPORT]
        assert list(house.session.ask("and what is the risk?"))[-1].status == "answered"
        assert last_tool_message(house)["outcome"]["status"] == "pending"
        house.model.script = [REPORT, REPORT]
        events = list(house.session.answer(proposal.proposal_id, "approve", by="kim"))
        assert kinds(events) == ["Acted", "Said", "Spent", "Finished"]
        assert len(house.updates(before)) == 1
        assert last_tool_message(house)["outcome"]["status"] == "done"


def test_drift_after_the_approval_refuses_and_the_model_may_plan_once_more(account, tmp_path):
    def wish(**wanted: object) -> Turn:
        return Turn(text="", tool_calls=(change("web-canary", **wanted),))

    def meddle(strategy: str) -> None:
        with open_house(account, tmp_path, [wish(spot_allocation_strategy=strategy), REPORT]) as other:
            proposal = list(other.session.ask("meddle"))[-2].proposal
            list(other.session.answer(proposal.proposal_id, "approve", by="lee"))

    bases = [wish(on_demand_base_capacity=n) for n in (8, 9, 8)]
    drifted = []
    with open_house(account, tmp_path, [*bases, REPORT]) as house:
        events = list(house.session.ask("more base"))
        for strategy in ("capacity-optimized", "lowest-price"):
            meddle(strategy)
            before = house.last_seq()
            events = list(house.session.answer(events[-2].proposal.proposal_id, "approve", by="kim"))
            assert house.updates(before) == []
            drifted.append([m for m in house.model.seen[-1] if m.role == "tool"])
        refused = [e for e in events if isinstance(e, ToolRan) and not e.ok]
    first = json.loads(drifted[0][0].content)["outcome"]
    assert first["status"] == "stale"
    assert any("spot_allocation_strategy" in line for line in first["drift"])
    assert "the fleet moved twice" in refused[-1].summary
    assert events[-1].status == "answered"


def test_of_several_changes_in_one_turn_only_the_first_is_proposed(account, tmp_path):
    both = (change("api-core", desired_capacity=7), change("api-core", desired_capacity=9))
    with open_house(account, tmp_path, [Turn(text="", tool_calls=both), REPORT]) as house:
        events = list(house.session.ask("change all"))
    assert sum(isinstance(e, Proposed) for e in events) == 1
    assert any("one change at a time" in e.summary for e in events if isinstance(e, ToolRan))


def test_an_unknown_tool_and_broken_arguments_are_told_to_the_model(account, tmp_path):
    odd = (
        call("rm_rf"),
        call("describe_fleet", fleet=3),
        call("list_fleets", matching=None).with_(arguments="{not json"),
    )
    with open_house(account, tmp_path, [Turn(text="", tool_calls=odd), REPORT]) as house:
        events = list(house.session.ask("do odd things"))
        shown = [c.arguments for m in house.model.seen[-1] for c in m.tool_calls]
    assert [e.ok for e in events if isinstance(e, ToolRan)] == [False, False, False]
    assert events[-1].status == "answered"
    assert all(isinstance(json.loads(a), dict) for a in shown)


def test_earlier_tool_results_shrink_to_a_line(account, tmp_path):
    with open_house(account, tmp_path, [LOOK, REPORT]) as house:
        list(house.session.ask("first"))
        whole = last_tool_message(house)
        list(house.session.ask("second"))
        first = next(m for m in house.model.seen[-1] if m.role == "tool")
    assert whole["ok"] is True
    assert list(json.loads(first.content)) == ["earlier_result"]


def test_the_model_is_told_the_date_the_account_the_mode_and_the_language(account, tmp_path):
    with open_house(account, tmp_path, [REPORT]) as house:
        list(house.session.ask("hello"))
        system = house.model.seen[0][0]
    assert system.role == "system"
    assert "Now 2026-11-18T" in system.content
    assert "Account 123456789012, region us-east-1. Policy mode: approve. Answer in English." in system.content


def test_a_model_that_fails_leaves_the_conversation_usable(account, tmp_path):
    def fail(_messages):
        raise ModelError("the endpoint answers 500", hint="try later")

    with open_house(account, tmp_path, [fail]) as house:
        events = list(house.session.ask("hello"))
        assert events == [Finished(status="failed", message="the endpoint answers 500", hint="try later")]
        house.model.script = [LOOK, REPORT]
        assert list(house.session.ask("again"))[-1].status == "answered"
        assert [m.role for m in house.model.seen[-1]][:4] == ["system", "user", "assistant", "user"]


def test_a_bug_is_journalled_and_told_at_the_edge(account, tmp_path):
    def bug(_messages):
        raise ZeroDivisionError("division by zero")

    with open_house(account, tmp_path, [bug]) as house:
        events = list(house.session.ask("hello"))
        kinds_written = [e.kind for e in house.journal.entries()]
        assert list(house.session.resume())[-1].message == "nothing is open"
    assert events == [
        Finished(
            status="failed",
            message="unexpected ZeroDivisionError: division by zero",
            hint="the conversation is kept; ask again",
        )
    ]
    assert kinds_written[-2:] == ["session-finished", "session-error"]


def test_a_silent_model_is_a_failure_and_not_an_answer(account, tmp_path):
    with open_house(account, tmp_path, [Turn(text="  ")]) as house:
        assert list(house.session.ask("hello"))[-1].message == "scripted answered nothing"


@pytest.mark.parametrize("text", ["", "   ", "x" * 20_001])
def test_no_question_and_an_endless_one_are_refused(account, tmp_path, text):
    with open_house(account, tmp_path, [REPORT]) as house:
        assert [e.status for e in house.session.ask(text)] == ["failed"]
        assert house.journal.messages(house.session.conversation_id) == ()


def test_text_without_utf8_survives(account, tmp_path):
    with open_house(account, tmp_path, [Turn(text="half \ud800 a pair"), REPORT]) as house:
        assert list(house.session.ask("한국어 \udfff"))[-1].status == "answered"
        assert list(house.session.ask("again"))[-1].status == "answered"


@pytest.mark.parametrize(
    ("limits", "word"),
    [
        (Limits(steps=2), "2 model turns"),
        (Limits(tool_calls=2), "2 tool calls"),
        (Limits(tokens=30), "30 tokens"),
        (Limits(usd=0.5), "0.60 USD"),
        (Limits(seconds=12.0), "s of work"),
    ],
)
def test_every_limit_ends_the_run_and_keeps_what_was_found(account, tmp_path, limits, word):
    seconds = iter(range(1_000))
    looks = [
        Turn(text=f"look {n}", tool_calls=(call("describe_fleet", fleet="batch"),), prompt_tokens=15, usd=0.3)
        for n in range(9)
    ]
    with open_house(account, tmp_path, looks, limits=limits, stopwatch=lambda: next(seconds)) as house:
        events = list(house.session.ask("look around"))
        kept = house.journal.messages(house.session.conversation_id)
    assert events[-1].status == "limit", events[-1]
    assert word in events[-1].message
    assert "kept" in events[-1].hint
    assert [m["role"] for m in kept][:3] == ["user", "assistant", "tool"]
    assert kept[-1]["content"].startswith("[limit]")


def test_one_proposal_too_many_is_refused_to_the_model_which_still_reports(account, tmp_path):
    wishes = [Turn(text="", tool_calls=(change("api-core", desired_capacity=n),)) for n in (7, 9)]
    with open_house(account, tmp_path, [*wishes, REPORT], limits=Limits(proposals=1)) as house:
        events = list(house.session.ask("shrink"))
    assert sum(isinstance(e, Proposed) for e in events) == 1
    assert events[-1].status == "answered"


def test_the_same_call_a_third_time_is_refused(account, tmp_path):
    looks = [
        Turn(text="", tool_calls=(call("describe_fleet", fleet="batch").with_(arguments=a),))
        for a in ('{"fleet":"batch"}', '{ "fleet": "batch" }', '{"fleet" :"batch"}')
    ]
    with open_house(account, tmp_path, [*looks, REPORT]) as house:
        ran = [e for e in house.session.ask("look") if isinstance(e, ToolRan)]
    assert [e.ok for e in ran] == [True, True, False]
    assert "third time" in ran[-1].summary


def test_cancel_in_mid_stream_ends_the_words_and_the_session_stays_usable(account, tmp_path):
    with open_house(
        account, tmp_path, [Turn(text="one two three four", tool_calls=(call("list_fleets", matching=None),))]
    ) as house:
        house.model.before_word = lambda n: house.session.cancel() if n == 2 else None
        events = list(house.session.ask("talk"))
        assert said(events) == "one two"
        assert events[-1].status == "cancelled"
        assert not any(isinstance(e, ToolRan) for e in events)
        house.model.before_word = lambda _n: None
        house.model.script = [REPORT]
        assert list(house.session.ask("again"))[-1].status == "answered"
        assert list(house.session.resume())[-1].message == "nothing is open"


def test_cancel_during_an_act_lets_it_finish_and_tells_it(account, tmp_path):
    wish = Turn(text="", tool_calls=(change("batch", on_demand_base_capacity=1),))
    looks, sessions = itertools.count(1), []

    def stop_is_pressed() -> bool:  # the kill switch is looked at when judging, and then in the middle of acting
        if next(looks) > 1:
            sessions[0].cancel()
        return False

    with open_house(account, tmp_path, [wish, REPORT], halted=stop_is_pressed) as house:
        sessions.append(house.session)
        before = house.last_seq()
        events = list(house.session.ask("a base for batch"))
        assert len(house.updates(before)) == 1
        told = json.loads(house.journal.messages(house.session.conversation_id)[-2]["content"])
    assert kinds(events)[-2:] == ["Acted", "Finished"]
    assert told["outcome"]["status"] == "done"
    assert events[-1].status == "cancelled"


def test_cancel_between_tools_runs_no_further_one(account, tmp_path):
    two = Turn(text="", tool_calls=(call("list_fleets", matching=None), call("describe_fleet", fleet="batch")))
    with open_house(account, tmp_path, [two, REPORT]) as house:
        events = []
        for event in house.session.ask("look"):
            events.append(event)
            if isinstance(event, ToolRan):
                house.session.cancel()
    assert kinds(events)[-1] == "Finished"
    assert events[-1].status == "cancelled"


def test_a_front_end_that_leaves_the_stream_ends_the_run(account, tmp_path):
    with open_house(account, tmp_path, [LOOK, REPORT]) as house:
        stream = house.session.ask("look")
        next(stream)
        stream.close()
        assert house.journal.entries(newest_first=True, limit=1)[0].kind == "session-finished"
        assert list(house.session.ask("again"))[-1].status == "answered"


def test_a_second_question_while_one_is_answered_is_turned_away(account, tmp_path):
    with open_house(account, tmp_path, [LOOK, REPORT]) as house:
        first = house.session.ask("look")
        next(first)
        assert [e.message for e in house.session.ask("me too")] == ["another question is being answered"]
        assert list(first)[-1].status == "answered"
