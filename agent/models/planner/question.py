"""A question understood: what it wants, what it names, in which language, and what it takes over from before."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent.models.planner.conversation import Exchange
from agent.models.planner.entities import Entities, entities
from agent.models.planner.facets import Facets, facets
from agent.models.planner.figures import Lang
from agent.models.planner.intents import intents
from agent.models.planner.moods import Mood, mood
from agent.models.planner.names import Named, likely_names, named_fleets
from agent.models.planner.patterns import Intent
from agent.models.planner.text import language, normal

_AGAIN = re.compile(
    r"^(?:and|so|then|ok(?:ay)?|now|also|what about|how about|same (?:for|with)|그럼|그러면|그리고|또|근데|그렇다면"
    r"|혹시)\b|^(?:그럼|그러면|그리고|근데)"
    r"|\b(?:it|its|that one|this one|that fleet|this fleet|the same|them)\b|그거|그것|그 fleet|이거"
    r"|거기|해당|같은|그건|얘|걔"
)
_WHY = re.compile(r"^(?:but |and |so )?(?:why|how come|how so|what for|왜(?:요|죠|지|그래|그런데|그렇지|그렇죠)?"
                  r"|어째서|이유(?:는"
                  r"|가)?(?:\s?뭐)?[가-힣]*|근거[가-힣]*)(?: (?:is|was|that|so|not|이야|죠|그래|그런"
                  r"|그렇게)\b.{0,20})?[\s?!.]*$")  # fmt: skip
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
    facets: Facets = Facets()

    @property
    def fleets(self) -> tuple[str, ...]:
        return self.named.fleets


def understand(text: str, earlier: Sequence[Exchange], workloads: dict[str, str | None] | None) -> Question:
    """One question, read with the conversation before it.

    workloads  fleet name → workload tag of this account; None = not known (yet)
    """
    low = normal(text)
    before = _before(earlier, workloads)
    named = _named(low, workloads)
    found = entities(_without(low, named.fleets))
    maybe_fleet = bool(named.fleets) or (workloads is None and bool(likely_names(low)))
    wants = intents(low, found, names_fleet=maybe_fleet)
    lang = language(text) if re.search(r"[A-Za-z가-힣]", text) or not before else before.lang
    why = _WHY.match(low) is not None
    asked = Question(text, lang, wants, mood(low, found), found, named, workloads is not None, why=why)
    return _with_before(asked, low, before, earlier) if before else _defaulted(asked)


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


def _before(earlier: Sequence[Exchange], workloads: dict[str, str | None] | None) -> Question | None:
    """The question before, itself read with those before it; four back at the most."""
    if not earlier:
        return None
    recent = tuple(earlier)[-4:]
    return understand(recent[-1].question, recent[:-1], workloads)


def _with_before(asked: Question, low: str, before: Question, earlier: Sequence[Exchange]) -> Question:
    last = earlier[-1]
    wants, named, short = asked.intents, asked.named, len(low.split()) <= 7
    again = _AGAIN.search(low) is not None
    if asked.why:
        wants = ("audit",) if before.intents[:1] in (("change",), ("restore",), ("replace",)) else before.intents
        named = before.named if not named.fleets else named
    elif _only_names(wants) and short and (named.fleets or asked.found.types or asked.found.window_hours):
        inherited = tuple(i for i in before.intents if i in _INHERITABLE)
        wants = (inherited or wants) if again or not wants or _bare_names(low, asked) else wants
    taken = asked.found
    if not named.fleets and not taken.types and (again or asked.why or _leans(asked, wants)):
        named = before.named if not named.strangers else named
        if before.found.types and not named.fleets:
            taken = _with_types(taken, before.found)
    if taken.window_hours is None and wants == before.intents and before.found.window_hours and again:
        taken = _with_window(taken, before.found)
    feeling = asked.mood
    if "change" in wants and "change" not in asked.intents:  # a follow-up to a change only looks at it
        feeling = "what-if"
        taken = before.found if not taken.change.says_something else taken
    lang = asked.lang if len(low) > 3 else before.lang
    return _defaulted(Question(asked.text, lang, wants, feeling, taken, named, asked.names_known, last, asked.why))


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
    needs_one = {"checkpoints", "restore", "change", "rollback", "interval", "fleet"}
    return bool(set(wants) & needs_one) and not re.search(
        r"\b(?:all|every|which|any|fleets)\b|모든|전체|어느|어떤", asked.text
    )


def _with_types(found: Entities, before: Entities) -> Entities:
    return Entities(before.types, found.zones, found.regions, found.instance_ids, found.checkpoint_id,
                    found.window_hours, found.change)  # fmt: skip


def _with_window(found: Entities, before: Entities) -> Entities:
    return Entities(found.types, found.zones, found.regions, found.instance_ids, found.checkpoint_id,
                    before.window_hours, found.change)  # fmt: skip


def _defaulted(asked: Question) -> Question:
    """What to look at when a name was said and nothing else was understood."""
    if asked.intents:
        return asked
    wants: tuple[Intent, ...] = ()
    if asked.named.fleets or asked.named.strangers:
        wants = ("fleet",)
    elif asked.found.types:
        wants = ("prices",)
    return Question(asked.text, asked.lang, wants, asked.mood, asked.found, asked.named, asked.names_known,
                    asked.follows, asked.why)  # fmt: skip
