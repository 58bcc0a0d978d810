"""The catalogue as a model sees it: at most MOST_SHOWN tools at once, chosen from what is talked about.

A few tools are always there; the rest stand in subjects, which the words of a conversation and the tools that it used
bring up. What is not shown is told by name, and is carried out when it is called: the choice saves a model's
attention, it allows and forbids nothing. Tool answers, which hold text that others wrote, choose nothing.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from agent.models.model import Message
from tools.tool import Tool

MOST_SHOWN = 20
CORE = (
    "list_fleets",
    "describe_fleet",
    "report_costs",
    "analyze_prices",
    "score_risk",
    "watch_fleets",
    "preview_change",
    "change_fleet",
    "roll_back",
    "search_audit",
)
"""shown whatever is talked about"""
SUBJECTS: Mapping[str, tuple[str, ...]] = {
    "interruptions": ("forecast_interruptions", "assess_instances"),
    "where to run": ("analyze_spot_opportunities", "scan_market"),
    "jobs and checkpoints": (
        "describe_jobs",
        "list_checkpoints",
        "recover_job",
        "restore_checkpoint",
        "advise_checkpoint_interval",
    ),
    "operating fleets and instances": ("operate_instances", "replace_instances", "configure_fleet", "operate_fleet"),
    "volumes": ("describe_volumes", "advise_keeping", "keep_volume"),
    "queues": ("describe_queues",),
    "ray": ("review_ray_cluster", "plan_ray_cluster"),
}
"""the most telling tool of a subject first; when nothing is named, subjects fill the page in this order"""
_WORDS = {
    "interruptions": (
        r"interrupt|reclaim|evict|pre-?empt|\btaken?\b|\blos(?:e|es|ing|t)\b|likel|probab|chance|\bodds\b|forecast"
        r"|predict|tonight|tomorrow|weekend|\brisk|\bsafe|surviv|rebalanc|\binstances?\b|\bnodes?\b"
        r"|중단|회수|뺏|확률|가능성|예측|전망|내일|오늘\s?밤|주말|위험|안전|버티|인스턴스|노드|리밸런스"
    ),
    "where to run": (
        r"\bwhere\b|\bpools?\b|\bzones?\b|\btypes?\b|v?cpus?\b|\bgpus?\b|\bgib\b|\bgb\b|\barm\b|graviton|\bmarket\b"
        r"|alternativ|instead of|cheapest|\bbest\b|recommend|placement|[a-z]\d[a-z]*\.\d*(?:x?large|metal|medium)"
        r"|어디|어느|풀\b|풀[이을은]|존|영역|타입|시장|추천|대안|대신|코어|메모리|싼"
    ),
    "jobs and checkpoints": (
        r"\bjobs?\b|checkpoint|restor|resum|recover|deadline|\beta\b|slack|\bsaved?\b|progress|\bepochs?\b|training"
        r"|작업|체크\s?포인트|복구|복원|되살|재개|마감|기한|저장|진행|학습|주기"
    ),
    "operating fleets and instances": (
        r"config|\b(?:max|min)(?:imum)?[\s_-]?size|limit|rebalanc|protect|template|refresh|standby|\bstop|hibernat"
        r"|\bstart|terminat|\bkill|delet|replac|\bdrain|detach|swap|recycl|restart|\bi-[0-9a-f]{3}"
        r"|교체|종료|삭제|보호|정지|멈춰|시작|템플릿|대기\s?상태|드레인|분리|갈아|최소|최대|설정"
    ),
    "volumes": (
        r"volume|\bebs\b|snapshot|\bdisks?\b|orphan|unattached|\befs\b|hibernat|snap-?start|jupyter|notebook|storage"
        r"|\b(?:gp[23]|io[12]|st1|sc1)\b|\b(?:vol|snap)-|deleteontermination|consisten|\bfreez|backup|back up"
        r"|볼륨|스냅\s?샷|스냅\s?스타트|디스크|고아|노트북|주피터|최대\s?절전|하이버네이트|스토리지|백업|일관성"
    ),
    "queues": (
        r"queue|\bredis\b|rabbit|\bdlq\b|dead[\s-]?letter|\bbacklog|in[\s-]flight|\bmessages?\b|\bworkers?\b|\bstuck\b"
        r"|poison|consumer|stream|unacked|큐|대기열|메시지|데드\s?레터|밀[린려]|밀렸|쌓[여인였]|막[혀힌혔]|워커|레디스|래빗"
    ),
    "ray": (
        r"\bray\b|cluster|\.ya?ml\b|\byaml\b|head node|worker groups?|autoscaler|레이\b|레이\s|클러스터|헤드\s?노드"
    ),
}
_HEARD = {subject: re.compile(words, re.ASCII) for subject, words in _WORDS.items()}
"""ASCII: Korean particles hang on English words, and are no part of them"""


def on_the_menu(messages: Sequence[Message], catalog: Sequence[Tool]) -> tuple[Sequence[Message], Sequence[Tool]]:
    """A conversation and the tools to show with it; what is not shown is told at the end of the system message."""
    shown = choose(messages, catalog)
    on_it = {tool.name for tool in shown}
    hidden = [tool.name for tool in catalog if tool.name not in on_it]
    if not hidden:
        return messages, shown
    system = [m for m in messages if m.role == "system"][:1]
    said = "\n\n".join([*(m.content for m in system), _further(hidden)])
    return (Message(role="system", content=said), *(m for m in messages if m not in system)), shown


def choose(messages: Sequence[Message], catalog: Sequence[Tool]) -> tuple[Tool, ...]:
    """At most MOST_SHOWN tools, in the catalogue's order. Same conversation, same tools."""
    if len(catalog) <= MOST_SHOWN:
        return tuple(catalog)
    there = {tool.name for tool in catalog}
    wanted = dict.fromkeys(name for name in (*CORE, *_called_for(messages), *_others(catalog)) if name in there)
    kept = set(list(wanted)[:MOST_SHOWN])
    return tuple(tool for tool in catalog if tool.name in kept)


