"""The embedded default: a deterministic planner in English and Korean. It is no language model, and says so.

It reads a question, asks tools step by step, and answers only from what they said. It proposes a change only when
a person clearly asked for one; what it cannot answer, it says. Text inside tool results is shown, never obeyed.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from agent.models.model import Delta, Message, ToolCall, Turn
from agent.models.planner.answers import (
    alerts,
    chances,
    changes,
    choice,
    explain,
    fleets,
    glossary,
    instances,
    interval,
    jobs,
    keeping,
    market,
    money,
    operations,
    outage,
    plans,
    queues,
    ray,
    records,
    recovery,
    risk,
    story,
    volumes,
    watch,
    words,
)
from agent.models.planner.answers.common import fleet_rows, guesses, rows_of
from agent.models.planner.conversation import Exchange, Seen, exchanges
from agent.models.planner.figures import Lang, bases_last
from agent.models.planner.names import likely_names
from agent.models.planner.patterns import Intent
from agent.models.planner.question import Question, understand
from agent.models.planner.text import normal
from agent.models.planner.walk import Walk
from tools.tool import Tool

_SIGNATURE = {"en": "_offline planner: no language model_", "ko": "_오프라인 플래너: 언어 모델 아님_"}
_SECTIONS: dict[Intent, Callable[[Walk], list[str]]] = {
    "costs": money.costs,
    "savings": money.savings,
    "commitments": money.commitments,
    "statement": money.statement,
    "fleets": fleets.inventory,
    "fleet": fleets.one_fleet,
    "overview": fleets.overview,
    "prices": market.prices,
    "risk": risk.risk,
    "capacity": market.capacity,
    "checkpoints": recovery.checkpoints,
    "restore": recovery.restore,
    "replace": recovery.replace,
    "interval": interval.interval,
    "audit": records.audit,
    "audit-check": records.audit_check,
    "change": changes.change,
    "confirm": plans.confirm,
    "rollback": plans.rollback,
    "advice": plans.advice,
    "help": words.help_text,
    "thanks": words.thanks,
    "max-price": words.max_price,
    "autonomy": words.autonomy,
    "policy": words.policy,
    "unsupported": words.unsupported,
    "cluster": words.cluster,
    "secret": words.secret,
    "glossary": glossary.glossary,
    "decline": words.decline,
    "setup": words.setup,
    "outage": outage.outage,
    "watch": watch.watch,
    "pending": story.pending,
    "explain": explain.explain,
    "provenance": explain.provenance,
    "identity": words.identity,
    "halt": words.halt,
    "utilisation": words.utilisation,
    "offtopic": words.offtopic,
    "forecast": chances.forecast,
    "instances": instances.instances,
    "opportunities": choice.opportunities,
    "scan": choice.scan,
    "alerts": alerts.alerts,
    "operate": operations.operate,
    "jobs": jobs.jobs,
    "volumes": volumes.volumes,
    "keeping": keeping.keeping,
    "queues": queues.queues,
    "ray": ray.ray,
}
_NAMELESS = frozenset(
    [
        "help",
        "thanks",
        "setup",
        "autonomy",
        "policy",
        "unsupported",
        "cluster",
        "secret",
        "glossary",
        "decline",
        "confirm",
        "audit-check",
        "pending",
        "provenance",
        "identity",
        "halt",
        "utilisation",
        "offtopic",
        "scan",
        "jobs",
        "keeping",
        "queues",
        "ray",
    ]
)
"""intents that name no fleet, so that the inventory need not be read first"""
_TOLD_BY_COSTS = frozenset(["costs", "savings", "commitments", "statement"])
_MAX_SECTIONS = 4
_MAX_UNLISTED = 3
"""fleets looked for by name in an account of more than one listing tells"""


class OfflinePlanner:
    """Satisfies agent.models.model.Model. Stateless: everything is in the messages."""

    name = "offline planner: no language model"
    is_language_model = False

    def respond(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, stop: Callable[[], bool]
    ) -> Iterator[Delta | Turn]:
        """The next tool calls of the question asked last, or its answer. Same messages, same turn."""
        text, calls = plan(messages, tools)
        pieces = re.findall(r"[^\n]*\n+|[^\n]+$", text)
        said = ""
        for piece in pieces:
            if stop():
                break
            said += piece
            yield Delta(text=piece)
        yield Turn(text=said, tool_calls=() if stop() else calls)


def plan(messages: Sequence[Message], tools: Sequence[Tool]) -> tuple[str, tuple[ToolCall, ...]]:
    """(words, calls): calls while something is still to be looked up or proposed, else the whole answer."""
    said = exchanges(messages)
    if not said:
        said = (Exchange(question="help"),)
    now, earlier = said[-1], said[:-1]
    workloads = _workloads(said)
    unlisted = _unlisted(now, said, workloads or {})
    question = _in_language(understand(now.question, earlier, workloads), messages)
    walk = Walk(question, now, earlier, tools, workloads)
    if workloads is None and _needs_names(question):
        fleet_rows(walk)
    for name in unlisted:
        walk.look("list_fleets", matching=name)
    if walk.reads:
        return "", _as_calls(walk, now)
    lines = _sections(walk)
    calls = _as_calls(walk, now)
    if walk.reads and calls:
        return "", calls
    if walk.writes and calls:
        return _joined(bases_last([*guesses(walk), *lines], question.lang)) + "\n\n", calls
    return _joined([*bases_last([*guesses(walk), *lines], question.lang), "", _SIGNATURE[question.lang]]), ()


def _sections(walk: Walk) -> list[str]:
    wants = walk.question.intents[:_MAX_SECTIONS]
    if not wants:
        return words.not_understood(walk)
    out: list[str] = []
    for want in wants:
        section = _SECTIONS[want](walk)
        out += ["", *section] if section else []
    return out


def _as_calls(walk: Walk, now: Exchange) -> tuple[ToolCall, ...]:
    """Call ids are counted through the conversation, so that none comes twice."""
    first = sum(len(e.seen) for e in walk.earlier) + len(now.seen)
    place = len(walk.earlier)
    return tuple(
        ToolCall(call_id=f"offline-{place}-{first + i}", tool=tool, arguments=json.dumps(arguments, ensure_ascii=False))
        for i, (tool, arguments) in enumerate(walk.calls())
    )


def _needs_names(question: Question) -> bool:
    wants = set(question.intents)
    if not wants or wants <= _NAMELESS:
        return not wants and len(question.text.split()) <= 12 and bool(re.search(r"[a-z가-힣]", question.text.lower()))
    if wants <= _TOLD_BY_COSTS | _NAMELESS:
        return False
    named_types_only = (
        wants <= {"prices", "max-price", "capacity", "interval", "opportunities"} and not question.named.fleets
    )
    return not (named_types_only and (question.found.types or wants <= {"max-price", "interval"}))


def _workloads(said: Sequence[Exchange]) -> dict[str, str | None] | None:
    """Fleet names with their workload tags, from the newest inventory or cost report; None = not read yet.

    What tells a part of the fleets adds to the whole inventory before it.
    """
    known: dict[str, Any] = {}
    for seen in _newest_first(said):
        rows = rows_of(seen.body, "fleets") if seen.tool in {"list_fleets", "report_costs"} else []
        more = str(seen.body.get("names") or "").split() if seen.tool == "list_fleets" else []
        names = {str(n): r.get("workload") for r in rows if (n := r.get("name") or r.get("fleet"))}
        known = {**dict.fromkeys(more), **names, **known}
        if seen.arguments.get("matching") or (seen.tool == "report_costs" and seen.body.get("fleets_left_out")):
            continue
        if rows or (seen.tool == "list_fleets" and seen.ok and "fleets" in seen.body):
            return known
    return known or None


def _unlisted(now: Exchange, said: Sequence[Exchange], known: Mapping[str, object]) -> tuple[str, ...]:
    """Words of the question that look like names of fleets which the inventory had no room for."""
    whole = next((s for s in _newest_first(said) if s.tool == "list_fleets" and not s.arguments.get("matching")), None)
    if whole is None or not whole.body.get("names_left_out"):
        return ()
    names = {normal(name) for name in known}
    return tuple(name for name in likely_names(normal(now.question)) if name not in names)[:_MAX_UNLISTED]


def _newest_first(said: Sequence[Exchange]) -> Iterator[Seen]:
    return (seen for exchange in reversed(said) for seen in reversed(exchange.seen))


def _in_language(question: Question, messages: Sequence[Message]) -> Question:
    """The session's wish goes before the question's own language."""
    system = " ".join(m.content for m in messages if m.role == "system")
    wish = re.findall(r"Answer in (English|Korean)\.", system)
    if not wish:
        return question
    lang: Lang = "ko" if wish[-1] == "Korean" else "en"
    return Question(**{**question.__dict__, "lang": lang})


def _joined(lines: Sequence[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
