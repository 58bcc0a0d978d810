"""The planner on questions that it was not written for: the right tools, the answer first, short, once sourced."""

import re

import pytest

from tests.agent.models.fresh_questions import FRESH, Row
from tests.agent.models.talk import Talk
from tests.agent.models.test_planner import SIGNED, assert_figures_are_told_by_tools, is_korean, shown
from tests.agent.models.world import WRITES

LONGEST = 18
"""lines of an answer to one question; two questions at once may take a few more"""


@pytest.mark.accepts("DC-01", "U-11")
@pytest.mark.parametrize("row", FRESH, ids=[row[0] for row in FRESH])
def test_a_fresh_question_is_answered_by_the_right_tools_first_things_first(row: Row) -> None:
    question, reads, writes, facts = row
    talk = Talk()
    answer = talk.ask(question)
    made = [shown(c) for c in talk.calls]
    for read in reads:
        assert any(m == read or m.startswith(read + ":") for m in made), f"{read} is missing in {made}"
    proposed = [
        (n, {k: v for k, v in a.items() if v is not None or k == "checkpoint_id"}) for n, a in talk.calls if n in WRITES
    ]
    assert proposed == list(writes)
    for fact in facts:
        assert fact in answer, answer
    lines = [line for line in answer.splitlines() if line.strip()]
    assert len(lines) <= LONGEST + 2 * (len(reads) > 1)
    assert sum(re.match(r"_(as of|기준 시각) ", line) is not None for line in lines) <= 1
    lang = "ko" if is_korean(question) else "en"
    assert lines[-1] == SIGNED[lang]
    assert is_korean(re.sub(r"`[^`]*`", "", answer)) == (lang == "ko")
    assert_figures_are_told_by_tools(answer, question, talk.results)


@pytest.mark.parametrize("verdict", ["allow", "ask", "deny"])
@pytest.mark.parametrize("question", ["set web-canary base to 5", "web-canary base를 5로 올려줘"])
def test_the_report_after_a_proposal_is_short_and_repeats_no_preview(question: str, verdict: str) -> None:
    report = Talk().ask(question, verdict=verdict)
    assert len([line for line in report.splitlines() if line.strip()]) <= 7
    assert not re.search(r"Preview|미리 보기|prices as of|Instances that AWS", report)
    assert re.search(r"Next:|다음:", report)


def test_a_denial_can_be_asked_about_without_looking_anything_up_again() -> None:
    talk = Talk()
    talk.ask("scale batch to 30", verdict="deny")
    answer = talk.ask("why was that denied?")
    assert "a person must say yes" in answer
    assert not [n for n, _ in talk.calls if n != "list_fleets"]


@pytest.mark.parametrize(
    ("questions", "tool", "arguments", "fact"),
    [
        (("which fleet is riskiest?", "and the cheapest?"), "report_costs", {}, "`render` costs least"),
        (("what does batch cost", "per month?"), "report_costs", {}, "/month"),
        (("batch 얼마야", "한달이면?"), "report_costs", {}, "/월"),
        (("batch 얼마야", "위험도는?"), "score_risk", {"fleet": "batch"}, "중단 위험"),
        (("ml-train 위험해?", "그럼 줄여줘"), "change_fleet", {"fleet": "ml-train"}, "ml-train"),
        (("render 위험해?", "어떻게 하면 돼?"), "preview_change", {"fleet": "render"}, "계획"),
        (("which fleet is riskiest?", "what about its price history"), "analyze_prices", {"fleet": "ml-train"}, "$"),
        (("can I put api-core on spot?", "why?"), "report_costs", {}, "mixed instances policy"),
        (("set web-canary base to 5", "undo that"), "roll_back", {"fleet": "web-canary"}, "web-canary"),
    ],
)
def test_a_short_follow_up_takes_what_it_leaves_out_from_before(
    questions: tuple[str, ...], tool: str, arguments: dict[str, str], fact: str
) -> None:
    talk = Talk()
    for question in questions:
        answer = talk.ask(question)
    assert any(n == tool and arguments.items() <= a.items() for n, a in talk.calls), talk.calls
    assert fact in answer


@pytest.mark.parametrize(
    ("text", "settled"),
    [
        ("`batch`은(는)", "`batch`는"),
        ("`ml-train`은(는)", "`ml-train`은"),
        ("api-core을(를)", "api-core를"),
        ("g5.xlarge와(과)", "g5.xlarge와"),
        ("`web-canary`이(가)", "`web-canary`가"),
        ("base 3(으)로", "base 3으로"),
        ("base 1(으)로", "base 1로"),
    ],
)
def test_korean_particles_follow_the_sound_of_the_word_before(text: str, settled: str) -> None:
    from agent.models.planner.korean import particled

    assert particled(text) == settled
