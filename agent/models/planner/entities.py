"""What a question names: types, zones, spans of time, percentages, counts, purchase options."""

import re
from dataclasses import dataclass

from agent.models.planner.hardware import Hardware, hardware
from agent.models.planner.horizons import Horizon, horizon, without_horizon

TYPE = r"\b[a-z][a-z0-9-]{1,12}\.(?:nano|micro|small|medium|large|metal|\d{0,2}xlarge)(?![a-z0-9])"
_NUMBER_WORDS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "zero": 0, "twelve": 12, "twenty": 20, "thirty": 30, "a": 1, "an": 1, "한": 1, "두": 2, "세": 3, "네": 4, "다섯": 5,
    "여섯": 6, "일곱": 7, "여덟": 8, "아홉": 9, "열": 10, "일": 1, "이": 2, "삼": 3, "육": 6,
}  # fmt: skip
_N = r"(\d+(?:\.\d+)?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|thirty|an?)"
_NK = r"(\d+(?:\.\d+)?|다섯|여섯|일곱|여덟|아홉|한|두|세|네|열|육|일|삼)"
_PERIODS = (  # hours of one unit; English and Korean words for it
    (1 / 60, r"min(?:ute)?s?\b", r"분"),
    (1, r"h(?:(?:ou)?rs?)?\b", r"시간"),
    (24, r"d(?:ays?)?\b", r"일(?!반|부|정|곱|단)"),
    (168, r"w(?:eeks?)?\b", r"주(?:일|간)?"),
    (720, r"mon(?:th)?s?\b", r"(?:개월|달)"),
    (8760, r"y(?:ears?|rs?)?\b", r"년"),
)
_YEAR_HOURS = 8760
"""and twelve months have as many"""
_NAMED_PERIODS = (
    (r"last night|overnight|어젯밤|지난\s?밤|간밤|밤사이|밤새", 24),
    (r"\btoday|오늘|24/7", 24),
    (r"yesterday|어제", 48),
    (r"(this|past|last|previous) week\b|이번\s?주|지난\s?주|저번\s?주|일주일|한\s?주", 168),
    (r"fortnight", 336),
    (r"(this|past|last|previous) month\b|이번\s?달|지난\s?달|저번\s?달|한\s?달|이달", 720),
    (r"(this|past|last|previous) quarter\b|분기", 2160),
    (r"(this|past|last|previous) year\b|올해|작년|지난\s?해|일\s?년", 8760),
    (r"이틀|couple (?:of )?days", 48),
    (r"사흘|(?:few|several) days|며칠", 72),
    (r"나흘", 96),
    (r"닷새", 120),
    (r"열흘", 240),
    (r"보름|couple (?:of )?weeks", 336),
    (r"반나절|half a day", 12),
    (r"(this|past|last|previous) (day|24)\b|하루", 24),
    (r"(past|last|previous) hour\b", 1),
)
STRATEGIES = (
    ("price-capacity-optimized", r"price[\s_-]*capacity[\s_-]*optimi[sz]ed|\bpco\b|가격[\s-]*용량[\s-]*최적화"),
    ("capacity-optimized-prioritized", r"(?<!price-)capacity[\s_-]*optimi[sz]ed[\s_-]*prioriti[sz]ed"),
    ("capacity-optimized", r"(?<!price-)(?<!price )capacity[\s_-]*optimi[sz]ed(?![\s_-]*prior)"),
    ("capacity-optimized", r"(?<!가격 )용량\s*최적화"),
    ("lowest-price", r"lowest[\s_-]*price|최저\s*가(?:격)?"),
    ("diversified", (r"diversified (?:allocation )?strategy|(?:to|as|use) diversified\b|strategy (?:to )?diversified"
                    r"|diversified로")),
)  # fmt: skip
_PARTICLE = r"(?:을|를|은|는|이|가|도|만)?"
_TO = r"(?:to|at|=|:|→|of|is|as|was|were|be)?"
_FROM = r"(?:(?:from\s*)?\d+\s*%?\s*(?:대|개)?\s*(?:→|to|에서|-|부터)\s*)?"
_SHARE_WORD = (
    r"(?:\s*(?:비율|비중|share|ratio|percentage|percent|portion|mix|instances?|인스턴스|capacity|above base))*"
)
_NO_SPOT = (
    r"spot\S{0,2}\s?(?:말고|대신|빼고|안\s?쓰고|없이|없으면)\s?|\bon-demand (?:instead of|rather than|not) spot"
    r"|\b(?:without|stop using|quit|drop) (?:any )?spot\b|\bno (?:more )?spot\b"
)
_NO_ON_DEMAND = (
    r"on-demand\S{0,2}\s?(?:말고|대신|빼고|안\s?쓰고|없이|없으면)\s?|\bspot (?:instead of|rather than|not) on-demand"
    r"|\b(?:without|stop using|quit|drop) (?:any )?on-demand\b(?! base)|\bno (?:more )?on-demand\b"
)
_DOUBLES = r"\bdoubl(?:es|ed|ing)\b|\btwice (?:the size|as (?:big|large|many))"
_PERCENT = r"(\d{1,3})\s*(?:%|percent\b|pct\b|퍼센트|프로(?!젝|세|그|덕))"


