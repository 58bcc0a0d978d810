"""What a backtest comes to: cost against the clairvoyant optimum, overall and by deadline and changeover."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np

from tools.records import Record, UtcTime
from tools.recovery.deadline.backtest import Answers
from tools.recovery.deadline.grid import Window
from tools.traces import Flags, Floats

OPTIMUM = "optimum"


class PolicyFigures(Record):
    """One policy over the windows whose deadline can be met.

    mean_cost_hours  in on-demand-hours; None = there is no such window
    to_optimum       mean cost / mean cost of the optimum; None = the optimum was not asked
    p90_to_optimum   of the runs' own ratios
    misses           deadlines missed that could be met
    """

    policy: str
    mean_cost_hours: float | None
    to_optimum: float | None
    p90_to_optimum: float | None
    misses: int


class DeadlineCell(Record):
    """The windows of one deadline and one changeover."""

    deadline_hours: float
    changeover_hours: float
    windows: int
    policies: tuple[PolicyFigures, ...]


class DeadlineBacktest(Record):
    """Policies over a grid.

    windows   all of them
    too_late  of them, windows in which not even on-demand from the first tick is done in time: in no other figure
    """

    kind: Literal["jobs", "zones"]
    windows: int
    too_late: int
    policies: tuple[PolicyFigures, ...]
    cells: tuple[DeadlineCell, ...]
    notes: tuple[str, ...]
    out: Path | None
    as_of: UtcTime
    source: str


@dataclass
class Tally:
    """Costs and misses as the answers go by; the plans are not kept."""

    policies: tuple[str, ...]
    windows: list[Window] = field(default_factory=list)
    costs: list[tuple[float, ...]] = field(default_factory=list)
    met: list[tuple[bool, ...]] = field(default_factory=list)

    def watch(self, answered: Iterable[tuple[Window, Answers]]) -> Iterator[tuple[Window, Answers]]:
        for window, answers in answered:
            self.windows.append(window)
            self.costs.append(tuple(a.cost_hours for a in answers))
            self.met.append(tuple(a.met for a in answers))
            yield window, answers


def summary(
    tally: Tally,
    *,
    kind: Literal["jobs", "zones"],
    out: Path | None,
    trained_on: Collection[str] = (),
    now: datetime,
    source: str,
) -> DeadlineBacktest:
    """trained_on  paths, or folder and name, of the traces that ours learned from"""
    shape = (len(tally.windows), len(tally.policies))
    costs = np.array(tally.costs, dtype=np.float64).reshape(shape)
    met = np.array(tally.met, dtype=np.bool_).reshape(shape)
    in_time = np.array([w.terms.can_be_met for w in tally.windows], dtype=np.bool_)
    keys = [(w.terms.deadline_seconds / 3600, w.terms.changeover_seconds / 3600) for w in tally.windows]
    cells = []
    for key in sorted(set(keys)):
        here = in_time & np.array([k == key for k in keys])
        figures = _figures(tally.policies, costs[here], met[here])
        cells.append(
            DeadlineCell(
                deadline_hours=key[0], changeover_hours=key[1], windows=int(np.count_nonzero(here)), policies=figures
            )
        )
    return DeadlineBacktest(
        kind=kind,
        windows=shape[0],
        too_late=int(np.count_nonzero(~in_time)),
        policies=_figures(tally.policies, costs[in_time], met[in_time]),
        cells=tuple(cells),
        notes=(*_notes(tally.windows), *_flattered(tally.windows, trained_on)),
        out=out,
        as_of=now,
        source=source,
    )


def _figures(policies: Sequence[str], costs: Floats, met: Flags) -> tuple[PolicyFigures, ...]:
    """costs, met  (windows, policies)"""
    best = costs[:, policies.index(OPTIMUM)] if OPTIMUM in policies and len(costs) else None
    return tuple(
        PolicyFigures(
            policy=policy,
            mean_cost_hours=float(costs[:, i].mean()) if len(costs) else None,
            to_optimum=None if best is None else float(costs[:, i].sum() / best.sum()),
            p90_to_optimum=None if best is None else float(np.quantile(costs[:, i] / best, 0.9)),
            misses=int(np.count_nonzero(~met[:, i])),
        )
        for i, policy in enumerate(policies)
    )


def _notes(windows: Sequence[Window]) -> Iterator[str]:
    """What a reader of the grid may not expect."""
    late = [w for w in windows if not w.terms.can_be_met]
    if late:
        terms = late[0].terms
        hours = (terms.work_seconds + terms.changeover_seconds) / 3600
        yield (
            f"{_of(late, windows)} cannot be met by any policy: line {late[0].line} needs {hours:g} h on an instance, "
            f"{terms.ticks * terms.tick_seconds / 3600:g} h can be used; missed, and left out of the figures"
        )
    short = [w for w in windows if w.ended_early]
    if short:
        yield f"{_of(short, windows)} end before the deadline (line {short[0].line}): the job must be done by then"
    unseen = [w for w in windows if w.unknown_ticks]
    if unseen:
        yield (
            f"{_of(unseen, windows)} have ticks that no trace knows of (line {unseen[0].line}: "
            f"{unseen[0].unknown_ticks:,}): they count as not available"
        )


def _flattered(windows: Sequence[Window], trained_on: Collection[str]) -> Iterator[str]:
    known = {Path(name).parts[-2:] for name in trained_on}
    seen = [w for w in windows if any(file.parts[-2:] in known for file in w.traces)]
    if seen:
        yield (
            f"{_of(seen, windows)} lie on traces with the names of those that ours was trained on: its figures flatter "
            "there; `make bench` holds zones out"
        )


def _of(some: Sequence[Window], windows: Sequence[Window]) -> str:
    return f"{len(some):,} of {len(windows):,} windows"
