"""The engine of `backtest zones`: several aligned zones a window; ours, the field and the clairvoyant optimum."""

from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path

from tools.errors import DataError
from tools.recovery.deadline.backtest import Answer, Answers
from tools.recovery.deadline.grid import Window
from tools.recovery.deadline.plan import write_plan
from tools.recovery.deadline.zones import Zones, ZonesOutcome, ZonesPlanner, align, replay_zones, zones_stretches
from tools.recovery.deadline.zones_baselines import ZONES_BASELINES
from tools.recovery.deadline.zones_optimum import zones_optimum
from tools.recovery.deadline.zones_warden import load_zones_planner
from tools.traces import Trace, read_trace

OURS = "warden"
OPTIMUM = "optimum"
POLICIES = (OURS, *ZONES_BASELINES, OPTIMUM)


def answer(windows: Sequence[Window], policies: Sequence[str], *, on_demand_usd: float = 3.06) -> list[Answers]:
    return [tuple(_answer(window, policy, on_demand_usd) for policy in policies) for window in windows]


def _answer(window: Window, policy: str, on_demand_usd: float) -> Answer:
    outcome = zones_outcome_of(
        window, None if policy == OPTIMUM else zones_planner(policy), on_demand_usd=on_demand_usd
    )
    return Answer(outcome.cost_hours, outcome.met, outcome.launches, write_plan(zones_stretches(outcome.held)))


def zones_outcome_of(window: Window, by: ZonesPlanner | None, *, on_demand_usd: float) -> ZonesOutcome:
    """What a planner does with a window; None = the clairvoyant optimum.

    Raises  DataError: names the line and what is wrong with its zones
    """
    try:
        zones = _zones(window.traces, on_demand_usd, window.terms.spot_price_ratio)
    except DataError as error:
        raise DataError(f"line {window.line}, trace: {error}", hint=error.hint) from None
    start, end = window.start_tick, window.start_tick + window.terms.ticks
    if by is None:
        return zones_optimum(window.terms, zones.between(start, end))
    return replay_zones(by, window.terms, zones.between(start, end), zones.between(0, start))


@lru_cache(maxsize=8)
def _zones(paths: tuple[Path, ...], on_demand_usd: float, spot_price_ratio: float) -> Zones:
    return align([_trace(path) for path in paths], on_demand_usd=on_demand_usd, spot_price_ratio=spot_price_ratio)


@lru_cache(maxsize=64)
def _trace(path: Path) -> Trace:
    return read_trace(path, prices=True)


@cache
def zones_planner(policy: str) -> ZonesPlanner:
    """Loaded once a process."""
    return load_zones_planner() if policy == OURS else ZONES_BASELINES[policy]
