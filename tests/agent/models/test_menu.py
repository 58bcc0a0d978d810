"""Few tools at once: which ones a conversation is shown, and that the others are told of and still carried out."""

from collections.abc import Callable

import pytest

from agent.models.hosted import HostedModel
from agent.models.menu import CORE, MOST_SHOWN, SUBJECTS, choose, on_the_menu
from agent.models.model import Message, ToolCall
from tests.agent.models.stub import ModelStub, say
from tools.catalog import CATALOG

SYSTEM = Message(role="system", content="be brief")
QUESTIONS: tuple[tuple[str, str], ...] = (
    ("where is the money?", "report_costs"),
    ("what runs?", "list_fleets"),
    ("돈이 어디로 나가?", "report_costs"),
    ("describe ml-train", "describe_fleet"),
    ("what did g5.xlarge cost last month", "analyze_prices"),
    ("how risky is batch?", "score_risk"),
    ("ml-train 위험해?", "score_risk"),
    ("is anything wrong right now?", "watch_fleets"),
    ("what if web-canary were 70% spot?", "preview_change"),
    ("set web-canary base to 4", "change_fleet"),
    ("undo the last change", "roll_back"),
    ("who approved what yesterday?", "search_audit"),
    ("how likely is ml-train to lose a node tonight?", "forecast_interruptions"),
    ("ml-train이 내일까지 중단될 확률은?", "forecast_interruptions"),
    ("which instances are in danger?", "assess_instances"),
    ("where should I run m6i.large?", "analyze_spot_opportunities"),
    ("이 작업은 어느 존에서 돌리는 게 좋아?", "analyze_spot_opportunities"),
    ("find pools with 8 vCPUs and 32 GiB", "scan_market"),
    ("GPU 4개짜리 제일 싼 풀 찾아줘", "scan_market"),
    ("will the nightly job meet its deadline?", "describe_jobs"),
    ("recover nightly", "recover_job"),
    ("nightly 복구해줘", "recover_job"),
    ("how old is the newest checkpoint of batch?", "list_checkpoints"),
    ("ml-train을 마지막 체크포인트에서 복원해줘", "restore_checkpoint"),
    ("how often should training save?", "advise_checkpoint_interval"),
    ("put i-0a11ce0a into standby", "operate_instances"),
    ("replace the two endangered nodes", "replace_instances"),
    ("raise the max size of batch to 40", "configure_fleet"),
    ("start an instance refresh of web-canary", "operate_fleet"),
    ("what do orphan volumes cost a month?", "describe_volumes"),
    ("고아 볼륨 비용은?", "describe_volumes"),
    ("which snapshots are old?", "describe_volumes"),
    ("make a snapshot of vol-0123456789abcdef0", "keep_volume"),
    ("스냅샷 snap-0123을 us-east-1b에 복원해줘", "keep_volume"),
    ("can I hibernate my spot instances?", "advise_keeping"),
    ("주피터 노트북 상태를 EFS에 둬도 돼?", "advise_keeping"),
    ("does SnapStart help here?", "advise_keeping"),
    ("is anything stuck in the queue?", "describe_queues"),
    ("how many dead letters are there", "describe_queues"),
    ("큐에 밀린 메시지 있어?", "describe_queues"),
    ("review cluster-spot.yaml", "review_ray_cluster"),
    ("레이 클러스터를 spot으로 계획해줘", "plan_ray_cluster"),
    ("plan a ray cluster on spot with 8 GPUs", "plan_ray_cluster"),
)


def asked(*questions: str) -> tuple[Message, ...]:
    return (SYSTEM, *(Message(role="user", content=q) for q in questions))


def names(messages: tuple[Message, ...]) -> list[str]:
    return [tool.name for tool in choose(messages, CATALOG)]


@pytest.mark.accepts("DC-01")
@pytest.mark.parametrize(("question", "tool"), QUESTIONS)
def test_a_question_is_shown_few_tools_and_the_one_that_answers_it(question: str, tool: str) -> None:
    shown = names(asked(question))
    assert len(shown) <= MOST_SHOWN
    assert tool in shown
    assert shown == names(asked(question))


def test_a_long_conversation_is_shown_few_tools_and_those_of_its_newest_question() -> None:
    talk = asked(*(q for q, _ in QUESTIONS), "is anything stuck in the queue?")
    shown = names(talk)
    assert len(shown) == MOST_SHOWN
    assert {"describe_queues", *CORE} <= set(shown)


def test_every_tool_is_always_shown_or_stands_in_one_subject() -> None:
    placed = [*CORE, *(name for tools in SUBJECTS.values() for name in tools)]
    assert sorted(placed) == sorted(tool.name for tool in CATALOG)
    assert len(CORE) < MOST_SHOWN


def test_every_subject_of_a_question_about_many_shows_its_first_tool() -> None:
    shown = names(
        asked("snapshots, dead letters, the ray cluster, jobs, tonight's chances, where to run, protect i-0a")
    )
    assert {tools[0] for tools in SUBJECTS.values()} <= set(shown)


def test_what_was_used_stays_and_what_a_tool_answered_brings_nothing() -> None:
    used = ToolCall(call_id="c1", tool="plan_ray_cluster", arguments="{}")
    talk = (
        *asked("make it so"),
        Message(role="assistant", content="", tool_calls=(used,)),
        Message(role="tool", content='{"note": "queue, dead letters, volumes"}', tool_call_id="c1", tool=used.tool),
    )
    shown = names(talk)
    assert "plan_ray_cluster" in shown
    assert not {"describe_queues", "describe_volumes"} & set(shown)
    assert names((*talk, Message(role="assistant", content="Next, the queues."))) != shown


def test_naming_a_subject_or_a_tool_brings_it() -> None:
    before = names(asked("hello"))
    assert not {"describe_queues", "configure_fleet"} & set(before)
    said = Message(role="assistant", content="The queues come next.")
    assert "describe_queues" in names((*asked("hello"), said))
    assert "configure_fleet" in names(asked("use configure_fleet"))


def test_what_is_not_shown_is_told_by_its_name_and_only_that() -> None:
    messages, shown = on_the_menu(asked("what runs?"), CATALOG)
    told = messages[0].content
    assert told.startswith("be brief\n\nFurther tools")
    for tool in CATALOG:
        assert (tool.name in told) != (tool in shown)
    assert messages[1:] == asked("what runs?")[1:]
    assert on_the_menu(asked("what runs?"), CATALOG[:MOST_SHOWN]) == (asked("what runs?"), CATALOG[:MOST_SHOWN])


def test_the_wire_carries_the_choice(model_stub: Callable[..., ModelStub]) -> None:
    stub = model_stub(say("none is stuck"))
    hosted = HostedModel(base_url=stub.url, api_key=None, model="stub")
    list(hosted.respond(asked("is anything stuck in the queue?"), CATALOG, stop=lambda: False))
    sent = stub.requests[0]
    shown = [t["function"]["name"] for t in sent["tools"]]
    assert len(shown) == MOST_SHOWN
    assert "describe_queues" in shown
    assert "Further tools" in sent["messages"][0]["content"]