@dataclass(frozen=True)
class Change:
    """Purchase options that a question names, absolute; «by» values are relative and become absolute later."""

    base: int | None = None
    spot_percent: int | None = None
    strategy: str | None = None
    desired: int | None = None
    desired_by: int | None = None
    desired_times: float | None = None
    base_by: int | None = None
    types_word: str | None = None
    """add, remove or only: what to do with the named types"""

    @property
    def says_something(self) -> bool:
        return self != Change()


@dataclass(frozen=True)
class Entities:
    types: tuple[str, ...]
    zones: tuple[str, ...]
    regions: tuple[str, ...]
    instance_ids: tuple[str, ...]
    checkpoint_id: str | None
    window_hours: int | None
    change: Change
    horizon: Horizon | None = None
    """how far ahead is asked"""
    hardware: Hardware | None = None
    """the machine that is described"""


def entities(text: str) -> Entities:
    """Everything named in a normal text."""
    zones = tuple(
        dict.fromkeys(re.findall(r"\b[a-z]{2}(?:-[a-z]+){1,2}-\d[a-z](?![0-9a-z])|\b[a-z]{3,4}\d-az\d(?!\d)", text))
    )
    regions = tuple(dict.fromkeys(re.findall(r"\b[a-z]{2}(?:-[a-z]+){1,2}-\d(?![\da-z])", text)))
    cities = [
        (r"서울|\bseoul", "ap-northeast-2"),
        (r"도쿄|\btokyo", "ap-northeast-1"),
        (r"\bireland|아일랜드", "eu-west-1"),
    ]
    named = tuple(region for pattern, region in cities if re.search(pattern, text))
    checkpoint = re.search(
        r"\b(?:ckpt|checkpoint|step|epoch)[-_][0-9a-z._-]*\d[0-9a-z._-]*|\b[0-9]{8}t[0-9]{6}z?\b", text
    )
    return Entities(
        types=tuple(dict.fromkeys(re.findall(TYPE, text))),
        zones=zones,
        regions=regions + named,
        instance_ids=tuple(dict.fromkeys(re.findall(r"(?<![a-z0-9-])i-[0-9a-f]{3,17}(?![0-9a-z])", text))),
        checkpoint_id=checkpoint.group(0) if checkpoint else None,
        window_hours=window(without_horizon(text)),
        change=change(text),
        horizon=horizon(text),
        hardware=hardware(text),
    )


def window(text: str) -> int | None:
    """The span asked about, whole hours; «every 2 hours» and «takes 90 seconds» are no windows."""
    cleaned = re.sub(
        r"(?:every|takes?|cost of|마다|steps?)\s*(?:about\s*)?\d+\s*\w+|\d+\s*(?:시간|분|초|일)\s?(?:마다|간격|걸)",
        " ",
        text,
    )
    for hours, english, korean in reversed(_PERIODS):
        found = re.search(rf"(?<![\w.]){_N}[\s-]*{english}", cleaned) or re.search(
            rf"(?<![\w.]){_NK}\s*{korean}", cleaned
        )
        if found and not (
            found.group(1) in {"a", "an"} and not re.search(r"(last|past|previous) an?\b|over a|half a", cleaned)
        ):
            count = _count(found.group(1))
            return max(1, round(count * (_YEAR_HOURS / 12 if hours == 720 and count % 12 == 0 else hours)))
    return next((hours for pattern, hours in _NAMED_PERIODS if re.search(pattern, cleaned)), None)


