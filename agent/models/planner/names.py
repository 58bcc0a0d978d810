"""Which fleets a question means: exact names, names with a particle glued on, a part of one name, a near miss."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.models.planner.text import bare, latin_part, normal, words

_SOUNDS = {
    "배치": "batch",
    "렌더": "render",
    "렌더링": "render",
    "웹": "web",
    "카나리": "canary",
    "카나리아": "canary",
    "학습": "training",
    "훈련": "training",
    "트레이닝": "training",
    "에이피아이": "api",
    "트레인": "train",
}
_ORDINARY = frozenset(
    [
        "match",
        "patch",
        "watch",
        "catch",
        "latch",
        "bath",
        "back",
        "base",
        "basic",
        "beach",
        "tender",
        "reader",
        "sender",
        "border",
        "under",
        "order",
        "gender",
        "trend",
        "train",
        "trains",
        "trained",
        "training",
        "work",
        "works",
        "core",
        "cores",
        "web",
        "app",
        "data",
        "prod",
        "dev",
        "test",
        "main",
        "job",
        "jobs",
        "fleet",
        "fleets",
        "spot",
        "type",
        "types",
        "zone",
        "zones",
        "price",
        "prices",
        "last",
        "list",
        "risk",
        "cost",
        "costs",
        "save",
        "safe",
        "more",
        "less",
        "most",
        "mine",
        "make",
        "that",
        "this",
        "what",
        "when",
        "which",
        "there",
        "their",
        "then",
        "than",
        "them",
        "they",
        "have",
        "has",
        "name",
        "named",
        "both",
        "each",
        "other",
        "others",
        "render",
        "rendered",
        "api",
    ]
)
_NOT_NAMES = re.compile(
    r"on-demand|spot|price-capacity-optimized|capacity-optimized(?:-prioritized)?|lowest-price|savings-plan|"
    r"what-if|dry-run|max-price|as-of|read-only|auto-pilot|multi-az|\d[\d.,-]*"
    r"|[a-z]{2}-[a-z]+-\d[a-z]?|[a-z]{3,4}\d-az\d|"
    r"i-[0-9a-f]+|vol-[0-9a-f]+|snap-[0-9a-f]+|two-minute|real-time|long-term|short-term|right-now|up-to-date"
    r"|high-risk|low-risk|at-risk|vs|per-hour|"
    r"single-az|pre-empted|spot-heavy|roll-back|rollback|re-balance|year-long|one-year|three-year|cost-effective|"
    r"crash-consistent|application-consistent|dead-letters?|hands-off|kick-off|follow-up|built-in|set-up|stand-in|non-prod|pre-emption|per-instance|instance-hours?|ckpt-.*|"
    r"full-time|night-time|back-up|spotwarden-guard|auto-scaling|e-mail|[a-z]*-?optimi[sz]ed|day-to-day"
)


@dataclass(frozen=True)
class Named:
    """Fleets meant by a text."""

    fleets: tuple[str, ...] = ()
    guessed: tuple[tuple[str, str], ...] = ()
    """(as written, as read) where the spelling differed"""
    strangers: tuple[str, ...] = ()
    """words that look like fleet names and are none"""
    sure: bool = True
    """False: a guess too far to act on"""


def named_fleets(text: str, workloads: Mapping[str, str | None]) -> Named:
    """Fleets of an account meant by a normal text.

    workloads  fleet name → its workload tag, which somebody else wrote: only compared, never obeyed
    """
    exact = _exact(text, tuple(workloads))
    rest = text
    for name in exact:
        rest = rest.replace(normal(name), " ")
    by_part, guessed = _parts(rest, [n for n in workloads if n not in exact], workloads), []
    sure, strangers = True, []
    if not exact and not by_part:
        for word in dict.fromkeys(filter(None, (latin_part(w) or bare(w) for w in words(rest)))):
            near, ratio = _nearest(word, tuple(workloads))
            if near:
                guessed.append((word, near))
                sure = sure and ratio >= 0.78
            elif _looks_like_a_name(word, rest):
                strangers.append(word)
    fleets = dict.fromkeys([*exact, *by_part, *(name for _, name in guessed)])
    return Named(tuple(fleets), tuple(guessed), tuple(strangers), sure)


def likely_names(text: str) -> tuple[str, ...]:
    """Words that look like a fleet's name, for when no inventory can be read."""
    found = (latin_part(w) for w in words(text))
    return tuple(dict.fromkeys(w for w in found if w and _looks_like_a_name(w, text)))


