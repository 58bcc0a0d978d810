"""Policies over a grid of past windows: the frame that `backtest jobs` and `backtest zones` share.

What the two differ in is an engine, a module beside this one (jobs_backtest.py, zones_backtest.py) that has

    POLICIES: tuple[str, ...] = ("warden", …, "optimum")        all it knows, in the order of a run without --policies

    def answer(windows: Sequence[Window], policies: Sequence[str]) -> list[tuple[Answer, ...]]:
        '''One Answer per window and policy, in the order given. Called in processes of its own (so a top-level
        function, or a functools.partial of one: zones binds on_demand_usd), windows of the same tick, changeover and
        price ratio one after the other. What it keeps between calls (a planner, traces: grid.availability caches) it
        keeps per process.'''

`read_grid` has checked numbers, paths, gaps and start ticks of all windows before the first call.
"""

import csv
import io
import os
import signal
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from typing import Any

from tools.errors import DataError, UsageError
from tools.recovery.deadline.grid import COLUMNS, Window

OUT_COLUMNS = (*COLUMNS, "policy", "cost", "met", "launches", "plan")
Batch = Sequence[int]
"""windows by their number in the grid"""
BATCH = 8
"""windows given to a process at a time: a second's work, so that stopping is prompt"""
WORTH_A_PROCESS = 4 * BATCH
"""fewer windows are done before a process has started"""


@dataclass(frozen=True)
class Answer:
    """What a policy did with a window.

    cost_hours  in on-demand-hours: every tick held, at the price of its mode
    met         done by the deadline
    launches    changeovers begun
    plan        run-length text: I3 S40 O5; zones I3 S0:40 O5
    """

    cost_hours: float
    met: bool
    launches: int
    plan: str


Answers = tuple[Answer, ...]
"""one a policy, in the order given"""
Engine = Callable[[Sequence[Window], Sequence[str]], list[Answers]]


def chosen(names: str | None, known: Sequence[str]) -> tuple[str, ...]:
    """The policies of a comma-separated text, in its order; None = all.

    Raises  UsageError: names one that is not known, or stands there twice
    """
    policies = tuple(known) if names is None else tuple(name.strip() for name in names.split(","))
    for i, name in enumerate(policies):
        if name not in known:
            raise UsageError(f"no policy {name!r}", hint=f"choose from {','.join(known)}")
        if name in policies[:i]:
            raise UsageError(f"policy {name!r} stands there twice", hint="name every policy once")
    return policies


def replay_grid(
    windows: Sequence[Window],
    policies: Sequence[str],
    engine: Engine,
    *,
    workers: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Iterator[tuple[Window, Answers]]:
    """Every window's answers, in grid order, whatever the number of processes.

    workers   processes; None = one a core
    progress  called with the number of windows done
    """
    count = (workers or os.cpu_count() or 1) if len(windows) >= WORTH_A_PROCESS else 1
    lanes = _lanes(windows, count)
    work = _here if len(lanes) == 1 else _in_processes
    early: dict[int, Answers] = {}
    due = done = 0
    for batch, answers in work(windows, policies, engine, lanes):
        early.update(zip(batch, answers, strict=True))
        done += len(batch)
        if progress is not None:
            progress(done)
        while due in early:
            yield windows[due], early.pop(due)
            due += 1


def _lanes(windows: Sequence[Window], count: int) -> list[list[Batch]]:
    """The windows' numbers shared out. Those of the same terms go one way: what a policy works out for them is kept."""
    families: dict[tuple[float, ...], list[int]] = defaultdict(list)
    for i, window in enumerate(windows):
        terms = window.terms
        families[terms.tick_seconds, terms.changeover_seconds, terms.spot_price_ratio].append(i)
    groups = sorted(families.values(), key=len, reverse=True)
    while len(groups) < count and len(groups[0]) > BATCH:
        half = len(groups[0]) // 2
        groups = sorted((groups[0][:half], groups[0][half:], *groups[1:]), key=len, reverse=True)
    lanes: list[list[int]] = [[] for _ in range(min(count, len(groups)))]
    for group in groups:
        min(lanes, key=len).extend(group)
    return [[lane[i : i + BATCH] for i in range(0, len(lane), BATCH)] for lane in lanes]


def _here(
    windows: Sequence[Window], policies: Sequence[str], engine: Engine, lanes: Sequence[Sequence[Batch]]
) -> Iterator[tuple[Batch, list[Answers]]]:
    for lane in lanes:
        for batch in lane:
            yield batch, engine([windows[i] for i in batch], policies)


def _in_processes(
    windows: Sequence[Window], policies: Sequence[str], engine: Engine, lanes: Sequence[Sequence[Batch]]
) -> Iterator[tuple[Batch, list[Answers]]]:
    """A process a lane."""
    with ExitStack() as stack:
        under_way: dict[Future[list[Answers]], Batch] = {}
        for lane in lanes:
            # spawned, not forked: a fork of a process with threads may hang
            pool = stack.enter_context(ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_attend))
            stack.callback(pool.shutdown, cancel_futures=True)
            with _no_interrupt():
                under_way |= {pool.submit(engine, [windows[i] for i in batch], policies): batch for batch in lane}
        try:
            for future in as_completed(under_way):
                yield under_way[future], future.result()
        except BrokenProcessPool:
            raise DataError(
                "a process of this backtest was ended from outside", hint="free memory, or take fewer: --workers 1"
            ) from None


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """A process started herein never hears Ctrl-C, which is its parent's to answer; the parent hears it afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _attend() -> None:
    """In a worker: without its parent there is nothing to do."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def csv_lines(answered: Iterable[tuple[Window, Answers]], policies: Sequence[str]) -> Iterator[str]:
    """The result file: the grid's columns as written, one row a window and policy."""
    yield _line(OUT_COLUMNS)
    for window, answers in answered:
        for policy, answer in zip(policies, answers, strict=True):
            result = (policy, f"{answer.cost_hours:.6f}", int(answer.met), answer.launches, answer.plan)
            yield _line((*window.text, *result))


def _line(fields: Sequence[Any]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(fields)
    return out.getvalue()