def change(text: str) -> Change:
    """The purchase options that a normal text names."""
    text = re.sub(r"\bto zero\b", "to 0", text)
    strategy = next((name for name, pattern in STRATEGIES if re.search(pattern, text)), None)
    base = 0 if re.search(_NO_ON_DEMAND, text) else _base(text)
    by, times = _relative(text)
    base_by = _base_by(text)
    desired = None if base_by is not None or by is not None or times is not None else _desired(text)
    return Change(
        base=base if base_by is None else None,
        spot_percent=_spot_percent(text),
        strategy=strategy,
        desired=desired,
        desired_by=by if base_by is None else None,
        desired_times=times,
        base_by=base_by,
        types_word=_types_word(text),
    )


def _base_by(text: str) -> int | None:
    """The base so many more or less: «lower the base by 1», «base 하나 줄여줘»."""
    found = re.search(
        r"\b(raise|increase|bump|lower|reduce|decrease|drop"
        r"|cut)\b[^.;]{0,40}\bbase\b[^.;]{0,25}\bby\s+(\d+|an?(?= (?:step|notch))|one|two|three)",
        text,
    )
    if found:
        amount = int(_count(found.group(2)))
        return amount if re.match(r"raise|increase|bump", found.group(1)) else -amount
    found = re.search(
        (
            r"(?:base|베이스|기본\s?용량)(?:를|을|는)?\s*(하나|둘|한|두|세|\d+)\s*(?:대|개|단계|칸)?(?:만큼|만|씩|를|을)?\s*(?:더\s*)?(줄"
            r"|낮|내려|내리|빼|늘|올|추가)"
        ),
        text,
    )
    if more := re.search(
        r"\badd(?:ing)?\s+(\d+|one|two|three)\s+(?:more\s+)?(?:to the\s+)?(?:on-demand\s+)?base\b", text
    ):
        return int(_count(more.group(1)))
    if not found:
        return None
    amount = {"하나": 1, "둘": 2}.get(found.group(1)) or int(_count(found.group(1)))
    return amount if found.group(2) in {"늘", "올", "추가"} else -amount


def _count(text: str) -> float:
    return _NUMBER_WORDS[text] if text in _NUMBER_WORDS else float(text)


def _first(patterns: tuple[str, ...], text: str, ceiling: int = 10_000) -> int | None:
    for pattern in patterns:
        if (found := re.search(pattern, text)) and int(found.group(1)) <= ceiling:
            return int(found.group(1))
    return None


def _base(text: str) -> int | None:
    if below := re.search(r"\bbase\b\S{0,2}\s?(\d+)\s?\S{0,2}\s?(?:밑|아래|미만)|\bbase\b.{0,12}\bbelow (\d+)", text):
        return max(0, int(below.group(1) or below.group(2)) - 1)
    unit = r"(?!\d)(?!\s*(?:%|percent|퍼센트|프로))"
    return _first(
        (
            rf"\bbase(?:[\s_-]*capacity|\s*용량)?\s*{_PARTICLE}\s*{_FROM}{_TO}\s*(\d+){unit}",
            (
                rf"\bbase(?:[\s_-]*capacity|\s*용량)?(?:\s+(?:of|for|on|in)\s+[\w.-]+)?\s+{_FROM}(?:to|at|="
                rf"|→)\s*(\d+){unit}"
            ),
            rf"(?<![\w.])(\d+){unit}\s*(?:instances?\s*)?on-demand base\b",
            (
                rf"\b(?:used?|uses|using|had|has|with|ran)\s+(\d+){unit}\s+on-demand(?:\s*[?.!]*$|\s+(?:instances"
                rf"|nodes|machines|boxes))"
            ),
            rf"(\d+){unit}\s*(?:대|개)?\s*(?:instances?\s*)?(?:as|for)\s*(?:the\s*)?(?:on-demand\s*)?base",
            (
                rf"(?:at least|minimum(?: of)?|keep|guarantee|always|최소|적어도|항상)\s*(\d+){unit}\s*(?:대"
                r"|개)?\s*(?:의)?\s*(?:instances?\s*)?(?:on\s*)?on-demand"
            ),
            (
                rf"(?:need|want|keep|guarantee|have|with)\s+(\d+){unit}\s*(?:guaranteed\s+)?on-demand\s+(?:nodes"
                r"|instances|machines)"
            ),
            rf"base(?:를|은|는)?\s+\S+\s+(\d+){unit}\s*(?:대|개)?(?:으로|로)",
            rf"on-demand\s*(?:instances?|인스턴스|nodes?)?\s*{_PARTICLE}\s*(?:최소|적어도|at least|항상)\s*(\d+){unit}",
            rf"on-demand\s*(?:인스턴스)?\s*{_PARTICLE}\s*(\d+)\s*(?:대|개)",
        ),
        text,
    )


