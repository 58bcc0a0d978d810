"""Figures as an answer shows them: always with a unit, and «unknown» where the tool said None."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from agent.models.planner.facets import HOURS
from agent.models.planner.korean import korean, particled

Lang = Literal["en", "ko"]
_UNKNOWN = {"en": "unknown", "ko": "모름"}


def number(value: Any) -> float | None:
    """A figure of a tool's JSON, where money is text; None when it is not one."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def usd(value: Any, lang: Lang, per: str = "h") -> str:
    """$1.23/h; four decimals below 10 dollars, where they matter."""
    amount = number(value)
    if amount is None:
        return _UNKNOWN[lang]
    sign = "−" if amount < 0 else ""
    digits = 2 if abs(amount) >= 10 or amount == 0 else 4
    return f"{sign}${abs(amount):,.{digits}f}/{per}" if per else f"{sign}${abs(amount):,.{digits}f}"


def percent(share: Any, lang: Lang) -> str:
    """A share 0..1 as percent."""
    value = number(share)
    return _UNKNOWN[lang] if value is None else f"{value * 100:.1f} %".replace(".0 %", " %")


def chance(share: Any, lang: Lang) -> str:
    """A probability 0..1 as percent; what is not certain is never shown as 0 or 100 %."""
    value = number(share)
    if value is None:
        return _UNKNOWN[lang]
    if value == 0:
        return "0 %"
    shown = value * 100
    if shown < 0.1:
        return "<0.1 %"
    if shown > 99.9:
        return ">99.9 %"
    return f"{shown:.0f} %" if 10 <= shown <= 90 else f"{shown:.1f} %".replace(".0 %", " %")


def between(low: Any, high: Any, lang: Lang) -> str:
    """A 90 % interval of a probability: 90 %: <0.1–57 %."""
    ends = chance(low, lang).removesuffix(" %"), chance(high, lang)
    return f"90 %: {ends[0]}–{ends[1]}"


def plain(value: Any, lang: Lang) -> str:
    """A number without a unit of its own, at most three decimals."""
    amount = number(value)
    return _UNKNOWN[lang] if amount is None else f"{amount:,.3f}".rstrip("0").rstrip(".")


def span(seconds: Any, lang: Lang) -> str:
    """A length of time in its largest fitting unit."""
    value = number(seconds)
    if value is None:
        return _UNKNOWN[lang]
    for size, en, ko in ((86_400, "days", "일"), (3_600, "h", "시간"), (60, "min", "분")):
        if value >= (5 if size == 86_400 else 1) * size:
            amount = f"{value / size:.1f}".removesuffix(".0")
            return f"{amount} {en}" if lang == "en" else f"{amount}{ko}"
    return f"{value:.0f} s" if lang == "en" else f"{value:.0f}초"


def moment(value: Any, lang: Lang) -> str:
    """2026-11-18 01:00 UTC."""
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return _UNKNOWN[lang]
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def named(text: Any) -> str:
    """Somebody else's text, inside code marks: markup and control characters in it mean nothing."""
    clean = re.sub(r"[`\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff|]", "", str(text))
    return f"`{clean[:80] or '?'}`"


def told(text: Any, limit: int = 240) -> str:
    """A tool's own sentence, as plain text: no markup, no control characters."""
    clean = re.sub(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]+", " ", str(text))
    clean = clean.replace("`", "")
    marked = re.search(r"[\[\]|]|<[A-Za-z/!?]|^\s*>", clean)
    clean = re.sub(r"([\\*_\[\]<>#|])", r"\\\1", clean) if marked else clean
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def plainly(text: Any, lang: Lang, limit: int = 240) -> str:
    """A tool's own sentence in the reader's language where it is a known one."""
    short = _UUID.sub(lambda found: f"{found.group(0)[:8]}…", str(text))
    whole, _, cut = short.rpartition("; ")
    short = whole if whole and cut.endswith("…") else short  # half a clause says nothing
    return told(korean(short) if lang == "ko" else short, limit)


_UUID = re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b")


def in_period(usd_per_hour: Any, period: str, lang: Lang) -> str:
    """$250.31/day: an hourly rate over a whole period, were nothing to change."""
    rate = number(usd_per_hour)
    unit = period if lang == "en" else {"day": "일", "week": "주", "month": "월", "year": "년"}[period]
    return usd(None if rate is None else rate * HOURS[period], lang, unit)


def basis(body: Mapping[str, Any], lang: Lang) -> str:
    """The line under figures: when they were true and who says so."""
    at, source = moment(body.get("as_of"), lang), told(body.get("source") or _UNKNOWN[lang], 400)
    return _basis_line(at, source, lang)


def _basis_line(at: str, source: str, lang: Lang) -> str:
    return f"_as of {at} · source: {source}_" if lang == "en" else f"_기준 시각 {at} · 출처: {source}_"


def bases_last(lines: Sequence[str], lang: Lang) -> list[str]:
    """The answer with its basis lines taken out and said once, after everything: one line a moment."""
    kept: list[str] = []
    sources: dict[str, dict[str, None]] = {}
    whole = "\n".join(lines)
    for line in (particled(whole) if lang == "ko" else whole).split("\n"):
        if found := _BASIS.fullmatch(line):
            for source in re.split(r", |; ", found.group(2)):
                if not source.endswith("…"):  # cut to fit: half a name is no source
                    sources.setdefault(found.group(1), {})[source] = None
        else:
            kept.append(line)
    return [*kept, "", *(_basis_line(at, ", ".join(names), lang) for at, names in sources.items())]


_BASIS = re.compile(r"_(?:as of|기준 시각) (.+?) · (?:source|출처): (.+)_")
