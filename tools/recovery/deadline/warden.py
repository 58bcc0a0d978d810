"""Our planner of one job in one pool: least expected cost by a stochastic programme, the deadline by a guard.

Each tick the pool's past gives a class; the programme's table gives what idling, spot and on-demand would come to from
here; the cheapest that the guard allows is done. The guard asks nothing of the forecast: see problem.py.
"""

import math
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tools.recovery.deadline.artefact import Artefact, Counts, read_artefact
from tools.recovery.deadline.chain import Classes, chain_of
from tools.recovery.deadline.chain_watch import Watch
from tools.recovery.deadline.problem import (
    IDLE,
    ON_DEMAND,
    SPOT,
    Flags,
    JobTerms,
    Situation,
    idle_is_safe,
    spot_is_safe,
)
from tools.recovery.deadline.value import IDLE_TOLL, NEVER, Chain, Scope, Table, solve

RUNGS_HOURS = (1.0, 3.0, 6.0, 12.0, 24.0, 54.0, 96.0, 192.0)
"""a table is made for the next rung; a longer deadline is planned in proportion to the last until it is near"""
CHANGEOVERS_HOURS = (0.0, *(x / 100 for x in (1, 2, 3, 5, 7, 10, 14, 20, 28, 40, 55, 80, 110, 160, 220, 320, 450)))
PRICE_STEPS = 50
"""a table is made for the nearest changeover of these and the nearest fiftieth of on-demand: what the coming tick costs
is reckoned with the job's own, what later launches cost with these"""
TABLE_BYTES, WATCHES = 1 << 29, 64
"""kept in a process"""


def load_planner(path: Path | None = None) -> "Warden":
    """The shipped planner, or that of a file.

    Raises  DataError: the artefact is not there or damaged; names the file and the field
    """
    return Warden(read_artefact(path))


@dataclass(frozen=True, eq=False)
class Warden:
    """Plans by one artefact. Tables and watched pasts are kept, so that the next run starts sooner."""

    artefact: Artefact
    _chains: dict[float, Chain] = field(default_factory=dict, init=False)
    _tables: dict[tuple[float, float, float], Table] = field(default_factory=dict, init=False)
    _watched: dict[tuple[float, bytes], Watch] = field(default_factory=dict, init=False)

    @property
    def version(self) -> str:
        return self.artefact.version

    @cached_property
    def classes(self) -> Classes:
        return self.artefact.classes

    def begin(self, terms: JobTerms, past: Flags, /) -> "WardenRun":
        watch = self._watch(terms.tick_seconds, past)
        return WardenRun(terms, self.classes, watch, self.table(terms))

    def table(self, terms: JobTerms) -> Table:
        """The table of these terms, made if there is none that covers them."""
        chain = self._chain(terms.tick_seconds)
        changeover, price = _near(terms)
        wanted = Scope(_rung(terms.deadline_seconds), _rung(terms.work_seconds + changeover))
        key = (chain.step_seconds, changeover, price)
        found = self._tables.pop(key, None)
        if found is None or not found.scope.covers(wanted):
            scope = wanted if found is None else _both(wanted, found.scope)
            found = solve(chain, changeover_seconds=changeover, spot_price_ratio=price, scope=scope)
        self._tables[key] = found
        self._forget_tables()
        return found

    def _forget_tables(self) -> None:
        """The longest unused first."""
        held = sum(table.kept.nbytes for table in self._tables.values())
        while held > TABLE_BYTES and len(self._tables) > 1:
            held -= self._tables.pop(next(iter(self._tables))).kept.nbytes

    def _chain(self, tick_seconds: float) -> Chain:
        counted = min(self.artefact.chains, key=lambda c: abs(math.log(c.step_seconds / tick_seconds)))
        if counted.step_seconds not in self._chains:
            self._chains[counted.step_seconds] = self._made(counted)
        return self._chains[counted.step_seconds]

    def _made(self, counted: Counts) -> Chain:
        classes = self.classes
        counts = counted.dense(classes.count)
        return chain_of(counts, classes, step_seconds=counted.step_seconds, borrowed=self.artefact.borrowed)

    def _watch(self, tick_seconds: float, past: Flags) -> Watch:
        """A watch that has seen the past; continued from the longest beginning of it that was seen before."""
        seen = past.tobytes()
        known = [b for t, b in self._watched if t == tick_seconds and seen.startswith(b)]
        best = max(known, key=len, default=b"")
        watch = copy(self._watched[tick_seconds, best]) if known else Watch(tick_seconds)
        watch.see_all(past[len(best) :].tolist())
        self._watched[tick_seconds, seen] = copy(watch)
        while len(self._watched) > WATCHES:
            del self._watched[next(iter(self._watched))]
        return watch


