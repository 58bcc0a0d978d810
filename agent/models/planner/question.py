"""A question understood: what it wants, what it names, in which language, and what it takes over from before."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from agent.models.planner.conversation import Exchange
from agent.models.planner.entities import Change, Entities, entities
from agent.models.planner.facets import Facets, facets
from agent.models.planner.figures import Lang
from agent.models.planner.intents import intents
from agent.models.planner.moods import Mood, mood
from agent.models.planner.names import Named, likely_names, named_fleets
from agent.models.planner.patterns import Intent
from agent.models.planner.text import language, normal

_AGAIN = re.compile(
    r"^(?:and|so|then|ok(?:ay)?|now|also|what about|how about|same (?:for|with)|그럼|그러면|그리고|또|근데|그렇다면"
    r"|혹시)\b|\binstead\b|대신|^(?:그럼|그러면|그리고|근데)|\binstead\b|대신"
    r"|\b(?:it|its|that one|this one|that fleet|this fleet|the same|them)\b|그거|그것|그 fleet|이거"
    r"|거기|해당|같은|그건|얘|걔"
)
_WHY = re.compile(r"^(?:but |and |so )?(?:why|how come|how so|what for|왜(?:요|죠|지|그래|그런데|그렇지|그렇죠)?"
                  r"|어째서|이유(?:는"
                  r"|가)?(?:\s?뭐)?[가-힣]*|근거[가-힣]*)(?: (?:is|was|that|so|not|이야|죠|그래|그런"
                  r"|그렇게)\b.{0,20})?[\s?!.]*$")  # fmt: skip
_LOWER_IT = re.compile(
    r"^(?:ok(?:ay)?,? |then |so |그럼 |그러면 |그렇다면 )?(?:(?:please )?(?:reduce|lower|fix|improve|cut) (?:it"
    r"|that)|줄여|낮춰|개선해|고쳐)"
    r"\s?(?:줘|주세요|줄래|please|now)?[\s.!]*$"
)
_INHERITABLE = frozenset(
    [
        "costs",
        "savings",
        "commitments",
        "prices",
        "risk",
        "checkpoints",
        "audit",
        "fleet",
        "advice",
        "change",
        "statement",
        "forecast",
        "instances",
        "opportunities",
        "alerts",
    ]
)


@dataclass(frozen=True)
class Question:
    text: str
    lang: Lang
    intents: tuple[Intent, ...]
    mood: Mood
    found: Entities
    named: Named
    names_known: bool
    """whether the account's fleet names were at hand; otherwise `named` is empty or guessed from the form"""
    follows: Exchange | None = None
    """the exchange that this one goes on from"""
    why: bool = False
    facets: Facets = field(default_factory=Facets)
    unsure: bool = False
    """a fleet was named, and nothing else of the question was understood"""

    @property
    def fleets(self) -> tuple[str, ...]:
        return self.named.fleets


def understand(text: str, earlier: Sequence[Exchange], workloads: dict[str, str | None] | None) -> Question:
    """One question, read with the conversation before it.

    workloads  fleet name → workload tag of this account; None = not known (yet)
    """
    before = _before(earlier, workloads)
    if before and "risk" in before.intents and _LOWER_IT.match(normal(text)):
        text += " — reduce the risk" if language(text) == "en" else " 위험을 줄여줘"
    low = normal(text)
    named = _named(low, workloads)
    found = entities(_without(low, named.fleets))
    maybe_fleet = bool(named.fleets) or (workloads is None and bool(likely_names(low)))
    wants = intents(low, found, names_fleet=maybe_fleet, unnamed=_unnamed(low, named.fleets))
    feeling = mood(low, found)
    if bare := _bare_figure(low, named):
        found, wants, feeling = replace(found, change=bare), ("change",), "what-if"
    lang = language(text) if re.search(r"[A-Za-z가-힣]", text) or not before else before.lang
    why = _WHY.match(low) is not None
    asked = Question(text, lang, wants, feeling, found, named, workloads is not None, why=why, facets=facets(low))
    return _with_before(asked, low, before, earlier[-1], workloads) if before else _defaulted(asked)