def _spot_percent(text: str) -> int | None:  # noqa: PLR0911 - one return a case
    """Percent of capacity above the base that is spot."""
    if re.search(r"max(?:imum)?[\s-]*(?:spot[\s-]*)?price|price cap|\bbid|최대\s?가격|상한가|입찰", text):
        return None
    spot = _first(
        (
            rf"\bspot{_SHARE_WORD}\s*{_PARTICLE}\s*{_FROM}{_TO}\s*{_PERCENT}",
            rf"\bspot{_SHARE_WORD}(?:\s+(?:of|for|on|in)\s+[\w.-]+)?\s+{_FROM}(?:to|at|=|→)\s*{_PERCENT}",
            rf"{_PERCENT}\s*(?:of (?:the )?[\w.-]+\s*)?(?:on|to|in|as|의|는|은|만|를|을)?\s*spot",
            (
                rf"\bspot{_SHARE_WORD}\s*{_PARTICLE}\s*{_FROM}{_TO}\s*(\d{{1,3}})(?=\s*[?.!]*$|\s*(?:으로|로|면"
                rf"|이면)(?:\s|$))"
            ),
            r"\b(\d{1,3})\s*/\s*\d{1,3}\s*spot",
        ),
        text,
        100,
    )
    if spot is not None:
        return spot
    on_demand = _first(
        (
            rf"on-demand{_SHARE_WORD}\s*{_PARTICLE}\s*{_FROM}{_TO}\s*{_PERCENT}",
            rf"on-demand{_SHARE_WORD}(?:\s+(?:of|for|on|in)\s+[\w.-]+)?\s+{_FROM}(?:to|at|=|→)\s*{_PERCENT}",
            rf"{_PERCENT}\s*(?:of (?:the )?[\w.-]+\s*)?(?:on|to|in|as|의|는|은|만|를|을)?\s*on-demand",
        ),
        text,
        100,
    )
    if on_demand is not None:
        return 100 - on_demand
    if re.search(_NO_ON_DEMAND, text):
        return 100
    if re.search(_NO_SPOT, text):
        return 0
    if re.search(
        r"(?:all|fully|entirely|only|purely|completely|전부|모두|다|전량|100프로)\s*(?:on\s+|to\s+|use\s+"
        r"|in\s+)?spot|spot[\s-]*only|spot(?:으로|로|으로만)\s?만|spot만",
        text,
    ):
        return 100
    if re.search(
        r"(?:all|fully|entirely|only|purely|completely|전부|모두|다|전량)\s*(?:on\s+|to\s+|use\s+"
        r"|in\s+)?on-demand|on-demand[\s-]*only|on-demand(?:로|으로)\s?만|on-demand만",
        text,
    ):
        return 0
    moved = re.search(
        r"\b(?:move|switch|migrate|put|convert|run|shift|moved|switched|migrated|ran|moving"
        r"|running)\b[^.;,]{0,40}\b(?:to|on|onto|into|over to)\s+"
        r"(spot|on-demand)\b(?! (?:price|base|share|capacity|percent))|(spot|on-demand)(?:으로|로)\s*(?:다\s*"
        r"|전부\s*|모두\s*)?(?:옮|돌[려리]|바꾸|바꿔|전환|이전|이동)",
        text,
    )
    if moved:
        return 100 if "spot" in moved.groups() else 0
    if re.search(
        r"half\s+(?:of\s+(?:it\s+)?)?(?:on\s+|in\s+)?spot|spot\s*(?:을|를|비율을)?\s*(?:절반|반)|절반.{0,6}spot|반반",
        text,
    ):
        return 50
    return None


