"""How data and work that outlive an instance are asked about: volumes, work queues, Ray, and what AWS really does."""

import re

from agent.models.planner.moods import Mood, has
from agent.models.planner.patterns import Intent

VOLUME_ID = r"(?<![a-z0-9-])vol-[0-9a-f]{8,17}(?![0-9a-z])"
SNAPSHOT_ID = r"(?<![a-z0-9-])snap-[0-9a-f]{8,17}(?![0-9a-z])"
CLUSTER_FILE = r"(?:[~./]|\b)[\w./~-]*\w\.ya?ml\b"
_ALONE, _SO = r"(?<![\w.-])", r"(?![\w-])"
"""not as a part of a name: a fleet or a job may be called redis-cache"""
_VOLUMES = (
    rf"{VOLUME_ID}|{SNAPSHOT_ID}|{_ALONE}(?:volumes?|ebs|snap-?shots?|disks?|orphan\w*|unattached){_SO}"
    r"|\bdelete_?on_?termination\b|볼륨|스냅\s?샷|디스크|고아"
)
ORPHANS = r"\borphan\w*|\bunattached\b|\bunused\b|\bleft[\s-]?overs?\b|\bnobody\b|고아|안\s?쓰는|미사용|방치|남은|버려"
OLD = r"\bold\w*\b|\bstale\b|\bhow (?:old|recent|fresh)\b|\bnewest\b|\blatest\b|\bage\b|오래|언제|최신|며칠|낡은"
SCHEDULES = r"\bschedul\w*|\b(?:over)?due\b|\bon time\b|\blate\b|스케줄|예약|밀린|밀렸|주기"
BARE = r"\b(?:without|no|not|never|missing|lack\w*|unprotected)\b|없는|없이|없어|안\s?된"
SNAPSHOT = (
    r"\b(?:make|take|create|do|start|get)\b.{0,25}\bsnap-?shots?\b|^(?:please |pls )?snap-?shot\b|\bback\s?up\b"
    r"|스냅\s?샷\S{0,2}\s?(?:\S{1,6}\s)?(?:만들|떠|찍|생성|해\s?줘|내\s?줘)|백업\S{0,2}\s?(?:해|떠|받)"
)
RESTORE = (
    r"\brestor\w*|\b(?:make|create|bring)\b.{0,40}\bvolume\b.{0,20}\bfrom\b|\bcopy\b.{0,40}\bzone\b|복원|복구|되살"
)
ATTACH = r"\battach\b|\bmount\b|붙여|연결해|어태치|마운트"
DELETE = r"\b(?:delete|remove|clean\s?up|drop|get rid of|destroy|wipe|purge)\b|삭제|지워|없애|정리해|치워"
_MEANING = r"\bwhat (?:is|does|do|are)\b|\bmeans?\b|\bdifference\b|\bexplain\b|차이|뭐|무슨|뜻|의미"
_CONSISTENT = r"\b(?:crash|application)[\s-]?consisten\w*|\bconsistency\b|일관성|정합성"
_ACROSS = (
    r"\b(?:volumes?|disks?|ebs)\b.{0,30}\b(?:across|between|another|other|different)\b.{0,10}\b(?:zones?|az)\b"
    r"|(?:볼륨|디스크).{0,12}(?:다른|딴)\s?(?:존|az|영역)|(?:다른|딴)\s?(?:존|az|영역).{0,10}(?:볼륨|디스크)"
)
_FIRST = (
    r"\bfirst snap-?shots?\b|\bhow long\b.{0,30}\bsnap-?shots?\b|첫\s?(?:번째\s?)?스냅\s?샷"
    r"|스냅\s?샷\S{0,2}\s?.{0,12}(?:얼마나\s?(?:걸|오래)|몇\s?분)"
)
_TOPICS: tuple[tuple[str, str], ...] = (
    ("efs", r"\befs\b|\belastic file system\b|\bnfs\b|이에프에스"),
    ("hibernation", r"\bhibernat\w*|하이버네이[트션]|최대\s?절전"),
    ("notebook", r"\bjupyter\w*|\bnotebooks?\b|주피터|노트북"),
    ("snapstart", r"\bsnap-?start\b|스냅\s?스타트"),
    ("consistency", rf"^(?=.*(?:{_MEANING})).*(?:{_CONSISTENT})"),
    ("root-volume", r"\broot (?:volume|disk|device)s?\b|루트\s?(?:볼륨|디스크)"),
    ("zones", _ACROSS),
    ("first-snapshot", _FIRST),
)
_QUEUES = (
    rf"{_ALONE}queues?{_SO}(?! for (?:approv|me))|{_ALONE}(?:redis|rabbit\s?mq|dlq|poison\w*){_SO}"
    r"|\bdead[\s-]?letters?\b|\bin[\s-]flight\b"
    r"|\b(?:anything|something|messages?|items?|tasks?|work)\b.{0,20}\bstuck\b|\bbacklog\b"
    r"|(?:작업\s?)?큐(?![가-힣]{0,2}브)|데드\s?레터|레디스|래빗\s?엠?큐?|대기열|(?:밀린|막힌|쌓인)\s?(?:거|것|작업|메시지|일)"
)
_RAY = rf"{_ALONE}ray{_SO}" r"|레이\s?(?:클러스터|헤드|노드)|\bcluster\S{0,30}\.ya?ml\b"
_LAW = r"\bpolic(?:y|ies)\b|정책|\bapprov\w*|승인"
_PLAN = (
    r"\bplan\b|\bgenerat\w*|\brender\b.{0,20}\b(?:ray|cluster)|\bwrite\b|\bdraft\b|\bdesign\b|\bcreate\b|\bmake\b"
    r"|\bset\s?up\b|\bbuild\b|\bgive me\b|계획|만들|짜\s?줘|구성|설계|작성|생성"
)


def kept_first(text: str, feeling: Mood, *, ids: bool) -> tuple[Intent, ...]:
    """The intents of this page that a normal text wants, its fleets' names left out; empty = none.

    ids   instances are named by their ids: then an operation on them may be meant
    """
    if has(_RAY, text) or (has(CLUSTER_FILE, text) and not has(_LAW, text)):
        return ("ray",)
    topic = topic_of(text)
    about = has(_VOLUMES, text)
    named = has(rf"{VOLUME_ID}|{SNAPSHOT_ID}", text)
    if topic is not None and not (ids and feeling == "request") and not named:
        return ("keeping",)
    if about:
        return ("volumes",)
    return ("queues",) if has(_QUEUES, text) and not has(r"\bapprov\w*|승인", text) else ()


def topic_of(text: str) -> str | None:
    """What `advise_keeping` calls the subject of a normal text; None = none of its subjects."""
    return next((name for name, pattern in _TOPICS if has(pattern, text)), None)


def cluster_file(text: str) -> str | None:
    """The file that a question names, as it is spelled."""
    found = re.search(CLUSTER_FILE, text, re.ASCII)
    return found.group(0) if found else None


def wants_plan(text: str) -> bool:
    return has(_PLAN, text)