_FIGURE = re.compile(
    r"^(?:and |what about |how about |with |at |to |= ?|→ ?)*(\d{1,4})\s?(%|percent\b|퍼센트|프로)?\s?"
    r"(?:대|개|instances|nodes|machines|boxes|servers)?(?:는|은|면|이면|라면|로|으로)?(?: (?:하면|가면|then"
    r"|instead|maybe))?$"
)


def _bare_figure(low: str, named: Named) -> Change | None:
    """«batch 30?», «web 70%?»: a fleet and a figure and nothing else, which is a what-if of its size or spot share."""
    if len(named.fleets) != 1 or named.guessed:
        return None
    rest = low.replace(normal(named.fleets[0]), " ", 1)
    found = _FIGURE.match(" ".join(re.sub(r"[^0-9a-z가-힣%→= ]", " ", rest).split()))
    if found is None:
        return None
    amount = int(found.group(1))
    if found.group(2):
        return Change(spot_percent=amount) if amount <= 100 else None
    return Change(desired=amount)


def _named(low: str, workloads: dict[str, str | None] | None) -> Named:
    if workloads is not None:
        return named_fleets(low, workloads)
    return Named(likely_names(low))


def _without(low: str, fleets: Sequence[str]) -> str:
    """The text with fleet names blanked, so that a digit in a name is no figure."""
    for name in fleets:
        if re.search(r"\d", name):
            low = low.replace(normal(name), "fleet")
    return low


def _unnamed(low: str, fleets: Sequence[str]) -> str:
    for name in fleets:
        low = re.sub(rf"(?<![0-9a-z._/-]){re.escape(normal(name))}(?![0-9a-z_/-])", " ", low)
    return low


def _before(earlier: Sequence[Exchange], workloads: dict[str, str | None] | None) -> Question | None:
    """The question before, itself read with those before it; four back at the most."""
    if not earlier:
        return None
    recent = tuple(earlier)[-4:]
    return understand(recent[-1].question, recent[:-1], workloads)


def _with_before(
    asked: Question,
    low: str,
    before: Question,
    last: Exchange,
    workloads: dict[str, str | None] | None,
) -> Question:
    """A question that leans on the one before takes from it what it leaves out: the thing wanted, the fleet, the "
    "span."""
    wants, named = _wants_after(asked, low, before), asked.named
    again = _AGAIN.search(low) is not None or _elliptic(low)
    taken = asked.found
    if not named.fleets and not taken.types and (again or asked.why or _leans(asked, wants) or _only_when(asked)):
        named = (_spoken_of(low, before, last, workloads)) if not named.strangers else named
        if before.found.types and not named.fleets:
            taken = replace(taken, types=before.found.types)
    if taken.window_hours is None and wants == before.intents and before.found.window_hours and again:
        taken = replace(taken, window_hours=before.found.window_hours)
    if taken.horizon is None and wants == before.intents and again:
        taken = replace(taken, horizon=before.found.horizon)
    if (
        "instances" in before.intents
        and asked.mood == "request"
        and not taken.instance_ids
        and _REPLACE_THEM.search(low)
    ):
        advised = _advised(last)
        taken, wants = replace(taken, instance_ids=advised), ("replace",) if advised else ("instances",)
    feeling = asked.mood
    if "change" in wants and "change" not in asked.intents:  # a follow-up to a change only looks at it
        feeling = "what-if"
        taken = before.found if not taken.change.says_something else taken
    lang = asked.lang if len(low) > 3 else before.lang
    return _defaulted(replace(asked, lang=lang, intents=wants, mood=feeling, found=taken, named=named, follows=last))


_REPLACE_THEM = re.compile(r"\breplac\w+|\bswap\b|\brecycle\b|교체|갈아|바꿔")


def _advised(last: Exchange) -> tuple[str, ...]:
    """Instances that the answer before advised to replace."""
    groups = [g for s in last.seen if s.tool == "assess_instances" for g in s.body.get("instance_groups") or []]
    advised = [
        g
        for g in groups
        if isinstance(g, dict)
        and any("replace-instances" in str(r.get("as_action")) for r in g.get("recommended") or [])
    ]
    return tuple(str(i) for g in advised for i in g.get("instance_ids") or [])[:20]


