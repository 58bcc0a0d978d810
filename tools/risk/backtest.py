"""Forecasts of past spot traces against what came next, row by row, and how good they were.

A forecast at tick t is made from its own trace's ticks up to t and the shipped artefact, nothing else.
"""

import csv
import io
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import numpy as np
from pydantic import Field

from tools.errors import DataError, UsageError
from tools.records import Name, Record, SetAside, UtcTime
from tools.risk.calibration import DRAWS, Calibration, Horizons, measure
from tools.traces import (
    Flags,
    Floats,
    Ints,
    Trace,
    candidate_ticks,
    find_traces,
    observed,
    outcomes,
    read_trace,
    scored_ticks,
    ticks_within,
)

COLUMNS = ("trace", "tick", "probability", "outcome")
DECIMALS = 6
MAX_CLOCKS = 400_000_000
"""ticks drawn for a perfect forecaster's error: about four seconds; longer traces are drawn less often"""
FEWEST_DRAWS = 40
LEAST = 10.0**-DECIMALS
"""no row says 0 or 1: what is written is never certain"""
LONGEST_MINUTES = 1440
_SHORT = "trace ends before 24 h and one horizon"
_COARSE = "trace whose ticks are more than a day apart"
_NEVER = "trace with nothing obtainable at any scored tick"
_BLIND = "row: not known whether an instance was obtainable"
_OPEN = "row: outcome not known, ticks of its horizon are missing"
Progress = Callable[[int, int, int], None]
"""called after each trace with (traces done, traces in all, rows so far)"""


class Forecaster(Protocol):
    """Whoever says how likely an instance that can be had now is to be unobtainable at some tick of the horizon."""

    def probabilities(self, available: Floats, *, gap_seconds: float, ticks: Ints, horizon_minutes: float) -> Floats:
        """(len(ticks),) float64 in 0..1, each from available[:t+1] only."""
        ...


@dataclass(frozen=True, eq=False)
class TraceRows:
    """What was forecast of one trace, and what came. Probabilities are as written: six decimals."""

    name: str
    ticks: Ints
    probabilities: Floats
    outcomes: Flags
    horizon_ticks: int
    """0 = ticks further apart than the horizon: every outcome is 0 by definition, none was seen"""


