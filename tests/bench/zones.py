"""Jobs over several aligned zones at real prices: ours beside greedy, Uniform Progress and the clairvoyant optimum.

Work 24 h, deadline 26 and 36 h, changeover .05 and .2 h, a start every two days, over choices of two to six of the
aligned zones of 2023. Ours decides by counts of other zones only: no trace, of any campaign, of a zone that it is
scored on; where it is scored on all zones, traces of other campaigns. «Later times» are counted on the first 60 % of
those and scored on the last 40 %. The other policies have no parameters. Then ours as shipped: jobs of random terms,
changeovers above and below a tick, counted for misses; and how many windows it does in a minute.
Needs SPOTWARDEN_DATA.
"""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from tools.recovery.deadline.problem import JobTerms
from tools.recovery.deadline.zones import Zones, align, replay_zones
from tools.recovery.deadline.zones_baselines import ZONES_BASELINES
from tools.recovery.deadline.zones_chain import Prior, count_transitions
from tools.recovery.deadline.zones_optimum import zones_optimum
from tools.recovery.deadline.zones_warden import ZonesWarden, load_zones_planner
from tools.traces import Trace, find_traces, read_trace

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("SPOTWARDEN_DATA") or ROOT.parent / "shared" / "data")
TRACES = DATA / "traces_dev"
CAMPAIGN = "aws-02-15-2023"
ON_DEMAND_USD = 3.06
PROCESSES = 2
SEED = 20261121
MISS_RUNS = 2_000
EVERY_HOURS = 48
FIRST_SHARE = 0.6
CELLS = tuple((deadline, changeover) for deadline in (26, 36) for changeover in (0.05, 0.2))
CHOICES = (
    *((0, 1), (2, 3), (0, 4), (1, 5), (2, 5), (3, 4)),
    *((0, 1, 2), (3, 4, 5), (0, 1, 3), (1, 2, 5), (0, 2, 4)),
    *((1, 2, 3, 4), (0, 2, 3, 5), (0, 1, 2, 3, 4), (0, 1, 2, 3, 4, 5)),
)
"""zones by number, in the order of their names"""
OURS, OPTIMUM = "warden", "optimum"
COMPARED = (OURS, *ZONES_BASELINES, OPTIMUM)
GOAL = 1.05
Cost = tuple[float, ...]
"""in on-demand-hours, by COMPARED"""


def run() -> list[dict[str, Any]]:
    if not (TRACES / "availability" / CAMPAIGN).is_dir():
        return [{"what": "jobs over several zones", "ours": "not measured: no SPOTWARDEN_DATA"}]
    choices = CHOICES[5:9] if "--fast" in sys.argv else CHOICES
    rows: list[dict[str, Any]] = []
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn"), initializer=_one_thread) as workers:
        for split in ("zones out", "zones out, later times"):
            tasks = [(choice, split.endswith("times")) for choice in choices]
            tables = []
            for number, table in enumerate(workers.map(_of_one_choice, tasks), start=1):
                print(f"  {split}: {number} of {len(tasks)} choices of zones", file=sys.stderr, flush=True)
                tables.append(table)
            rows += _ratios(split, choices, tables)
        rows.append(_misses(sum(workers.map(_missed, np.array_split(np.arange(MISS_RUNS), 4 * PROCESSES)))))
    return [*rows, _speed()]


def _one_thread() -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def _of_one_choice(task: tuple[Sequence[int], bool]) -> dict[tuple[int, float], list[Cost]]:
    choice, later = task
    scored = [_campaign()[z] for z in choice]
    ours = ZonesWarden(_held_out(scored, later))
    place = align(scored, on_demand_usd=ON_DEMAND_USD, spot_price_ratio=0.318)
    return {
        cell: [_costs(terms, place, start, ours) for start in _starts(place, terms, later)]
        for cell in CELLS
        for terms in (_terms(*cell, scored[0].gap_seconds),)
    }


def _terms(deadline: float, changeover: float, tick: float) -> JobTerms:
    return JobTerms(24 * 3600.0, deadline * 3600.0, changeover * 3600.0, tick, 0.318)


def _starts(place: Zones, terms: JobTerms, later: bool) -> range:
    first = int(place.ticks * FIRST_SHARE) if later else 0
    return range(first, place.ticks - terms.ticks, round(EVERY_HOURS * 3600 / terms.tick_seconds))


def _costs(terms: JobTerms, place: Zones, start: int, ours: ZonesWarden) -> Cost:
    window, past = place.between(start, start + terms.ticks), place.between(0, start)
    found = []
    for policy in COMPARED[:-1]:
        done = replay_zones(ours if policy == OURS else ZONES_BASELINES[policy], terms, window, past)
        assert done.met, (policy, start, terms)
        found.append(done.cost_hours)
    return (*found, zones_optimum(terms, window).cost_hours)


