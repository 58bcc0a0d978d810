"""How good the interruption forecast is on zones that it never saw, beside what others would have said on the same rows.

Every row of the table is scored by forecasters that were trained without its zone (every trace of that zone's name,
whatever the campaign), or without its campaign. Ours is trained again for every fold. `--fast` takes two folds a split.
Needs SPOTWARDEN_DATA, and scikit-learn for the comparators: `make bench` puts it into .bench-site.
"""

import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench import forecast_baselines as known
from tools.risk.calibration import Calibration, Horizons, PairedGain, measure, paired_gain
from tools.risk.forecast import Forecaster
from tools.risk.training import fit
from tools.traces import Flags, Floats, Trace, find_traces, read_trace, ticks_within

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / ".bench-site"
DATA = Path(os.environ.get("SPOTWARDEN_DATA") or ROOT.parent / "shared" / "data")
HORIZONS = (30, 60, 180)
SEED = 0
PROCESSES = 2
OURS, NINE = "ours", "9-feature logistic"
COMPARED = ("base rate", "state age alone", NINE, "guides' .1 an hour", "guides', own past", OURS)
GOAL = "ΔBSS ≥ +.025, ΔAUC ≥ +.012, ECE ≤ perfect p95"
FIRST_SHARE = 0.6


@dataclass(frozen=True)
class Fold:
    """Train on some traces (their first part), score others (their last part)."""

    name: str
    training: tuple[Trace, ...]
    scored: tuple[Trace, ...]
    scored_from: float = 0.0
    """share of a trace that is not scored, 0..1"""


@dataclass(frozen=True)
class Split:
    name: str
    folds: tuple[Fold, ...]


Answers = dict[tuple[str, int], list[Floats]]
"""(forecaster, horizon) → per scored trace of the fold the probabilities of its rows"""


def zone_of(trace: Trace) -> str:
    return trace.path.name.split("_")[0]


def campaign_of(trace: Trace) -> str:
    return trace.path.parent.name


def splits(traces: Sequence[Trace]) -> list[Split]:
    """Zones held out; zones held out and later times; whole campaigns held out."""
    zones = list(_groups(traces, zone_of))
    later = [Fold(name, tuple(_first_part(t) for t in others), held, FIRST_SHARE) for name, held, others in zones]
    return [
        Split("zones out", tuple(Fold(name, others, held) for name, held, others in zones)),
        Split("zones out, later times", tuple(later)),
        Split(
            "campaign out",
            tuple(Fold(name, others, held) for name, held, others in _groups(traces, campaign_of)),
        ),
    ]


def _groups(
    traces: Sequence[Trace], key: Callable[[Trace], str]
) -> Iterator[tuple[str, tuple[Trace, ...], tuple[Trace, ...]]]:
    for name in sorted({key(t) for t in traces}):
        yield name, tuple(t for t in traces if key(t) == name), tuple(t for t in traces if key(t) != name)


def _first_part(trace: Trace) -> Trace:
    return Trace(trace.path, trace.gap_seconds, trace.values[: int(len(trace.values) * FIRST_SHARE)])


def answer(fold: Fold) -> Answers:
    """Every forecaster's probabilities of one fold. Runs in a process of its own."""
    forecaster = fit(fold.training, seed=SEED)
    answers: Answers = {}
    for horizon in HORIZONS:
        training = [known.rows_of(t, horizon) for t in fold.training]
        scored = scored_rows(fold, horizon)
        given = (
            known.base_rate(training, scored),
            known.state_age(training, scored),
            known.nine(training, scored),
            known.guide_default(scored, horizon),
            known.guide_learnt(scored, horizon),
        )
        answers |= {(name, horizon): said for name, said in zip(COMPARED[:-1], given, strict=True)}
        answers[OURS, horizon] = [_ours(forecaster, rows, horizon) for rows in scored]
    return answers


def _ours(forecaster: Forecaster, rows: known.Rows, horizon: int) -> Floats:
    gap = rows.trace.gap_seconds
    return forecaster.probabilities(rows.trace.values, gap_seconds=gap, ticks=rows.ticks, horizon_minutes=horizon)


def scored_rows(fold: Fold, horizon: int) -> list[known.Rows]:
    rows = [known.rows_of(t, horizon) for t in fold.scored]
    return [r.where(r.ticks >= fold.scored_from * len(r.trace.values)) for r in rows]


