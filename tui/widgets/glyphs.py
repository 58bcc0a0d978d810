"""Signs on the screen. Every sign has words beside it: neither colour nor a glyph is the only signal.

Box lines, arrows, dots and dashes are East-Asian-Ambiguous: a Korean terminal may draw them two columns wide
and break every table. The ASCII set has none.
"""

from dataclasses import dataclass
from decimal import Decimal

from tools.records import RiskLevel


@dataclass(frozen=True)
class Glyphs:
    ok: str
    bad: str
    running: str
    warn: str
    arrow: str
    dot: str
    dash: str
    bullet: str
    delta: str
    bar: str
    prompt: str
    risk: dict[RiskLevel, str]
    step: str
    """of a step chart: horizontal, vertical, and the corners └ ┘ ┌ ┐ (entering or leaving a level)"""
    level: str
    """the on-demand line"""
    taken: str
    """an interruption, over the prices at its moment"""
    rebalance: str
    bullets: tuple[str, ...]
    enter: str
    up: str
    down: str


UNICODE = Glyphs(
    ok="✓",
    bad="✗",
    running="◌",
    warn="!",
    arrow="→",
    dot="·",
    dash="—",
    bullet="•",
    delta="Δ",
    bar="│",
    prompt="›",
    risk={"low": "▁", "medium": "▄", "high": "█", "unknown": "?"},
    step="─│└┘┌┐",
    level="┄",
    taken="▼",
    rebalance="◇",
    bullets=("• ", "▪ ", "‣ ", "• ", "▪ "),
    enter="⏎",
    up="↑",
    down="↓",
)
ASCII = Glyphs(
    ok="ok",
    bad="X",
    running="..",
    warn="!",
    arrow="->",
    dot="|",
    dash="-",
    bullet="*",
    delta="change",
    bar="|",
    prompt=">",
    risk={"low": ".", "medium": "o", "high": "#", "unknown": "?"},
    step="-|++++",
    level=".",
    taken="v",
    rebalance="r",
    bullets=("* ", "- ", "+ ", "* ", "- "),
    enter="Enter",
    up="Up",
    down="Down",
)

RISK_STYLE: dict[RiskLevel, str] = {
    "low": "$success",
    "medium": "$warning",
    "high": "$error",
    "unknown": "$muted",
}


def usd(value: Decimal | None, *, places: int = 2, sign: bool = False) -> str:
    """$1,234.50; «unknown» where there is no number, which is never 0."""
    if value is None:
        return "unknown"
    mark = "-" if value < 0 else "+" if sign and value > 0 else ""
    return f"{mark}${abs(value):,.{places}f}"


def percent(share: float | None) -> str:
    return "unknown" if share is None else f"{share * 100:.0f}%"


def short_length(seconds: float | None) -> str:
    """45 s, 62 min, 17.7 h, 12.0 d: a length of time for a column."""
    if seconds is None:
        return "unknown"
    for most, unit, of in ((90.0, "s", 1), (5_400.0, "min", 60), (172_800.0, "h", 3_600)):
        if seconds < most:
            return f"{seconds / of:.{1 if unit == 'h' else 0}f} {unit}"
    return f"{seconds / 86_400:.1f} d"