def _exact(text: str, names: Sequence[str]) -> tuple[str, ...]:
    """Longest names first, so that `web` is not found inside `web-canary`; in the order of the text."""
    at: dict[str, int] = {}
    rest = text
    for name in sorted(names, key=len, reverse=True):
        low = normal(name)
        if not low:
            continue
        spelled = re.escape(low).replace(r"\-", r"[-_ ]?").replace("_", r"[-_ ]?") if len(low) > 5 else re.escape(low)
        found = re.search(rf"(?<![0-9a-z._/-]){spelled}(?![0-9a-z_/-]|\.[0-9a-z])", rest)
        if found:
            at[name] = found.start()
            rest = rest[: found.start()] + " " * (found.end() - found.start()) + rest[found.end() :]
    return tuple(sorted(at, key=lambda name: at[name]))


def _parts(text: str, names: Sequence[str], workloads: Mapping[str, str | None]) -> tuple[str, ...]:
    """A fleet meant by one word of its name or by its workload, when only one fleet fits."""
    said = {latin_part(w) or bare(w) for w in words(text)}
    said |= {_SOUNDS[w] for w in said if w in _SOUNDS} | {_SOUNDS[bare(w)] for w in words(text) if bare(w) in _SOUNDS}
    spoken = {_SOUNDS[bare(w)] for w in words(text) if bare(w) in _SOUNDS}
    out: list[str] = []
    for word in sorted(said):
        if len(word) < 2:
            continue
        fits = [n for n in names if word in re.split(r"[-_. ]", normal(n)) or word == normal(n)]
        fits = fits or [n for n in names if word == normal(workloads[n] or "")]
        ordinary = word in _ORDINARY and word not in spoken
        if len(fits) == 1 and (not ordinary or _beside_fleet(word, text)):
            out.append(fits[0])
    return tuple(dict.fromkeys(out))


def _beside_fleet(word: str, text: str) -> bool:
    """«the web fleet», «training job»: an ordinary word that the text uses as a name."""
    return (
        re.search(rf"\b{re.escape(word)}\s*(?:fleet|group|job|cluster|tier|workload|잡|작업|서버|팀)", text) is not None
    )


def _nearest(word: str, names: Sequence[str]) -> tuple[str | None, float]:
    if len(word) < 4 or word in _ORDINARY or _NOT_NAMES.fullmatch(word):
        return None, 0.0
    scored = [
        (difflib.SequenceMatcher(None, word, normal(n)).ratio(), n) for n in names if abs(len(n) - len(word)) <= 3
    ]
    ratio, name = max(scored, default=(0.0, ""))
    return (name, ratio) if ratio >= 0.74 else (None, ratio)


def _looks_like_a_name(word: str, text: str) -> bool:
    if _NOT_NAMES.fullmatch(word) or "." in word or "/" in word or len(word) < 3:
        return False
    if re.fullmatch(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)+", word):
        return True
    if word in _ORDINARY or not re.fullmatch(r"[a-z][a-z0-9_-]+", word):
        return False
    quoted = re.escape(word)
    called = (
        rf"\b(?:the|our|my|of) {quoted} (?:fleet|asg|group|cluster)\b|^{quoted} fleet\b"
        rf"|\bfleet (?:called |named )?['\"]?{quoted}\b|['\"]{quoted}['\"]"
        rf"|\b(?:make|protect|diversify|scale|describe|restore) {quoted}\b"
    )
    return re.search(called, text) is not None and not _FUNCTION_WORDS.fullmatch(word)


_FUNCTION_WORDS = re.compile(
    r"called|named|is|are|with|has|and|the|our|all|every|everything|names|sure|down|out|back|from|last|your|you|"
    r"which|what|whole|entire|other|riskiest|cheapest|safest|biggest|largest|smallest|worst|best|expensive|any|some"
    r"|each|both|"
    r"single|second|first|next|list|show|describe|compare|what's|spot-only|"
    r"yourself|its|them|myself|something|things|up|it|to|for|of|in|on|at|we|they|use|now|please|my|a|an"
)
