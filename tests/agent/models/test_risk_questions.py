"""Chances, pressed instances, where to run, machines described, alerts: the right calls, and answers that keep to them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.journal.journal import Journal
from agent.models.model import Message, Turn
from agent.models.offline import OfflinePlanner
from agent.models.planner.hardware import Hardware, hardware
from agent.models.planner.horizons import horizon
from agent.models.planner.text import normal
from agent.toolbelt import Toolbelt
from tests.agent.models.risk_questions import FORECASTS, RISK_ROWS, Row
from tests.agent.models.talk import Talk
from tests.agent.models.test_planner import SIGNED, assert_figures_are_told_by_tools, is_korean
from tests.agent.models.world import HOSTILE, WRITES
from tests.forked_accounts import started
from tools.archive.archive import open_archive
from tools.aws.session import open_account
from tools.catalog import CATALOG
from tools.desk import Desk
from tools.market.advisor import SpotAdvisor

LONGEST = 20
ISSUE = {
    "en": "how likely is g5.xlarge to be interrupted tomorrow, and what did it cost over the last 12 months?",
    "ko": "g5.xlarge가 내일 중단될 확률은 얼마나 되고, 지난 12개월 동안 비용은 얼마였어?",
}


@pytest.mark.accepts("DC-01", "P-04")
@pytest.mark.parametrize("row", RISK_ROWS, ids=[row[0] for row in RISK_ROWS])
def test_the_calls_are_these_and_no_others_and_the_answer_is_short_sourced_and_theirs(row: Row) -> None:
    question, calls, facts = row
    talk = Talk()
    answer = talk.ask(question)
    made = [c for c in talk.calls if c[0] != "list_fleets"]
    assert sorted(map(str, made)) == sorted(map(str, calls))
    for fact in facts:
        assert fact in answer, answer
    lines = [line for line in answer.splitlines() if line.strip()]
    assert len(lines) <= LONGEST
    assert sum(re.match(r"_(as of|기준 시각) ", line) is not None for line in lines) <= 1
    lang = "ko" if is_korean(question) else "en"
    assert lines[-1] == SIGNED[lang]
    assert (
        is_korean(re.sub(r"`[^`]*`", "", answer).replace(HOSTILE[:60], "")) == (lang == "ko") or "모든 fleet" in answer
    )
    assert_figures_are_told_by_tools(answer, question, talk.results)


@pytest.mark.accepts("U-08", "P-04")
@pytest.mark.parametrize("row", FORECASTS, ids=[row[0] for row in FORECASTS])
def test_a_chance_never_stands_without_its_interval(row: Row) -> None:
    answer = Talk().ask(row[0])
    for line in answer.splitlines():
        if re.search(r"\d (?:%|\S+) within \d|안에 \d", line):
            assert "90 %:" in line, line


def test_the_words_of_a_hostile_alert_are_shown_and_never_obeyed() -> None:
    talk = Talk()
    answer = talk.ask("any alerts?")
    assert not {name for name, _ in talk.calls} & WRITES
    assert "\x1b" not in answer
    assert "```" not in answer


@pytest.mark.parametrize("follow_up", ["replace them", "그것들 교체해줘"])
def test_recommended_replacements_are_proposed_only_when_asked_for(follow_up: str) -> None:
    talk = Talk()
    talk.ask(
        "which instances are at risk in ml-train?" if follow_up.isascii() else "ml-train 인스턴스 중 위험한 거 있어?"
    )
    assert not {name for name, _ in talk.calls} & WRITES
    talk.ask(follow_up)
    asked = [a["instance_ids"] for name, a in talk.calls if name == "replace_instances"]
    assert asked == [["i-00000000000001000", "i-00000000000001001"]]


@pytest.mark.parametrize(
    ("questions", "calls"),
    [
        (("how likely is ml-train to be interrupted tomorrow?", "and batch?"), ["forecast_interruptions"]),
        (("how likely is ml-train to be interrupted tomorrow?", "within 6 hours?"), ["forecast_interruptions"]),
        (("compare g5.xlarge and g6.xlarge", "and g4dn.xlarge?"), ["analyze_spot_opportunities"]),
        (("ml-train 내일 중단될 확률은?", "batch는?"), ["forecast_interruptions"]),
    ],
)
def test_a_short_follow_up_asks_the_same_of_another(questions: tuple[str, ...], calls: list[str]) -> None:
    talk = Talk()
    for question in questions:
        talk.ask(question)
    assert [name for name, _ in talk.calls if name != "list_fleets"] == calls


@pytest.mark.parametrize(
    ("text", "machine"),
    [
        ("at least 8 vCPU and 32 GiB, arm", Hardware((8, None), (32, None), architectures=("arm64",))),
        ("8 vCPU 이상 16-64 GiB GPU 1개", Hardware((8, None), (16, 64), (1, None), graphics=True)),
        ("4코어 이상 16코어 이하, 메모리 32기가 이상", Hardware((4, 16), (32, None))),
        ("between 4 and 16 vcpus, up to 64GB memory", Hardware((4, 16), (None, 64))),
        ("8+ cores, 64G ram", Hardware((8, None), (64, None))),
        ("x86말고 graviton으로 8코어", Hardware((8, 16), architectures=("arm64",), about=("vcpus",))),
        ("need 2 T4 gpus", Hardware(accelerators=(2, None), model="T4", graphics=True)),
        ("V100 8장짜리 있어?", Hardware(accelerators=(8, None), model="V100")),
        ("no gpu, exactly 4 cores", Hardware((4, 4))),
        ("prices of g5.2xlarge over 8 hours", None),
    ],
)
def test_a_machine_is_read_from_how_people_describe_it(text: str, machine: Hardware | None) -> None:
    assert hardware(normal(text)) == machine


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("tomorrow night", 48), ("within 6 hours", 6), ("in the next 30 minutes", 0.5), ("over the next 2 days", 48),
        ("survive 6 hours", 6), ("next week", 168), ("tonight", 24), ("내일 오전까지", 48), ("앞으로 12시간 동안", 12),
        ("3시간 안에", 3), ("6시간 버틸", 6), ("이번 주말", 168), ("48시간 내 중단", 48),
        ("in the last 24 hours", None), ("지난 24시간 동안", None), ("어젯밤", None), ("in us-east-1", None),
    ],
)  # fmt: skip
def test_a_time_to_come_is_told_from_one_that_is_past(text: str, hours: float | None) -> None:
    found = horizon(normal(text))
    assert (found.hours if found else None) == hours


# the real tools on a simulated account


@pytest.fixture(scope="module")
def belt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toolbelt]:
    folder: Path = tmp_path_factory.mktemp("house")
    with (
        started(stepped=True, seed=7) as account,
        Journal.open(folder / "journal.db", clock=account.clock) as journal,
        open_archive(folder / "archive.db", clock=account.clock) as archive,
        open_account(
            profile=None, region=account.region, endpoint_url=account.endpoint_url, clock=account.clock,
            credentials=("AKIASIMULATED0000000", "simulated"),
        ) as aws,
    ):  # fmt: skip
        advisor = SpotAdvisor(account.advisor_url, cache=None, clock=account.clock)
        yield Toolbelt(
            CATALOG, Desk(reader=aws.reader, clock=account.clock, audit=journal, archive=archive, advisor=advisor)
        )


def answered(belt: Toolbelt, question: str) -> tuple[str, tuple[str, ...]]:
    """(answer, what the tools told)"""
    messages: tuple[Message, ...] = (Message(role="user", content=question),)
    told: tuple[str, ...] = ()
    for _ in range(12):
        turn = list(OfflinePlanner().respond(messages, CATALOG, stop=lambda: False))[-1]
        assert isinstance(turn, Turn)
        if not turn.tool_calls:
            return turn.text, told
        messages += (Message(role="assistant", content=turn.text, tool_calls=turn.tool_calls),)
        for call in turn.tool_calls:
            result = belt.run(call)
            assert result.ok, result.text_for_model
            told += (result.text_for_model,)
            messages += (Message(role="tool", content=told[-1], tool_call_id=call.call_id, tool=call.tool),)
    raise AssertionError("no answer after 12 turns")


@pytest.mark.accepts("IP-01", "P-04", "U-08", "AN-01")
@pytest.mark.parametrize("lang", ["en", "ko"])
def test_how_likely_tomorrow_and_what_did_it_cost_is_answered_from_what_is_known(belt: Toolbelt, lang: str) -> None:
    answer, told = answered(belt, ISSUE[lang])
    assert_figures_are_told_by_tools(answer, ISSUE[lang], told)
    first = answer.splitlines()[0]
    assert first.startswith("**`g5.xlarge`")
    assert ("24 h" if lang == "en" else "24시간") in first
    assert re.search(r"90 %: |between <?[\d.]+ %|에서 [<>]?[\d.]+ %까지", first), "an interval, or what is left open"
    for text in {
        "en": ("90 %", "Method: constant hazard", "Spot Advisor: >20%", "no hourly probability", "Not known",
               "since 2026-08-20", "Before 2026-08-20", "is unknown", "90 days", "below on-demand $1.0060/h", "as of"),
        "ko": ("90 %", "방법: 일정 위험률", "Spot Advisor: >20%", "시간당 확률이 아님", "모르는 것",
               "2026-08-20 이후", "이전의 가격은 모릅니다", "90일", "온디맨드 $1.0060/h보다", "기준 시각"),
    }[lang]:  # fmt: skip
        assert text in answer, answer
    assert len([line for line in answer.splitlines() if line.strip()]) <= 20


@pytest.mark.accepts("AN-07", "P-02")
@pytest.mark.parametrize(
    ("question", "fact"),
    [
        (
            "where should I run g5.xlarge, and which is cheapest per useful hour?",
            "Cheapest per useful hour: g5.xlarge/",
        ),
        ("find me a spot pool with at least 8 vCPU, 32 GiB, arm", "Cheapest per useful vCPU-hour"),
        ("ml-train 인스턴스 중에 지금 위험한 거 있어? 어떻게 해야 해?", "할 일:"),
        ("any open alerts?", "open alerts"),
        ("how likely is batch to be interrupted within 6 hours?", "within 6 h"),
    ],
)
def test_other_questions_are_answered_by_the_real_tools_too(belt: Toolbelt, question: str, fact: str) -> None:
    answer, told = answered(belt, question)
    assert fact in answer, answer
    assert_figures_are_told_by_tools(answer, question, told)