@dataclass(frozen=True, eq=False)
class Pool:
    """Rows of all folds of a split at one horizon, put together."""

    outcomes: Flags
    file: Any
    horizons: list[Horizons]
    said: dict[str, Floats]

    def calibration(self, name: str) -> Calibration:
        return measure(self.said[name], self.outcomes, horizons=self.horizons, seed=SEED)

    def gain(self, name: str) -> PairedGain:
        return paired_gain(self.said[name], self.said[NINE], self.outcomes, file=self.file, seed=SEED)


def pooled(folds: Sequence[Fold], answers: Sequence[Answers], horizon: int) -> Pool:
    rows = [r for fold in folds for r in scored_rows(fold, horizon)]
    return Pool(
        outcomes=np.concatenate([r.outcomes for r in rows]),
        file=np.repeat(np.arange(len(rows)), [len(r.ticks) for r in rows]),
        horizons=[Horizons(r.ticks, ticks_within(horizon * 60, r.trace.gap_seconds)) for r in rows],
        said={n: np.concatenate([said for a in answers for said in a[n, horizon]]) for n in COMPARED},
    )


def run() -> list[dict[str, Any]]:
    """Rows of the bench: `what`, figures in words under `ours`, and each figure by name for programs."""
    _reach_site()
    if importlib.util.find_spec("sklearn") is None:
        return [{"what": "interruption forecast", "ours": "not measured: no scikit-learn (`make bench` installs it)"}]
    root = DATA / "traces_dev"
    if not root.is_dir():
        return [{"what": "interruption forecast", "ours": "not measured: no SPOTWARDEN_DATA"}]
    every = splits([read_trace(path) for path in find_traces(root)])
    if "--fast" in sys.argv:
        every = [Split(f"{s.name} (2 folds)", s.folds[-2:]) for s in every]
    return list(_table(every))


def _reach_site() -> None:
    """Behind everything else: what the product depends on is the product's own."""
    if str(SITE) not in sys.path:
        sys.path.append(str(SITE))
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def _table(every: Sequence[Split]) -> Iterator[dict[str, Any]]:
    folds = [fold for split in every for fold in split.folds]
    with ProcessPoolExecutor(PROCESSES, initializer=_reach_site) as workers:
        answers = list(_told(workers.map(answer, folds), folds))
    at = 0
    for split in every:
        theirs = answers[at : at + len(split.folds)]
        at += len(split.folds)
        for horizon in HORIZONS:
            yield from _rows(f"{split.name}, {horizon} min", pooled(split.folds, theirs, horizon))
        if split.name.startswith("campaign"):
            for fold, one in zip(split.folds, theirs, strict=True):
                yield from _rows(f"without {fold.name}, 60 min", pooled([fold], [one], 60), only=(NINE, OURS))


def _told(answers: Iterable[Answers], folds: Sequence[Fold]) -> Iterator[Answers]:
    for number, (fold, found) in enumerate(zip(folds, answers, strict=True), 1):
        print(f"  fold {number} of {len(folds)}: without {fold.name}", file=sys.stderr, flush=True)
        yield found


def _rows(title: str, pool: Pool, *, only: Sequence[str] = COMPARED) -> Iterator[dict[str, Any]]:
    for name in only:
        measured = pool.calibration(name)
        gain = pool.gain(name)
        yield {
            "what": f"{title}: {name}",
            "ours": _figures(measured),
            "unit": f"{measured.rows:,} rows, {measured.base_rate:.1%}",
            "baseline": "" if name == NINE else _gain(gain),
            "goal": GOAL if name == OURS and title == "zones out, 60 min" else "",
            "calibration": measured.model_dump(mode="json"),
            "gain": gain.model_dump(mode="json"),
        }


def _figures(measured: Calibration) -> str:
    skill = float("nan") if measured.brier_skill is None else measured.brier_skill
    area = float("nan") if measured.auc is None else measured.auc
    return (
        f"Brier {measured.brier:.4f} BSS {skill:+.4f} AUC {area:.4f} "
        f"ECE {measured.ece:.4f} (perfect p95 {measured.perfect_ece_p95:.4f})"
    )


def _gain(gain: PairedGain) -> str:
    skill = _interval(gain.brier_skill, gain.brier_skill_low, gain.brier_skill_high)
    return f"ΔBSS {skill} ΔAUC {_interval(gain.auc, gain.auc_low, gain.auc_high)}"


def _interval(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:+.4f}" + ("" if low is None or high is None else f" [{low:+.3f} {high:+.3f}]")
