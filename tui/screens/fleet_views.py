"""What the fleet screen can show of its pools: prices, how likely they are taken, which to choose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from textual.content import Content

from tools.choice.reasons import ADVISOR_MEANS, PLACEMENT_MEANS
from tools.figures import share, span
from tools.records import (
    AdvisorBand,
    CapacityPool,
    Fleet,
    Interruption,
    InterruptionForecast,
    Opportunity,
    OpportunityAnalysis,
    PlacementScore,
    PoolForecast,
    PoolPrices,
    PriceAnalysis,
    RiskScore,
)
from tui.charts.text import risk_bar, scale_end
from tui.safe_text import safe_text
from tui.widgets.glyphs import ASCII, Glyphs, percent, usd
from tui.widgets.table import Column, Words, risk_words

View = Literal["prices", "forecast", "choice", "changes"]
Rows = list[tuple[str, list[str | Words]]]
UNKNOWN = "unknown"
BAR_COLUMNS, CELL_COLUMNS = 40, 16
_LABEL_COLUMNS, _CHANCE_COLUMNS = 7, 24

PRICES = (
    Column("POOL", 20, flex=True),
    Column("N", 3, right=True),
    Column("NOW", 8, right=True),
    Column("MEAN", 8, right=True, drop=1),
    Column("LIST", 8, right=True, drop=2),
    Column("SAVES", 7, right=True),
    Column("RISK", 9),
)
WAITING = PRICES[:2]
_SIGNS = ("placement score", "Spot Advisor")
"""reasons that are told with their dates below"""
_ADVICE_INK = {"use": "low", "use with care": "medium", "avoid": "high", UNKNOWN: UNKNOWN}


def choice_columns(found: OpportunityAnalysis) -> tuple[Column, ...]:
    """The chance and its interval also on one scale, whose end stands over it."""
    return (
        Column("POOL", 20, flex=True),
        Column("MEAN", 8, right=True),
        Column("USEFUL H", 8, right=True),
        Column("SAVES", 7, right=True),
        Column(span(found.horizon_hours * 60).upper(), 7, right=True),
        Column(f"0 TO {_end(found) * 100:g} %", CELL_COLUMNS, drop=2),
        Column("ADVISOR", 7, right=True, drop=3),
        Column("PLACED", 7, right=True, drop=4),
        Column("SCORE", 7, right=True, drop=1),
        Column("ADVICE", 13),
    )


def _end(found: OpportunityAnalysis) -> float:
    day = [_at_horizon(o, found) for o in found.opportunities]
    return scale_end([v for i in day if i for v in (i.probability, i.high)])


def forecast_columns(found: InterruptionForecast) -> tuple[Column, ...]:
    """A column for each horizon that was asked for."""
    horizons = found.pools[0].within if found.pools else ()
    return (
        Column("POOL", 20, flex=True),
        Column("N", 3, right=True),
        *(Column(span(i.horizon_minutes).upper(), 7, right=True) for i in horizons),
        Column("ADVISOR", 7, right=True, drop=2),
        Column("PLACED", 7, right=True, drop=1),
        Column("RISK", 9),
    )


@dataclass(frozen=True)
class Counts:
    """Spot and on-demand instances of a fleet by pool."""

    fleet: Fleet

    def of(self, pool: CapacityPool) -> int:
        from tools.risk.knowledge import same_pool

        return sum(n for own, n in self.fleet.pools().items() if same_pool(own, pool))


# rows


def price_rows(prices: PriceAnalysis, counts: Counts, levels: Mapping[str, RiskScore], glyphs: Glyphs) -> Rows:
    used_first = sorted(prices.pools, key=lambda p: -counts.of(p.pool))
    return [(p.pool.label, _price_row(p, counts, levels.get(p.pool.label), glyphs)) for p in used_first]


def waiting_rows(prices: PriceAnalysis, counts: Counts) -> Rows:
    """The pools, while what is to be told of them is read."""
    used_first = sorted(prices.pools, key=lambda p: -counts.of(p.pool))
    return [(p.pool.label, [p.pool.label, str(counts.of(p.pool))]) for p in used_first]


def _price_row(pool: PoolPrices, counts: Counts, score: RiskScore | None, glyphs: Glyphs) -> list[str | Words]:
    level = score.level if score is not None else "unknown"
    return [
        pool.pool.label,
        str(counts.of(pool.pool)),
        usd(pool.current_usd_per_hour, places=4),
        usd(pool.mean_usd_per_hour, places=4),
        usd(pool.on_demand_usd_per_hour, places=4),
        percent(pool.saving_share),
        risk_words(level, glyphs.risk[level]),
    ]


def forecast_rows(found: InterruptionForecast, counts: Counts, glyphs: Glyphs) -> Rows:
    used_first = sorted(found.pools, key=lambda p: -counts.of(p.pool))
    return [
        (
            one.pool.label,
            [
                one.pool.label,
                str(counts.of(one.pool)),
                *(_chance(i) for i in one.within),
                *_signs(one.advisor, one.placement),
                risk_words(one.level, glyphs.risk[one.level]),
            ],
        )
        for one in used_first
    ]


def choice_rows(found: OpportunityAnalysis, glyphs: Glyphs) -> Rows:
    """In the order of the analysis: best first."""
    end = _end(found)
    return [(o.pool.label, _choice_row(o, _at_horizon(o, found), end, glyphs)) for o in found.opportunities]


def _choice_row(one: Opportunity, within: Interruption | None, end: float, glyphs: Glyphs) -> list[str | Words]:
    return [
        one.pool.label,
        usd(one.prices.mean_usd_per_hour, places=4),
        usd(one.usd_per_useful_hour, places=4),
        percent(one.saving_share),
        UNKNOWN if within is None else _chance(within),
        UNKNOWN if within is None else _bar(within, CELL_COLUMNS, glyphs, end=end).rstrip(),
        *_signs(one.advisor, one.placement),
        UNKNOWN if one.score is None else f"{one.score:.2f}",
        Words(one.recommendation, _ADVICE_INK[one.recommendation]),
    ]


def _signs(advisor: AdvisorBand | None, placement: PlacementScore | None) -> tuple[str, str]:
    return advisor.label if advisor else UNKNOWN, f"{placement.score}/10" if placement else UNKNOWN


def _chance(one: Interruption) -> str:
    return UNKNOWN if one.probability is None else share(one.probability)


def _at_horizon(one: Opportunity, found: OpportunityAnalysis) -> Interruption | None:
    return next((i for i in one.within if i.horizon_minutes == found.horizon_hours * 60), None)


# what is told of the pool at the cursor


def forecast_detail(one: PoolForecast, *, room: int, glyphs: Glyphs) -> Content:
    """A bar with its interval for each horizon, then what it rests on and what is not known."""
    end = scale_end([v for i in one.within for v in (i.probability, i.high)])
    wide = max(10, min(BAR_COLUMNS, room - _LABEL_COLUMNS - _CHANCE_COLUMNS - 4))
    scale = f"0 %{f'{end * 100:g} %':>{wide - 3}}"
    lines = [
        Content.assemble(
            Content.styled(f"{safe_text(one.pool.label, limit=60)}  ", "bold"),
            Content.styled("chance that an instance is interrupted, 90 % interval", "$muted"),
        ),
        *(_bar_line(i, wide, end, glyphs) for i in one.within),
        Content.styled(f"{'':>{_LABEL_COLUMNS}}  {scale}", "$muted"),
    ]
    methods = dict.fromkeys(f"{i.method}: {i.source}" for i in one.within if i.probability is not None)
    told = [
        *_abstentions(one.within),
        *methods,
        *_meanings(one.advisor, one.placement, glyphs),
        *(f"not known: {m}" for m in one.missing),
    ]
    return Content("\n").join([*lines, *(Content.styled(safe_text(t), "$muted") for t in told)])


def _bar_line(one: Interruption, wide: int, end: float, glyphs: Glyphs) -> Content:
    label = f"{span(one.horizon_minutes):>{_LABEL_COLUMNS}}  "
    words = UNKNOWN if one.probability is None else share(one.probability)
    if one.low is not None and one.high is not None:
        words += f" ({share(one.low)} to {share(one.high)})"
    if one.probability is None:
        return Content.assemble(label, Content.styled(words, "$warning"))
    return Content.assemble(label, Content.styled(_bar(one, wide, glyphs, end=end), "$primary"), f"  {words}")


def _abstentions(within: Sequence[Interruption]) -> list[str]:
    """Why no probability is given, each reason once."""
    unsure = [i for i in within if i.probability is None]
    return list(dict.fromkeys(f"unknown: {i.abstains or 'nothing supports a number'}" for i in unsure))


def _bar(one: Interruption, wide: int, glyphs: Glyphs, *, end: float) -> str:
    return risk_bar(one.probability, one.low, one.high, wide, glyphs is ASCII, end=end)


def _meanings(advisor: AdvisorBand | None, placement: PlacementScore | None, glyphs: Glyphs) -> list[str]:
    """Side by side, each with its meaning and its date; a sign that is missing is unknown."""
    dot = f" {glyphs.dot} "
    band = "Advisor unknown"
    if advisor is not None:
        band = f"Advisor {advisor.label} {ADVISOR_MEANS}{dot}{advisor.as_of:%Y-%m-%d}"
    placed = "placement score unknown"
    if placement is not None:
        placed = f"placement {placement.score}/10 {PLACEMENT_MEANS}{dot}{placement.as_of:%Y-%m-%d %H:%MZ}"
    return [band, placed]


def choice_detail(one: Opportunity, found: OpportunityAnalysis, *, room: int, glyphs: Glyphs) -> Content:
    """Why it is recommended or not, and what the whole list rests on."""
    within = _at_horizon(one, found)
    head = Content.assemble(
        Content.styled(f"{safe_text(one.pool.label, limit=60)}  ", "bold"),
        Content.styled(one.recommendation, f"${_INK[one.recommendation]}"),
    )
    lines = [head]
    if within is not None:
        wide = max(10, min(BAR_COLUMNS, room - _LABEL_COLUMNS - _CHANCE_COLUMNS - 4))
        lines.append(_bar_line(within, wide, scale_end([within.probability, within.high]), glyphs))
    told: Sequence[str] = [
        *_abstentions([within] if within else []),
        *(text for text in one.reasons if not text.startswith(_SIGNS)),
        *_meanings(one.advisor, one.placement, glyphs),
        f"commitments: {found.commitments}",
        *(f"assumed: {text}" for text in found.assumptions),
        *(f"not known: {text}" for text in one.missing),
    ]
    return Content("\n").join([*lines, *(Content.styled(safe_text(t), "$muted") for t in told)])


_INK = {"use": "success", "use with care": "warning", "avoid": "error", UNKNOWN: "muted"}