def _wants_after(asked: Question, low: str, before: Question) -> tuple[Intent, ...]:
    wants, short = asked.intents, len(low.split()) <= 7
    again = _AGAIN.search(low) is not None
    if asked.why:
        return ("explain",) if before.intents[:1] in (("change",), ("restore",), ("replace",)) else before.intents
    inherited = tuple(i for i in before.intents if i in _INHERITABLE)
    if asked.facets.per and short and set(wants) <= {"costs", "thanks"}:
        return inherited or ("costs",)
    if asked.facets.rank and short and again and set(wants) <= {"prices", "costs"} and not before.found.types:
        return ("costs",) if re.search(r"cheap|expens|cost|싼|싸|비싼|비싸", low) else inherited or wants
    if asked.facets.rank and short and not wants:
        return inherited
    if _only_names(wants) and short and _names_something(asked):
        return (inherited or wants) if again or not wants or _bare_names(low, asked) else wants
    return wants


def _only_when(asked: Question) -> bool:
    """«within 6 hours?»: a time to come and nothing else is of the thing spoken of."""
    return asked.found.horizon is not None and _only_names(asked.intents) and len(asked.text.split()) <= 5


def _names_something(asked: Question) -> bool:
    found = asked.found
    return bool(asked.named.fleets or found.types or found.window_hours or found.horizon)


def _spoken_of(low: str, before: Question, last: Exchange, workloads: dict[str, str | None] | None) -> Named:
    """The fleet of the question before, else the one that its answer began with, when «it» is said."""
    if before.named.fleets or not re.search(_ONE_THING, low):
        return before.named
    said = [n for n in re.findall(r"`([^`\n]+)`", last.answer) if n in (workloads or {})]
    return Named(fleets=tuple(said[:1]))


_ONE_THING = (
    r"\b(?:it|its|that one|this one|that fleet|this fleet)\b|그거|그것|그 fleet|그 ?플릿|이거|거기|해당|그건|얘|걔"
)


def _elliptic(low: str) -> bool:
    """«위험도는?», «risk?»: a noun and nothing else leaves its subject to the question before."""
    alone = r"\b(?:all|every|which|any|fleets|most|cheapest|riskiest)\b|모든|전체|어느|어떤|제일|가장"
    return len(low.split()) <= 2 and not re.search(alone, low)


def _only_names(wants: Sequence[Intent]) -> bool:
    return not wants or set(wants) <= {"fleet", "fleets", "overview", "glossary", "thanks"}


def _bare_names(low: str, asked: Question) -> bool:
    rest = _names_out(low, asked)
    return len(re.sub(r"[^a-z가-힣]", "", rest)) <= 6


def _names_out(low: str, asked: Question) -> str:
    for name in (*asked.named.fleets, *asked.found.types):
        low = low.replace(normal(name), " ")
    return low


def _leans(asked: Question, wants: Sequence[Intent]) -> bool:
    """A short question about one fleet that names none: it means the fleet spoken of."""
    if set(wants) == {"advice"} and len(asked.text.split()) <= 5:
        return True
    needs_one = {"checkpoints", "restore", "change", "rollback", "interval", "fleet", "watch"}
    return bool(set(wants) & needs_one) and not re.search(
        r"\b(?:all|every|which|any|fleets)\b|모든|전체|어느|어떤", asked.text
    )


def _defaulted(asked: Question) -> Question:
    """What to look at when a name was said and nothing else was understood."""
    if asked.intents:
        return asked
    wants: tuple[Intent, ...] = ()
    if asked.named.fleets or asked.named.strangers:
        wants = ("fleet",)
    elif asked.found.types:
        wants = ("prices",)
    return replace(asked, intents=wants, unsure=bool(asked.named.fleets) and _more_than_names(asked))


def _more_than_names(asked: Question) -> bool:
    return len(_names_out(normal(asked.text), asked).split()) >= 3