def _called_for(messages: Sequence[Message]) -> Iterator[str]:
    """What the newest question and the work on it call for, then each exchange before it."""
    for exchange in reversed(_exchanges(messages)):
        asked = [m.content for m in exchange if m.role == "user"]
        calls = [c for m in reversed(exchange) for c in m.tool_calls]
        said = [*(m.content for m in exchange if m.role == "assistant"), *(c.arguments for c in calls)]
        used = [c.tool for c in calls]
        lanes = [_named(asked), used, *_subjects(asked), *_subjects(said), _named(said)]
        # in turns, so that every subject that is spoken of shows its first tool
        yield from (name for row in zip_longest(*lanes) for name in row if name is not None)


def _exchanges(messages: Sequence[Message]) -> list[list[Message]]:
    cut: list[list[Message]] = [[]]
    for message in messages:
        if message.role == "user":
            cut.append([])
        cut[-1].append(message)
    return cut


def _subjects(texts: Iterable[str]) -> list[tuple[str, ...]]:
    low = _low(texts)
    return [SUBJECTS[subject] for subject, heard in _HEARD.items() if heard.search(low)]


def _named(texts: Iterable[str]) -> list[str]:
    """Tools by their own names."""
    return re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", _low(texts))


def _low(texts: Iterable[str]) -> str:
    return unicodedata.normalize("NFKC", "\n".join(texts)).lower()


def _others(catalog: Sequence[Tool]) -> Iterator[str]:
    """The rest of the page: the subjects in their order, then what belongs to none."""
    yield from (name for tools in SUBJECTS.values() for name in tools)
    yield from (tool.name for tool in catalog)


def _further(hidden: Sequence[str]) -> str:
    """One line for a model: what else there is, and how it comes."""
    told = [(subject, [n for n in tools if n in hidden]) for subject, tools in SUBJECTS.items()]
    words = [f"{subject} ({', '.join(names)})" for subject, names in told if names]
    loose = [n for n in hidden if not any(n in names for _, names in told)]
    return (
        f"Further tools, not listed now: {'; '.join([*words, *loose])}. Name the subject, or call one by its name: "
        "it is carried out like any other, and a call with wrong arguments is answered with an example."
    )


def openai_tools(catalog: Sequence[Tool]) -> list[dict[str, Any]]:
    """Tools on the OpenAI wire: strict functions, every argument required, none with a default."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": _description(tool),
                "strict": True,
                "parameters": tool.schema(),
            },
        }
        for tool in catalog
    ]


def _description(tool: Tool) -> str:
    if tool.effect == "read":
        return tool.summary
    return f"{tool.summary} Only proposes: policies and people decide, and the answer says what became of it."
