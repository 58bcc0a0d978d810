"""Operators' words, English and Korean: one operation, on exactly what was named, and only when it was asked for."""

import pytest

from tests.agent.models.talk import Talk
from tests.agent.models.world import WRITES

ONE = "i-00000000000001003"


def writes(talk: Talk) -> list[tuple[str, dict]]:
    return [c for c in talk.calls if c[0] in WRITES]


@pytest.mark.parametrize(
    ("said", "operation"),
    [
        (f"put {ONE} of ml-train into standby", "enter-standby"),
        (f"please take {ONE} of ml-train out of standby", "exit-standby"),
        (f"protect {ONE} of ml-train from scale-in", "protect-from-scale-in"),
        (f"terminate {ONE} of ml-train", "terminate"),
        (f"stop {ONE} of ml-train", "stop"),
        (f"hibernate {ONE} of ml-train please", "hibernate"),
        (f"ml-train의 {ONE} 스탠바이로 넣어줘", "enter-standby"),
        (f"ml-train의 {ONE} 종료해줘", "terminate"),
    ],
)
def test_an_operation_on_named_instances_is_proposed_once(said, operation):
    talk = Talk()
    answer = talk.ask(said)
    ((tool, arguments),) = writes(talk)
    assert (tool, arguments["operation"], arguments["instance_ids"]) == ("operate_instances", operation, [ONE])
    assert arguments["fleet"] == "ml-train"
    assert "approval" in answer or "승인" in answer


def test_standby_without_a_replacement_lowers_desired_capacity():
    talk = Talk()
    talk.ask(f"put {ONE} of ml-train into standby without launching another")
    assert writes(talk)[0][1]["lower_desired_capacity"] is True


@pytest.mark.parametrize(
    ("said", "operation"),
    [
        ("start an instance refresh on web-canary", "start-instance-refresh"),
        ("please cancel the instance refresh of web-canary", "cancel-instance-refresh"),
        ("web-canary instance refresh 시작해줘", "start-instance-refresh"),
    ],
)
def test_a_refresh_is_of_the_fleet_named(said, operation):
    talk = Talk()
    talk.ask(said)
    ((tool, arguments),) = writes(talk)
    assert (tool, arguments["fleet"], arguments["operation"]) == ("operate_fleet", "web-canary", operation)


@pytest.mark.parametrize(
    "said",
    [
        f"what happens if I terminate {ONE} of ml-train?",
        f"should we stop {ONE} of ml-train?",
        "terminate everything",
        "delete the batch group",
        "did somebody terminate instances of batch?",
        "batch 그룹 삭제해줘",
    ],
)
def test_nothing_is_ended_that_was_not_asked_for_by_its_id(said):
    talk = Talk()
    talk.ask(said)
    assert not writes(talk)


@pytest.mark.parametrize(("said", "base"), [("lower the on-demand base of ml-train by a step", 1),
                                            ("raise the on-demand base of ml-train by one step", 3),
                                            ("ml-train 온디맨드 기본 용량을 한 단계 낮춰줘", 1)])  # fmt: skip
def test_a_step_of_the_base_becomes_an_absolute_value(said, base):
    talk = Talk()
    talk.ask(said)
    assert writes(talk)[-1][1]["on_demand_base_capacity"] == base


@pytest.mark.accepts("U-04")
@pytest.mark.parametrize("said", ["roll back the last change of ml-train", "undo the change of ml-train",
                                  "ml-train 마지막 변경 되돌려줘"])  # fmt: skip
def test_undoing_is_left_to_what_the_journal_recorded(said):
    talk = Talk()
    talk.ask(said)
    assert writes(talk) == [("roll_back", {"proposal_id": None, "fleet": "ml-train"})]
