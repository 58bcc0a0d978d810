"""How a question wants its answer: the most or the least, how many, per which period, from two sides, by force."""

import re
from dataclasses import dataclass
from typing import Literal

HOURS: dict[str, float] = {"day": 24, "week": 168, "month": 730, "year": 8760}
"""a month of the AWS price pages: 730 h"""
_MOST = (
    r"\b(?:most|highest|biggest|largest|worst|riskiest|dearest|costliest|priciest|greatest|top)\b|\bmost expensive"
    r"|제일|가장|최고|최대(?!\s?가격)|순서|순으로|순위|\brank|\bsort|\border(?:ed)? by|랭킹|톱"
)
_LEAST = (
    r"\b(?:least|lowest(?!-price)|smallest|safest|cheapest|fewest)\b|"
    r"(?:제일|가장)\s?(?:싼|싸|저렴|안전|작|적|덜)|최저(?!\s?가)"
)
_PER = (
    ("day", r"\b(?:per|a|each|every)[\s-]?day\b|/\s?d(?:ay)?\b|\bdaily\b|하루에?|일일|매일|\b일당"),
    ("week", r"\b(?:per|a|each|every)[\s-]?week\b|\bweekly\b|주당|매주|일주일에"),
    ("month", (r"\b(?:per|a|each|every|this|next)[\s-]?month\b|/\s?mo(?:nth)?\b|\bmonthly\b|\bmonth'?s\b|한\s?달"
        r"|월간|매월|매달|이번\s?달|이달|월\s?(?:얼마|비용)|달에")),
    ("year", (r"\b(?:per|a|each|every|this|next)[\s-]?year\b|/\s?y(?:ea)?r\b|\b(?:yearly|annual(?:ly|i[sz]ed)?)\b"
        r"|연간|일\s?년|매년|1년")),
)  # fmt: skip
_COUNT = (
    r"\b(?:last|latest|top|first|recent|newest|past)\s+(\d{1,2})\b(?!\s*(?:h|hours?|d|days?|min|weeks?|months?|%))"
    r"|(?<![\d.])(\d{1,2})\s?(?:개|건|가지)(?!월)|\b(\d{1,2}) (?:most|latest|last|recent)\b"
)
_FORCE = (
    r"\b(?:bypass|ignore|skip|override|overrule|disable|disregard|circumvent|turn off|get around|forget)\b.{0,40}"
    r"\b(?:polic(?:y|ies)|approvals?|rules?|guard-?rails?|limits?|instructions?|prompt)"
    r"|\bwithout\b.{0,12}\bapproval|don'?t care about|admin mode|as (?:an? )?(?:root|admin)\b|developer mode|jailbreak"
    r"|(?:정책|승인|규칙|지시|한도|제한)\S{0,4}\s?(?:은|는|을|를)?\s?(?:무시|건너|우회|끄고|꺼|빼고|없이|필요\s?없)|관리자\s?모드"
)


@dataclass(frozen=True)
class Facets:
    rank: Literal["most", "least"] | None = None
    per: str | None = None
    """day, week, month or year: a rate is also wanted for this period"""
    count: int | None = None
    compares: bool = False
    by_force: bool = False
    """asks to go round policy or approval, which nobody can from here"""
    detail: bool = False
    """the whole is wanted: every row, every piece of evidence"""


def facets(text: str) -> Facets:
    """Of a normal text."""
    rank: Literal["most", "least"] | None = None
    if re.search(_LEAST, text, re.ASCII):
        rank = "least"
    elif re.search(_MOST, text, re.ASCII):
        rank = "most"
    found = re.search(_COUNT, text, re.ASCII)
    return Facets(
        rank=rank,
        per=next((name for name, pattern in _PER if re.search(pattern, text, re.ASCII)), None),
        count=int(next(filter(None, found.groups()))) if found and any(found.groups()) else None,
        compares=re.search(r"\bcompar|\bvs\b|versus|difference between|비교|차이|중에|\bor\b.{0,30}\bwhich\b"
                           r"|\bwhich\b.{0,60}\bor\b", text, re.ASCII) is not None,
        by_force=re.search(_FORCE, text, re.ASCII) is not None,
        detail=re.search(r"\b(?:all|every|each|full|detail\w*|evidence|list|history|everything)\b|전부|모두|자세|상세|근거|목록|내역",
                         text, re.ASCII) is not None,
    )  # fmt: skip
