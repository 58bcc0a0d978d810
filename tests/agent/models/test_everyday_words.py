"""How people speak when they use none of the field's words: what is wanted is told from the phrase, not a list."""

import itertools

import pytest

from agent.models.planner.question import Question, understand
from tests.agent.models.talk import Talk
from tests.agent.models.world import WRITES

_FLEETS: dict[str, str | None] = {"ml-train": "training", "batch": "batch", "web-canary": "web", "render": "render"}


def asked(text: str) -> Question:
    return understand(text, (), _FLEETS)


@pytest.mark.parametrize(
    ("said", "fleet"),
    list(
        itertools.product(
            [
                "I'm nervous about {}",
                "could {} vanish on us?",
                "is it normal how {} looks?",
                "{} 불안한데",
                "{} 멀쩡한가요",
            ],
            ["render", "batch", "web-canary"],
        )
    ),
)
def test_a_worry_about_a_fleet_is_a_question_about_its_risk(said: str, fleet: str) -> None:
    assert asked(said.format(fleet)).intents == ("risk",)


@pytest.mark.parametrize(
    ("said", "amount"), [("{} 30?", 30), ("{} 12대?", 12), ("{} with 7 nodes?", 7), ("what about {} at 40", 40)]
)
@pytest.mark.parametrize("fleet", ["batch", "ml-train"])
def test_a_fleet_and_a_bare_figure_is_a_what_if_and_never_a_request(said: str, fleet: str, amount: int) -> None:
    question = asked(said.format(fleet))
    assert (question.intents, question.mood) == (("change",), "what-if")
    assert question.found.change.desired == amount


@pytest.mark.parametrize(
    ("text", "spot", "base"),
    [
        ("what if web-canary ran without on-demand", 100, 0),
        ("web-canary 온디맨드 없이 돌리면?", 100, 0),
        ("render spot 말고 온디맨드로 하면?", 0, None),
        ("web-canary spot 80?", 80, None),
    ],
)
def test_going_without_one_purchase_option_is_the_other_one_whole(text: str, spot: int, base: int | None) -> None:
    change = asked(text).found.change
    assert (change.spot_percent, change.base) == (spot, base)


@pytest.mark.parametrize("who", ["who may approve this", "누가 승인할 수 있어?", "승인 없이도 바뀔 수 있나요"])
def test_who_may_is_about_the_policy_and_who_did_is_about_the_log(who: str) -> None:
    assert asked(who).intents == ("policy",)
    assert asked("who approved this").intents[0] == asked("누가 승인했어?").intents[0] == "audit"


@pytest.mark.parametrize(
    ("text", "hours"), [("g5.xlarge 사흘 가격", 72), ("이틀간 batch 가격", 48), ("batch prices, couple of weeks", 336)]
)
def test_spans_said_in_words_are_spans(text: str, hours: int) -> None:
    assert asked(text).found.window_hours == hours


@pytest.mark.parametrize("thanks", ["감사합니다!", "수고했어 고마워", "thanks, great work", "yo"])
def test_courtesy_looks_nothing_up(thanks: str) -> None:
    talk = Talk()
    assert len(talk.ask(thanks).splitlines()) <= 3
    assert [name for name, _ in talk.calls if name != "list_fleets"] == []


def test_a_question_about_the_account_that_is_not_understood_says_so_and_tells_how_things_stand() -> None:
    talk = Talk()
    answer = talk.ask("do our servers dream of electric sheep")
    assert answer.startswith("**I did not understand")
    assert "$" in answer
    assert not {name for name, _ in talk.calls} & set(WRITES)


def test_a_fleet_named_in_a_question_that_is_not_understood_is_shown_with_a_word_about_it() -> None:
    answer = Talk().ask("render is humming along to which tune")
    assert answer.startswith("I did not understand all of the question")
    assert "interruption risk" in answer


@pytest.mark.parametrize("text", ["web-canary 12대로 늘려주실 수 있을까요?", "can you trim web-canary down to 8?"])
def test_a_polite_request_is_a_request(text: str) -> None:
    assert (asked(text).intents, asked(text).mood) == (("change",), "request")


@pytest.mark.parametrize(
    "text",
    [
        "don't scale batch, just tell me what 28 would cost",
        "never set web-canary base to 4",
        "batch 40대로 늘리지는 마",
    ],
)
def test_a_change_forbidden_is_never_proposed(text: str) -> None:
    talk = Talk()
    talk.ask(text)
    assert not {name for name, _ in talk.calls} & set(WRITES)


@pytest.mark.parametrize(
    "text", ["ml-train 복구하려면 어떻게 해", "ml-train 복원 가능해?", "ml-train 복구는 어떻게 하나요"]
)
def test_asking_how_or_whether_to_restore_proposes_nothing(text: str) -> None:
    talk = Talk()
    talk.ask(text)
    assert not {name for name, _ in talk.calls} & set(WRITES)
