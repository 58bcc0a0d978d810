"""Volumes, queues and jobs by name: English and Korean questions, the right tool with the right arguments."""

import re
from typing import Any

import pytest

from agent.models.planner.answers.keeping import KOREAN
from agent.models.planner.question import understand
from tests.agent.models.keeping_world import CATALOG, WRITES, asked
from tests.agent.models.test_planner import SIGNED, assert_figures_are_told_by_tools, is_korean
from tests.tui.volume_records import LOST, NEWEST, STRAY, TRAIN
from tools.volumes.facts import FACTS

ALL, ORPHANS = {"orphans_only": False}, {"orphans_only": True}
FILE = {"path": "cluster-spot.yaml"}
_SUBNETS, _GROUPS = [f"subnet-0123456789abcde{n}" for n in "12"], [f"sg-0123456789abcde{n}" for n in "34"]
WHOLE = (
    f"plan a ray cluster named etl with 24 workers of m7i.2xlarge in {_SUBNETS[0]} and {_SUBNETS[1]}, head {_GROUPS[0]}, "
    f"workers {_GROUPS[1]}, head profile ray-head, worker profile ray-worker, ami-0123456789abcde5, s3://acme-spill/etl"
)
TOLD: dict[str, Any] = {
    "cluster_name": "etl",
    "subnet_ids": _SUBNETS,
    "head_security_group_ids": _GROUPS[:1],
    "worker_security_group_ids": _GROUPS[1:],
    "head_profile": "ray-head",
    "worker_profile": "ray-worker",
    "x86_image_id": "ami-0123456789abcde5",
    "arm_image_id": "",
    "spill_uri": "s3://acme-spill/etl",
    "instance_types": ["m7i.2xlarge"],
    "max_spot_workers": 24,
}
UNTOLD = {k: [] if isinstance(v, list) else "" for k, v in TOLD.items()} | {"max_spot_workers": 16}
Row = tuple[str, str, dict[str, Any], tuple[str, ...]]
READS: tuple[Row, ...] = (
    ("what do orphan volumes cost a month?", "describe_volumes", ORPHANS, ("2 volumes and 1 snapshot", "$226.60/month")),
    ("고아 볼륨 비용이 얼마야?", "describe_volumes", ORPHANS, ("볼륨 2개, 스냅샷 1개", "$226.60/월", LOST)),
    ("any unattached disks?", "describe_volumes", ORPHANS, (LOST, "kept: the tag keep=true is protected")),
    ("which snapshots are old?", "describe_volumes", ALL, ("taken 100 days ago", STRAY)),
    ("제일 오래된 스냅샷은 언제 거야?", "describe_volumes", ALL, ("100일 전", STRAY)),
    ("which volumes have no snapshot?", "describe_volumes", ALL, ("3 of 4 volumes have no snapshot",)),
    ("스냅샷 없는 볼륨 있어?", "describe_volumes", ALL, ("볼륨 4개 가운데 3개",)),
    ("are the snapshot schedules on time?", "describe_volumes", ALL, ("OVERDUE by 3 h", "ended in error")),
    ("volumes of ml-train", "describe_volumes", {"fleet": "ml-train", **ALL}, ("2 volumes and 2 snapshots", "$91.60")),
    ("ml-train 볼륨 얼마야", "describe_volumes", {"fleet": "ml-train", **ALL}, ("볼륨 2개, 스냅샷 2개",)),
    ("should I delete vol-000000000000000d3?", "describe_volumes", ALL, (LOST, "orphan since 2026-11-06")),
    ("don't delete vol-000000000000000d3", "describe_volumes", ALL, (LOST,)),
    ("delete every orphan volume", "describe_volumes", ORPHANS, (f"delete {LOST}",)),
    ("is vol-00000000deadbeef safe?", "describe_volumes", ALL, ("There is no `vol-00000000deadbeef`", TRAIN)),
    ("can I hibernate my spot instances?", "advise_keeping", {"topic": "hibernation"}, ("only EC2 resumes it", "set up for it")),
    ("spot을 최대 절전으로 멈춰 둘 수 있어?", "advise_keeping", {"topic": "hibernation"}, ("EC2만", "hibernate-spot-instances")),
    ("should checkpoints live on EFS?", "advise_keeping", {"topic": "efs"}, ("S3 is cheaper",)),
    ("EFS 써도 돼?", "advise_keeping", {"topic": "efs"}, ("여러 가용 영역",)),
    ("does SnapStart help here?", "advise_keeping", {"topic": "snapstart"}, ("does nothing for EC2 spot",)),
    ("주피터 노트북은 어떻게 지켜?", "advise_keeping", {"topic": "notebook"}, ("인터프리터 메모리",)),
    ("my Jupyter state, is it safe on spot?", "advise_keeping", {"topic": "notebook"}, ("cannot be recovered",)),
    ("what does crash-consistent mean?", "advise_keeping", {"topic": "consistency"}, ("what memory and caches held",)),
    ("첫 스냅샷은 얼마나 걸려?", "advise_keeping", {"topic": "first-snapshot"}, ("몇 시간",)),
    ("다른 존으로 볼륨을 옮길 수 있어?", "advise_keeping", {"topic": "zones"}, ("스냅샷으로만",)),
    ("is anything stuck?", "describe_queues", {}, ("Yes: `thumbnails`, `야간 인코딩`", "unknown for 1")),
    ("how many dead letters are there?", "describe_queues", {}, ("2 dead letters in 4 queues",)),
    ("큐에 밀린 거 있어?", "describe_queues", {}, ("네: `thumbnails`", "연결된 워커가 없음")),
    ("데드레터 몇 개야?", "describe_queues", {}, ("데드 레터 2개",)),
    ("how is the renders queue", "describe_queues", {}, ("1,204 waiting, 8 in flight, 0 dead in 1 queue",)),
    ("review cluster-spot.yaml", "review_ray_cluster", FILE, ("5 errors, 10 warnings", "`head-on-spot`")),
    ("이 cluster-spot.yaml 좀 검토해줘", "review_ray_cluster", FILE, ("오류 5개, 경고 10개",)),
    ("is nowhere.yaml fine for ray on spot?", "review_ray_cluster", {"path": "nowhere.yaml"}, ("no such file",)),
    ("plan a ray cluster on spot", "plan_ray_cluster", UNTOLD, ("--subnet", "spotwarden ray plan")),
    ("레이 클러스터를 spot으로 계획해줘", "plan_ray_cluster", UNTOLD, ("--subnet", "파일을 씁니다")),
    (WHOLE, "plan_ray_cluster", TOLD, ("A plan for `etl`", "0–24")),
    ("when is nightly done?", "describe_jobs", {}, ("`nightly`: 62 %",)),
    ("야간 재학습 실험 7 언제 끝나?", "describe_jobs", {}, ("`야간 재학습 실험 7`: 31 %",)),
    ("recover nonsense", "describe_jobs", {}, ("`nightly`", "`ml-train`")),
)  # fmt: skip
STEPS: tuple[tuple[str, dict[str, Any]], ...] = (
    (f"make a snapshot of {TRAIN}", {"operation": "snapshot", "target": TRAIN}),
    (f"볼륨 {TRAIN} 스냅샷 떠줘", {"operation": "snapshot", "target": TRAIN}),
    ("snapshot ml-train", {"operation": "snapshot", "target": "ml-train"}),
    (f"restore {NEWEST} in us-east-1b", {"operation": "restore", "target": NEWEST, "zone": "us-east-1b"}),
    (f"{TRAIN}을 us-east-1b에 복원해줘", {"operation": "restore", "target": NEWEST, "zone": "us-east-1b"}),
    (
        f"attach {LOST} to i-00000000000001003",
        {"operation": "attach", "target": LOST, "instance_id": "i-00000000000001003"},
    ),
    (f"please delete {LOST}", {"operation": "delete-volume", "target": LOST}),
    (f"고아 스냅샷 {STRAY} 삭제해줘", {"operation": "delete-snapshot", "target": STRAY}),
)