@dataclass(frozen=True, eq=False)
class ForecastRows:
    """Every scored row, trace by trace in the order of their names."""

    traces: tuple[TraceRows, ...]
    files: int
    set_aside: tuple[SetAside, ...]

    @property
    def rows(self) -> int:
        return sum(len(t.ticks) for t in self.traces)

    @property
    def rows_without_a_tick(self) -> int:
        return sum(len(t.ticks) for t in self.traces if not t.horizon_ticks)

    def calibration(self, *, seed: int = 0) -> Calibration | None:
        """None without rows: nothing is known."""
        if not self.rows:
            return None
        forecasts = np.concatenate([t.probabilities for t in self.traces])
        came = np.concatenate([t.outcomes for t in self.traces])
        horizons = [Horizons(t.ticks, max(1, t.horizon_ticks)) for t in self.traces]
        clocks = sum(int(h.ticks[-1] - h.ticks[0]) + h.horizon_ticks for h in horizons)
        draws = max(FEWEST_DRAWS, min(DRAWS, MAX_CLOCKS // clocks))
        return measure(forecasts, came, horizons=horizons, seed=seed, draws=draws)

    def csv(self) -> Iterator[str]:
        """Lines with their ends: trace, tick, probability, outcome."""
        line = io.StringIO()
        writer = csv.writer(line, lineterminator="\n")
        writer.writerow(COLUMNS)
        for trace in self.traces:
            triples = zip(trace.ticks.tolist(), trace.probabilities.tolist(), trace.outcomes.tolist(), strict=True)
            writer.writerows((trace.name, t, f"{p:.{DECIMALS}f}", int(came)) for t, p, came in triples)
            yield line.getvalue()
            line.seek(0)
            line.truncate()
        yield line.getvalue()


class ForecastBacktest(Record):
    """How good the forecast was on traces of the past."""

    traces: str
    """the folder"""
    horizon_minutes: int = Field(gt=0)
    files: int
    """traces found"""
    files_scored: int
    """traces that gave at least one row"""
    files_trained_on: int
    """scored traces whose folder and name are those of a training trace: what they show flatters the forecast"""
    calibration: Calibration | None
    """None = no row could be scored"""
    rows_without_a_tick: int = Field(default=0, ge=0)
    """rows of traces whose ticks are further apart than the horizon: outcome 0 by definition, nothing was seen; they
    are in the file and in the figures"""
    set_aside: tuple[SetAside, ...]
    out: str | None
    """the file of rows; None = not asked for"""
    as_of: UtcTime
    source: Name

    @property
    def unseen(self) -> tuple[str, ...]:
        """In words, what of the figures nobody saw."""
        rows = self.rows_without_a_tick
        said = (
            f"{rows:,} row{'s' * (rows != 1)} of traces whose ticks are further apart than {self.horizon_minutes} min: "
            "outcome 0 by definition, nothing was seen; the figures count them"
        )
        return (said,) if rows else ()


def forecast_traces(
    root: Path, forecaster: Forecaster, *, horizon_minutes: int, progress: Progress | None = None
) -> ForecastRows:
    """Forecast every availability trace under a folder.

    Raises  UsageError: no such folder, or no trace in it; DataError: a trace cannot be read
    """
    paths = find_traces(root)
    if not paths:
        raise UsageError(
            f"{root}: no availability trace", hint="traces lie under a folder called availability and end in .json.gz"
        )
    scored: list[TraceRows] = []
    aside = _Aside()
    rows = 0
    for number, path in enumerate(paths, 1):
        name = path.relative_to(root).as_posix()
        found = _score(name, read_trace(path), forecaster, horizon_minutes, aside)
        if found is not None:
            scored.append(found)
            rows += len(found.ticks)
        if progress is not None:
            progress(number, len(paths), rows)
    return ForecastRows(tuple(scored), len(paths), aside.counted())


def _score(name: str, trace: Trace, forecaster: Forecaster, horizon_minutes: int, aside: "_Aside") -> TraceRows | None:
    values, gap = trace.values, trace.gap_seconds
    horizon_ticks = ticks_within(horizon_minutes * 60, gap)
    candidates = candidate_ticks(len(values), gap, horizon_minutes)
    if not ticks_within(LONGEST_MINUTES * 60, gap) or not len(candidates):
        aside.add(_SHORT if ticks_within(LONGEST_MINUTES * 60, gap) else _COARSE, 1, name)
        return None
    aside.add(_BLIND, int(np.isnan(values[candidates]).sum()), name)
    ticks = scored_ticks(values, gap, horizon_minutes)
    known = observed(values, gap, ticks, horizon_minutes) | (horizon_ticks == 0)
    aside.add(_OPEN, int((~known).sum()), name)
    ticks = ticks[known]
    if not len(ticks):
        aside.add(_NEVER, 1, name)
        return None
    said = forecaster.probabilities(values, gap_seconds=gap, ticks=ticks, horizon_minutes=horizon_minutes)
    came = outcomes(values, gap, ticks, horizon_minutes)
    return TraceRows(name, ticks, _as_written(name, said, ticks), came, horizon_ticks)


def _as_written(name: str, said: Floats, ticks: Ints) -> Floats:
    """Six decimals above 0 and below 1, so that the screen's figures are those of the file."""
    if said.shape != ticks.shape or not bool(np.all((said >= 0) & (said <= 1))):
        raise DataError(
            f"{name}: the forecaster gave {said.shape[0] if said.ndim else 1} numbers for {len(ticks)} ticks,"
            " or some outside 0..1",
            hint="this is a fault of the installed forecast, not of the trace",
        )
    return np.array([float(f"{p:.{DECIMALS}f}") for p in np.clip(said, LEAST, 1 - LEAST).tolist()])


class _Aside:
    """Counts by reason, each with the first trace that gave it."""

    def __init__(self) -> None:
        self._by_reason: dict[str, tuple[int, str]] = {}

    def add(self, reason: str, count: int, example: str) -> None:
        if count:
            before, first = self._by_reason.get(reason, (0, example))
            self._by_reason[reason] = (before + count, first)

    def counted(self) -> tuple[SetAside, ...]:
        found = self._by_reason.items()
        return tuple(SetAside(reason=reason, count=count, example=example) for reason, (count, example) in found)


def summary(
    rows: ForecastRows,
    *,
    root: Path,
    horizon_minutes: int,
    out: Path | None,
    trained_on: Collection[str],
    now: datetime,
    source: str,
) -> ForecastBacktest:
    """What to print: the same figures for people and programs.

    trained_on  paths, or folder and name, of the traces that the forecaster learned from
    """
    known = {Path(name).parts[-2:] for name in trained_on}
    return ForecastBacktest(
        traces=str(root),
        horizon_minutes=horizon_minutes,
        files=rows.files,
        files_scored=len(rows.traces),
        files_trained_on=sum((root / t.name).parts[-2:] in known for t in rows.traces),
        calibration=rows.calibration(),
        rows_without_a_tick=rows.rows_without_a_tick,
        set_aside=rows.set_aside,
        out=None if out is None else str(out),
        as_of=now,
        source=source,
    )