def _held_out(scored: Sequence[Trace], later: bool) -> Prior:
    names = {_zone(trace) for trace in scored}
    others = [t for t in _traces() if _zone(t) not in names]
    others = others or [t for t in _traces() if t.path.parent.name != CAMPAIGN]
    return count_transitions([_first_part(t) for t in others] if later else others)


def _first_part(trace: Trace) -> Trace:
    return replace(trace, values=trace.values[: int(len(trace.values) * FIRST_SHARE)])


def _zone(trace: Trace) -> str:
    return trace.path.name.split("_")[0]


@cache
def _traces() -> tuple[Trace, ...]:
    return tuple(read_trace(path) for path in find_traces(TRACES))


@cache
def _campaign() -> tuple[Trace, ...]:
    paths = [path for path in find_traces(TRACES) if path.parent.name == CAMPAIGN]
    return tuple(read_trace(path, prices=True) for path in paths)


def _ratios(split: str, choices: Sequence[Sequence[int]], tables: list[dict[Any, list[Cost]]]) -> Iterator[Any]:
    for deadline, changeover in CELLS:
        costs = [cost for table in tables for cost in table[deadline, changeover]]
        yield _row(f"{split}: zones, D {deadline} h, d {changeover} h", costs)
    for choice, table in zip(choices, tables, strict=True):
        names = ";".join(_zone(_campaign()[z]) for z in choice)
        yield _row(f"{split}: {names}", [cost for costs in table.values() for cost in costs])
    everything = [cost for table in tables for costs in table.values() for cost in costs]
    yield _row(f"{split}: job cost / optimum over several zones", everything) | {"goal": f"≤ {GOAL}"}


def _row(what: str, costs: Sequence[Cost]) -> dict[str, Any]:
    """`ratio`: ours / the best of the others."""
    array = np.array(costs)
    mean = dict(zip(COMPARED, array.mean(axis=0).tolist(), strict=True))
    others = {p: m / mean[OPTIMUM] for p, m in mean.items() if p not in (OURS, OPTIMUM)}
    p90 = float(np.quantile(array[:, 0] / array[:, -1], 0.9))
    return {
        "what": what,
        "ours": mean[OURS] / mean[OPTIMUM],
        "unit": f"{len(costs):,} windows, p90 {p90:.3f}",
        "baseline": ", ".join(f"{p} {r:.3f}" for p, r in others.items()) + f", {OPTIMUM} {mean[OPTIMUM]:.2f} h",
        "ratio": mean[OURS] / mean[OPTIMUM] / min(others.values()),
    }


def _misses(missed: int) -> dict[str, Any]:
    return {"what": f"deadlines missed over several zones, {MISS_RUNS:,} random jobs", "ours": missed, "goal": "0"}


def _missed(runs: Sequence[int]) -> int:
    """Jobs of ours, as shipped, that were late though work and one changeover fitted."""
    planner = load_zones_planner()
    return sum(not _random_job(planner, int(run)) for run in runs)


def _random_job(planner: ZonesWarden, run: int) -> bool:
    """Any start and zones, 1–4 h of work, up to 60 % more time, changeovers from a tenth of a tick to three ticks."""
    dice = np.random.default_rng((SEED, run))
    count = int(dice.integers(1, 7))
    chosen = [_campaign()[z] for z in dice.permutation(6)[:count]]
    place = align(chosen, on_demand_usd=ON_DEMAND_USD, spot_price_ratio=0.318)
    tick = chosen[0].gap_seconds
    work, changeover = float(dice.uniform(1, 4) * 3600), round(float(tick * 10 ** dice.uniform(-1, 0.5)))
    deadline = (np.ceil((work + changeover) / tick) + 1) * tick * float(dice.uniform(1, 1.6))
    start = int(dice.integers(place.ticks - int(deadline / tick)))
    terms = JobTerms(work, deadline, changeover, tick, 0.318)
    window = place.between(start, start + terms.ticks)
    return replay_zones(planner, terms, window, place.between(max(start - 1000, 0), start)).met


def _speed() -> dict[str, Any]:
    """One process, all cells of three zones in the order of a grid."""
    planner = load_zones_planner()
    place = align(list(_campaign()[1:4]), on_demand_usd=ON_DEMAND_USD, spot_price_ratio=0.318)
    begun, windows = time.process_time(), 0
    for start in range(444, 444 + 444 * 10, 444):
        for cell in CELLS:
            terms = _terms(*cell, _campaign()[0].gap_seconds)
            replay_zones(planner, terms, place.between(start, start + terms.ticks), place.between(0, start))
            windows += 1
    seconds = time.process_time() - begun
    return {
        "what": "windows over three zones by ours, one core",
        "ours": windows / seconds * 60,
        "unit": "a minute",
        "goal": "≥ 500: 10,000 in ten minutes on two",
    }