def _desired(text: str) -> int | None:
    stop = (
        r"(?!\d)(?!\s*(?:%|percent|퍼센트|프로|:|시간|분|초|일|개월|h\b|hours?|days?|min|달러|\$|st\b|nd\b|rd\b|th\b))"
    )
    found = _first(
        (
            (
                r"desired(?:[\s_-]*(?:capacity|count|size))?(?:\s+(?:of"
                rf"|for)\s+[\w.-]+)?\s*{_PARTICLE}\s*{_FROM}{_TO}\s*(\d+){stop}"
            ),
            (
                rf"\b(?:scale|resize|grow|shrink|size|expand|trim|pare|ramp|dial|crank|boost|slim)\b[^.;?%]*?\b(?:to"
                rf"|=|→|at)\s*(\d+){stop}"
            ),
            rf"(?:용량|대수|인스턴스|인스턴스 수|노드|규모|희망 용량)\s*{_PARTICLE}\s*{_FROM}(\d+)\s*(?:대|개)?{stop}",
            r"(\d+)\s*(?:대|개)\s*(?:로|까지|으로)",
            rf"\bcosts? (?:me |us )?(?:at|with|for)\s+(\d+){stop}(?=\s*[?.!]*$)",
            rf"\bwhat\s+(\d+){stop}\s+(?:\w+ )?(?:would|costs?)\b",
            r"(\d+)\s*대\s*(?:면|이면|라면|일\s?때|짜리)",
            (
                r"(?:to|at|run|have|need|with|had)\s+(\d+)\s+(?:instances|nodes|machines|workers|servers|replicas"
                r"|boxes|vms|units)"
            ),
            rf"(?:스케일|확장|축소)[^.?]*?(\d+){stop}",
            (
                r"(?:scale|increase|decrease|reduce|raise|lower|bring|take"
                rf"|set)\s+(?:the\s+)?(?:[\w.-]+\s+){{1,4}}(?:down\s+|up\s+)?to\s+(\d+){stop}"
            ),
        ),
        text,
    )
    return None if found is not None and _base(text) == found else found


def _relative(text: str) -> tuple[int | None, float | None]:  # noqa: PLR0911 - one return a case
    """(instances more or less, factor): «by 5», «5대 늘려», «double»."""
    up = r"increase|grow|raise|scale up|scale out|add|expand|bump"
    down = r"decrease|shrink|reduce|lower|scale down|scale in|remove|drop"
    unit = r"(?!\s*(?:%|percent|types?|pools?|zones?))"
    if found := re.search(rf"\b({up}|{down})\b[^.;?]*?\bby\s+(\d+){unit}", text):
        return int(found.group(2)) * (1 if re.match(up, found.group(1)) else -1), None
    if found := re.search(
        rf"\b(?:scale|bring|take|dial|ramp)\b[^.;?]*?\b(up|out|down"
        rf"|in)\b[^.;?]*?\bby\s+(\d+){unit}",
        text,
    ):
        return int(found.group(2)) * (1 if found.group(1) in {"up", "out"} else -1), None
    if found := re.search(r"\badd\s+(\d+)\s+(?:more\s+)?(?:instances|nodes|machines|workers|servers)", text):
        return int(found.group(1)), None
    if found := re.search(r"(\d+)\s*대\s*(?:씩\s*|만\s*|를\s*|을\s*|만큼\s*)?(?:더\s*)?(늘|추가|증설|줄|감|빼)", text):
        return int(found.group(1)) * (1 if found.group(2) in {"늘", "추가", "증설"} else -1), None
    if re.search(
        r"(?<!paying )(?<!pay )\bdouble (?:the )?(?:size|capacity|[\w-]+$|[\w-]+ fleet)|(?:두"
        r"|2)\s?배(?:로|면|\s?늘)",
        text,
    ):
        return None, 2.0
    if re.search(_DOUBLES, text) and not re.search(r"(?:bill|cost|price|spend|invoice)\w* (?:\w+ )?doubl", text):
        return None, 2.0
    if re.search(
        r"\bhalve\b|(?:cut|scale|shrink|reduce)\b.{0,30}(?:in|by) half|(?:절반|(?<![가-힣])반)(?:으로"
        r"|만)?\s?(?:줄|축소|낮|깎)",
        text,
    ):
        return None, 0.5
    return None, None


def _types_word(text: str) -> str | None:
    if not re.search(TYPE, text):
        return None
    if re.search(r"\b(?:remove|drop|exclude|without|stop using|take out)\b|제거|빼|제외|없애", text):
        return "remove"
    if re.search(
        r"\b(?:only|just|exclusively)\b.{0,40}"
        + TYPE
        + r"|instance types? to\b|만\s?(?:사용|쓰)|(?:타입|유형)(?:을|를)\s.{0,60}로\s",
        text,
    ):
        return "only"
    if re.search(r"\b(?:add|include|allow|also use|plus)\b|추가|포함|넣어", text):
        return "add"
    return None
