"""How far ahead a question looks: tonight, tomorrow, within six hours, next week. What is past is no horizon."""

import re
from dataclasses import dataclass

_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "twelve": 12, "couple of": 2, "few": 3, "한": 1, "두": 2, "세": 3, "네": 4, "다섯": 5, "여섯": 6,
    "일곱": 7, "여덟": 8, "열": 10,
}  # fmt: skip
_N = r"(\d+(?:\.\d+)?|(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|couple of|few|an?)(?=[ -]))"
_NK = r"(\d+(?:\.\d+)?|다섯|여섯|일곱|여덟|한|두|세|네|열)"
_UNITS = (
    (1 / 60, r"min(?:ute)?s?\b", r"분"),
    (1, r"h(?:(?:ou)?rs?)?\b", r"시간"),
    (24, r"d(?:ays?)?\b", r"일"),
    (168, r"w(?:ee)?ks?\b", r"주(?:일)?"),
    (720, r"mon(?:th)?s?\b", r"(?:개월|달)"),
)
_AHEAD_EN = (
    rf"(?:\b(?:within|in|over|for|during|inside)(?: of)? )?(?:the )?\b(?:next|coming|following"
    rf"|upcoming) (?:{_N}[ -]?)?{{unit}}"
    rf"|\b(?:within|inside(?: of)?|in)(?: the)? {_N}[ -]?{{unit}}(?! ago)"
    rf"|{_N}[ -]?{{unit}} (?:ahead|from now)"
    rf"|{_N}[ -]?{{unit}}[ -](?:long[ -])?(?:\w+ )?(?:jobs?|runs?|tasks?|training|workloads?|batch)\b"
    rf"|\b(?:surviv|last|liv|hold|stay|mak)\w* (?:up |out |on |it )?(?:for |through |at least "
    rf"|another )*{_N}[ -]?{{unit}}"
)
_AHEAD_KO = (
    rf"(?:앞으로|향후|다음|이후|추후)\s?{_NK}\s?{{unit}}(?:\s?(?:동안|안에?|이내에?|내에?|간))?"
    rf"|{_NK}\s?{{unit}}\s?(?:짜리|동안|간|정도)?\s?(?:작업|학습|훈련|실행|돌리|돌릴|돌려)"
    rf"|{_NK}\s?{{unit}}\s?(?:은|만|정도|동안)?\s?(?:더\s?)?(?:버티|버틸|버텨|살아|견디|견딜|유지)"
    rf"|{_NK}\s?{{unit}}\s?(?:안(?:에|으로)|이내|내에?(?=\s)|뒤|후)"
)
_NAMED = (  # the most telling first: «tomorrow night» is tomorrow
    (r"\bday after tomorrow\b|내일\s?모레|모레", 72),
    (r"\btomorrow\b|\btmrw?\b|\btomorow\b|\btommorow\b|\btommorrow\b|내일|낼(?=\s|$|까지|\?|은|도)|익일", 48),
    ((
        r"\bto-?night\b|\bovernight\b|\b(?:through|during|for|survive|over) the night\b|오늘\s?밤|밤사이|밤새|새벽"
        r"|(?<!어젯)(?<!지난 )(?<!어제 )밤에"
    ), 24),
    (r"\b(?:this|the) (?:afternoon|evening)\b|\blater today\b|\btoday\b|오늘|오후|저녁|퇴근", 24),
    (r"\b(?:next|coming) (?:few|couple of) days\b|며칠\s?(?:안|내|동안|사이)|사흘|이틀\s?(?:안|내|뒤|후|동안)", 72),
    (r"\b(?:this|next|the|coming|over the) week-?end\b|주말", 168),
    (r"\b(?:by|until|till|before|on|next) (?:mon|tues|wednes|thurs|fri|satur|sun)day\b|[월화수목금토]요일", 168),
    (r"\b(?:next|this|coming) week\b|다음\s?주|담\s?주|이번\s?주|일주일|한\s?주", 168),
    (r"\b(?:next|this|coming) month\b|다음\s?달|이번\s?달|한\s?달", 720),
)  # fmt: skip
_PAST = (
    r"\b(?:last|past|previous|ago|yesterday|since|so far|was|were|did)\b|지난|최근|어제|어젯밤|간밤|동안\s?(?:얼마"
    r"|몇)|(?:했|됐|였|갔|겼)"
)
MOST_HOURS = 90 * 24


@dataclass(frozen=True)
class Horizon:
    """hours  from now to its end, at most 90 days
    words  what the question said
    """

    hours: float
    words: str


def horizon(text: str) -> Horizon | None:
    """Of a normal text; None = it names no time to come."""
    counted = _counted(text)
    if counted is not None:
        return counted
    for pattern, hours in _NAMED:
        found = re.search(pattern, text, re.ASCII)
        if found and not re.search(_PAST, text[max(0, found.start() - 12) : found.start()], re.ASCII):
            return Horizon(hours, found.group(0).strip())
    return None


def without_horizon(text: str) -> str:
    """The text with its counted time to come blanked, so that it is no window of the past."""
    found = _counted(text)
    return text if found is None else text.replace(found.words, " ")


def _counted(text: str) -> Horizon | None:
    for size, en, ko in _UNITS:
        for pattern in (_AHEAD_EN.format(unit=en), _AHEAD_KO.format(unit=ko)):
            found = re.search(pattern, text, re.ASCII)
            if found is None or re.search(_PAST, found.group(0), re.ASCII):
                continue
            if re.search(r"(?:지난|최근|past|last)\s?$", text[: found.start()], re.ASCII):
                continue
            said = next((g for g in found.groups() if g), "1")
            amount = _NUMBERS.get(said) or float(said)
            return Horizon(min(amount * size, MOST_HOURS), found.group(0).strip())
    return None