def told(arguments: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in arguments.items() if v is not None}


@pytest.mark.accepts("DC-01")
@pytest.mark.parametrize("row", READS, ids=[row[0] for row in READS])
def test_a_question_is_answered_by_its_tool_in_its_language_and_changes_nothing(row: Row) -> None:
    question, tool, arguments, facts = row
    talk, answer = asked(question)
    assert [told(a) for n, a in talk.calls if n == tool] == [arguments]
    assert not [n for n, _ in talk.calls if n in WRITES]
    for fact in facts:
        assert fact in answer, answer
    lines = [line for line in answer.splitlines() if line.strip()]
    assert len(lines) <= 18
    lang = "ko" if is_korean(question) else "en"
    assert lines[-1] == SIGNED[lang]
    assert is_korean(re.sub(r"`[^`]*`", "", answer)) == (lang == "ko")
    if tool != "advise_keeping":
        assert_figures_are_told_by_tools(answer, question, talk.results)


@pytest.mark.accepts("P-13")
@pytest.mark.parametrize(("question", "step"), STEPS)
def test_one_step_is_proposed_exactly_as_it_was_named(question: str, step: dict[str, Any]) -> None:
    talk, answer = asked(question)
    assert [(n, told(a)) for n, a in talk.calls if n in WRITES] == [("keep_volume", step)]
    assert "approve" in answer


@pytest.mark.parametrize("question", ["recover nightly", "nightly 복구해줘"])
def test_a_registered_job_is_known_by_its_name_alone(question: str) -> None:
    talk, _ = asked(question)
    assert [(n, told(a)) for n, a in talk.calls if n in WRITES] == [("recover_job", {"job": "nightly"})]


def test_a_fleet_is_still_brought_back_from_its_own_checkpoint() -> None:
    talk, _ = asked("restore ml-train from its last checkpoint")
    assert [n for n, _ in talk.calls if n in WRITES] == ["restore_checkpoint"]


def test_a_volume_without_a_completed_copy_is_not_restored() -> None:
    talk, answer = asked(f"restore {LOST} in us-east-1b")
    assert not [n for n, _ in talk.calls if n in WRITES]
    assert f"no completed snapshot of `{LOST}`" in answer


def test_every_topic_has_its_facts_in_korean() -> None:
    assert KOREAN.keys() == FACTS.keys()
    topics = next(t for t in CATALOG if t.name == "advise_keeping").schema()["properties"]["topic"]["enum"]
    assert set(topics) == set(KOREAN)


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("how risky is redis-cache?", "risk"),
        ("queue 위험해?", "risk"),
        ("how likely is ray-workers to be interrupted tomorrow?", "forecast"),
        ("what does volume-indexer cost?", "costs"),
        ("volumes of volume-indexer", "volumes"),
        ("what waits in the queues of redis-cache?", "queues"),
    ],
)
def test_a_fleet_that_is_called_like_a_subject_is_a_fleet(question: str, wanted: str) -> None:
    fleets = dict.fromkeys(("redis-cache", "queue", "ray-workers", "volume-indexer"))
    assert understand(question, (), fleets).intents[0] == wanted
