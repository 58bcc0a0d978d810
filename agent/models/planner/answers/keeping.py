"""Advice on keeping what an instance holds: what AWS really does, with source and date, in the reader's language."""

from agent.models.planner.answers.common import rows_of, texts_of, trouble
from agent.models.planner.figures import basis, plainly, told
from agent.models.planner.keeping_words import topic_of
from agent.models.planner.text import normal
from agent.models.planner.walk import Walk

KOREAN: dict[str, tuple[str, ...]] = {
    "consistency": (
        "스냅샷에는 볼륨에 기록된 것만 들어 있습니다. 메모리와 캐시에 있던 것은 없습니다",
        "스냅샷이 pending이 되면 바로 다시 써도 됩니다. 그때까지만 멈추면 됩니다",
        "CreateSnapshots는 한 인스턴스의 볼륨들을 같은 순간에 찍습니다(서로 crash-consistent)",
        "할 일: `[[snapshots]]`의 freeze_seconds와 guard의 freeze·thaw 훅을 함께 쓰면 application-consistent",
    ),
    "first-snapshot": (
        "첫 스냅샷, 또는 변경이 많은 뒤의 스냅샷은 몇 시간이 걸릴 수 있습니다. 중단 알림 안에 끝난다고 믿지 마십시오",
        "첫 스냅샷은 볼륨 전체를, 그다음부터는 바뀐 것만 복사합니다. 걸리는 시간은 예측할 수 없습니다",
        "할 일: 급하지 않을 때 첫 스냅샷을 만들어 두십시오. 스케줄이 그렇게 합니다",
    ),
    "root-volume": (
        "루트 볼륨은 인스턴스를 멈춘 뒤 스냅샷하는 것이 AWS 권장입니다. 멈추지 않으면 crash-consistent입니다",
        "spot 인스턴스는 persistent 요청일 때만 멈출 수 있고, EC2가 멈춘 것은 EC2만 다시 켭니다",
        "할 일: 루트에는 아무것도 두지 말고, 데이터는 별도 볼륨에 두십시오",
    ),
    "zones": (
        "볼륨은 자기 가용 영역을 떠나지 못합니다. 데이터는 스냅샷으로만 다른 영역으로 갑니다",
        "DeleteOnTermination=false면 인스턴스가 끝나도 볼륨이 남고, 비용이 계속 나갑니다",
        "할 일: 같은 영역이면 남은 볼륨을 붙이고, 아니면 최신 완료 스냅샷에서 복원하십시오",
    ),
    "hibernation": (
        "일시정지 버튼이 아닙니다. 알림과 동시에 시작되고, EC2만, 같은 가용 영역에서만 다시 켭니다",
        "중단된 spot의 최대 절전은 바로 시작됩니다. 알림은 있어도 2분은 없습니다",
        "시작할 때 정해야 하고 루트는 암호화된 EBS여야 하며, Auto Scaling 그룹의 인스턴스는 할 수 없습니다",
        "할 일: 마감이 있는 작업은 최대 절전에 기대지 말고 checkpoint도 하십시오",
    ),
    "efs": (
        "여러 가용 영역의 여러 인스턴스가 함께 쓰는 파일 시스템입니다. 복원할 것이 없지만 EBS보다 느리고 비쌉니다",
        "close-to-open 일관성과 권고 잠금뿐입니다. 한 파일을 둘이 쓰면 스스로 조정해야 합니다",
        "작은 파일이 많으면 느립니다. 저장량과, Elastic이면 읽고 쓴 양만큼 비용이 듭니다",
        "할 일: 큰 checkpoint 몇 개라면 S3가 더 쌉니다. 여러 영역에서 바로 있어야 하는 상태라면 Regional EFS",
    ),
    "notebook": (
        "인터프리터 메모리에 있는 것은 되살릴 수 없습니다. 긴 작업은 따로 떼어 내십시오",
        "커널은 프로세스 하나이며, 변수는 인스턴스와 함께 사라집니다",
        "할 일: 긴 작업은 checkpoint가 있는 스크립트로 spotwarden-guard 아래에서, 노트북은 on-demand나 EFS·git에",
    ),
    "snapstart": (
        "Lambda 함수를 메모리 스냅샷에서 시작하는 기능이며, EC2 spot에는 아무 효과가 없습니다",
        "여러 환경이 같은 스냅샷에서 시작하므로 난수나 고유값이 모두 같아집니다",
        "할 일: EC2 작업은 checkpoint를 쓰고, 메모리를 복원한 뒤에는 난수·ID·연결·시계를 새로 하십시오",
    ),
}
"""what the tool's facts say, by topic; the sources are the tool's"""
_FACTS = 4


def keeping(walk: Walk) -> list[str]:
    """One topic: in short, what is so, what to do, what of it is found in this account."""
    topic = topic_of(normal(walk.question.text))
    seen = walk.look("advise_keeping", topic=topic)
    if seen is None:
        return []
    if not seen.ok:
        return [trouble(walk, seen)]
    body = seen.body
    facts = rows_of(body, "facts")[:_FACTS]
    if walk.lang == "ko" and topic in KOREAN:
        first, *rest = KOREAN[topic]
        lines = [f"**{first}.**", *(f"- {line}" for line in rest)]
    else:
        lines = [f"**{_sentence(body.get('short'))}**", *(f"- {_sentence(f.get('text'))}" for f in facts)]
        lines += [f"- Do: {told(d)}" for d in texts_of(body, "do")[:3]]
    found = texts_of(body, "found")
    here = walk.say("In this account", "이 계정에서")
    lines += [f"- {here}: {plainly(f, walk.lang)}" for f in found[:3]]
    return [*lines, *_sources(walk, facts), basis(body, walk.lang), ""]


def _sentence(text: object) -> str:
    said = told(text or "", 400)
    return f"{said[:1].upper()}{said[1:]}."


def _sources(walk: Walk, facts: list[dict[str, object]]) -> list[str]:
    read = str(facts[0].get("as_of"))[:10] if facts else ""
    pages = ", ".join(f"`{told(p, 200)}`" for p in dict.fromkeys(str(f.get("source")) for f in facts))
    return [walk.say(f"- AWS, as read on {read}: {pages}", f"- AWS 문서({read} 확인): {pages}")] if facts else []