def _near(terms: JobTerms) -> tuple[float, float]:
    """(changeover seconds, spot price ratio) that a table is made for."""
    wanted = terms.changeover_seconds / 3600
    hours = min(CHANGEOVERS_HOURS, key=lambda h: abs(math.log((h + 1e-3) / (wanted + 1e-3))))
    return hours * 3600, max(1, round(terms.spot_price_ratio * PRICE_STEPS)) / PRICE_STEPS


def _rung(seconds: float) -> float:
    hours = next((r for r in RUNGS_HOURS if r * 3600 >= seconds), RUNGS_HOURS[-1])
    return hours * 3600


def _both(one: Scope, other: Scope) -> Scope:
    return Scope(
        max(one.deadline_seconds, other.deadline_seconds),
        max(one.work_seconds, other.work_seconds),
    )


class WardenRun:
    """One job under way."""

    def __init__(self, terms: JobTerms, classes: Classes, watch: Watch, table: Table) -> None:
        self._terms, self._classes, self._watch, self._table = terms, classes, watch, table
        self._seen_until = -1

    def choose(self, now: Situation, /) -> int:
        if now.tick > self._seen_until:
            self._watch.see(now.available_now)
            self._seen_until = now.tick
        allowed = self._allowed(now)
        if not allowed:
            return ON_DEMAND
        if SPOT in allowed and now.mode == SPOT and now.changeover_left_seconds > 0:
            return SPOT  # its changeover is half paid
        if now.mode == ON_DEMAND and not now.available_now:
            return ON_DEMAND  # to wait for spot is decided before it is paid for
        expected = self._expected(now, (*allowed, ON_DEMAND))
        return min(expected, key=expected.__getitem__)

    def expected_hours(self, now: Situation, mode: int) -> float | None:
        """On-demand-hours to the end, with a mode held for the coming step; None = the table does not reach there.

        Asked after `choose` of the same tick.
        """
        steps = self._expected(now, (mode,))[mode]
        left = (self._terms.ticks - now.tick) * self._terms.tick_seconds
        grown = max(1.0, left / self._table.scope.deadline_seconds)
        return steps * grown * self._table.step_seconds / 3600 if steps < float(NEVER) else None

    def _allowed(self, now: Situation) -> tuple[int, ...]:
        """What the guard lets through besides on-demand."""
        terms, left = self._terms, now.work_left_seconds
        ticks_left = terms.ticks - now.tick
        pending = now.changeover_left_seconds if now.mode == SPOT else terms.changeover_seconds
        spot = now.available_now and spot_is_safe(
            left, pending, terms.changeover_seconds, terms.tick_seconds, ticks_left
        )
        idle = idle_is_safe(left, terms.changeover_seconds, terms.tick_seconds, ticks_left)
        return (*((SPOT,) if spot else ()), *((IDLE,) if idle else ()))

    def _expected(self, now: Situation, modes: tuple[int, ...]) -> dict[int, float]:
        """Cost to go in steps of on-demand, by the mode held for the coming step."""
        terms, table = self._terms, self._table
        step, found = table.step_seconds, self._classes.of(self._watch)
        left = (terms.ticks - now.tick) * terms.tick_seconds
        shrunk = min(1.0, table.scope.deadline_seconds / left)
        time, work, launch = (
            left * shrunk / step,
            now.work_left_seconds * shrunk / step,
            terms.changeover_seconds / step,
        )
        costs = {}
        for mode in modes:
            kept = now.mode == mode
            pending = 0.0 if mode == IDLE else now.changeover_left_seconds / step if kept else launch
            slack = time - work - pending
            if mode == IDLE:
                costs[mode] = IDLE_TOLL + table.cost(found, time - 1, slack - 1)
                continue
            held = min(1.0, work + pending) * (terms.spot_price_ratio if mode == SPOT else 1.0)
            column = self._column(mode, found, kept)
            costs[mode] = held + table.cost(column, time - 1, slack)
        return costs

    def _column(self, mode: int, found: int, kept: bool) -> int:
        classes = self._table.classes
        if mode == ON_DEMAND:
            return classes + found
        spot = 2 * classes + found - classes // 2
        return spot if kept else spot + classes // 2
