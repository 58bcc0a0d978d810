"""A grid of past windows: a CSV, one job on one window of a trace a row. Read strictly, all of it before any work."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path, PurePosixPath

import numpy as np

from tools.errors import DataError, UsageError
from tools.recovery.deadline.problem import Flags, JobTerms
from tools.traces import read_trace, ticks_within

COLUMNS = (
    "trace",
    "start_tick",
    "ticks",
    "gap_seconds",
    "work_hours",
    "deadline_hours",
    "changeover_hours",
    "spot_price_ratio",
)
MAX_BYTES = 1 << 28
MAX_TICKS = 1_000_000
"""of one window: a year of 30 s ticks"""
MAX_NUMBER = Decimal(10) ** 9
_NUMBER = re.compile(r"[0-9]{1,30}(\.[0-9]{0,30})?([eE][-+]?[0-9]{1,2})?|\.[0-9]{1,30}")
_WHOLE = re.compile(r"[0-9]{1,18}")
_HEADER = "the first line names the columns: " + ",".join(COLUMNS)


@dataclass(frozen=True)
class Window:
    """One row.

    line           of the grid file, from 1
    text           the eight fields as written
    names          of the trace column, under the folder of the traces: one, or with several zones one each
    traces         their files
    start_tick     from the traces' first entry
    unknown_ticks  usable ones of which no trace knows; they count as not available
    """

    line: int
    text: tuple[str, ...]
    names: tuple[str, ...]
    traces: tuple[Path, ...]
    start_tick: int
    terms: JobTerms
    unknown_ticks: int

    @property
    def ended_early(self) -> bool:
        """It ends before the deadline."""
        return self.terms.ticks < ticks_within(self.terms.deadline_seconds, self.terms.tick_seconds)


@dataclass(frozen=True, eq=False)
class Available:
    """When spot was to be had in one trace; a tick of which nothing is known counts as not available.

    flags    (ticks,) bool, read-only
    unknown  (ticks,) bool, read-only
    """

    gap_seconds: float
    flags: Flags
    unknown: Flags


@lru_cache(maxsize=64)
def availability(path: Path) -> Available:
    """Raises DataError as `read_trace` does."""
    trace = read_trace(path)
    flags, unknown = trace.values > 0, np.isnan(trace.values)  # NaN is not above 0
    flags.setflags(write=False)
    unknown.setflags(write=False)
    return Available(trace.gap_seconds, flags, unknown)


def read_grid(path: Path, traces: Path, *, several: bool = False) -> tuple[Window, ...]:
    """Every row, each checked against its traces.

    traces   the folder that the trace column is under
    several  the trace column joins aligned traces with «;», zones 0, 1, …
    Raises   UsageError: no such file or folder; DataError: names the line, the column, what was seen
    """
    if not traces.is_dir():
        seen = "a file, not a folder" if traces.exists() else "no such folder"
        raise UsageError(f"{traces}: {seen}", hint="name the folder that holds the traces")
    windows = tuple(_windows(path, traces, several))
    if not windows:
        raise DataError(f"{path}: no row below the header", hint="a grid has a row for every window")
    return windows


def _windows(path: Path, traces: Path, several: bool) -> Iterator[Window]:
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        places = _places(path, next(reader, []))
        for row in reader:
            if row:
                yield _window(_Row(path, reader.line_num, row, places), traces, several)
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: not CSV: {error}", hint=_HEADER) from None


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise DataError(f"{path}: more than {MAX_BYTES:,} bytes", hint="cut the grid into several files")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", hint="name a CSV file that you may read") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 at byte {error.start:,}", hint="save the grid as UTF-8 CSV") from None


def _places(path: Path, header: list[str]) -> tuple[int, ...]:
    """Where each of our columns stands; others are not looked at."""
    missing = [c for c in COLUMNS if c not in header]
    if missing:
        raise DataError(f"{path}, line 1: no column {', '.join(missing)}", hint=_HEADER)
    twice = [c for c in COLUMNS if header.count(c) > 1]
    if twice:
        raise DataError(f"{path}, line 1: column {', '.join(twice)} stands there twice", hint=_HEADER)
    return (*(header.index(c) for c in COLUMNS), len(header))


class _Row:
    """One line's fields, each read with its place for the message."""

    def __init__(self, path: Path, line: int, fields: list[str], places: tuple[int, ...]) -> None:
        self.path, self.line = path, line
        if len(fields) != places[-1]:
            hint = "every row has a field for every column of the first line"
            raise DataError(f"{path}, line {line}: {len(fields)} fields, the header has {places[-1]}", hint=hint)
        self.text = tuple(fields[i] for i in places[:-1])

    def field(self, column: str) -> str:
        return self.text[COLUMNS.index(column)]

    def refuse(self, column: str, wanted: str) -> DataError:
        seen = self.field(column)
        shown = seen if len(seen) <= 80 else f"{seen[:77]}…"
        return DataError(f"{self.path}, line {self.line}, {column}: {shown!r}", hint=f"write {wanted}")

    def whole(self, column: str, least: int, most: int) -> int:
        text = self.field(column)
        if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
            raise self.refuse(column, f"a whole number from {least} to {most:,}")
        return int(text)

    def number(self, column: str, *, or_zero: bool = False) -> Decimal:
        """As written, exactly: 0.1 hours are 360 seconds."""
        text = self.field(column)
        value = Decimal(text) if _NUMBER.fullmatch(text) else Decimal(-1)
        if not (value >= 0 if or_zero else value > 0) or value > MAX_NUMBER:
            raise self.refuse(column, f"a number {'of 0 or more' if or_zero else 'above 0'}, at most {MAX_NUMBER:,}")
        return value


def _window(row: _Row, traces: Path, several: bool) -> Window:
    names = _names(row, several)
    terms = JobTerms(
        work_seconds=_seconds(row.number("work_hours")),
        deadline_seconds=_seconds(row.number("deadline_hours")),
        changeover_seconds=_seconds(row.number("changeover_hours", or_zero=True)),
        tick_seconds=float(row.number("gap_seconds")),
        spot_price_ratio=float(row.number("spot_price_ratio")),
        window_ticks=row.whole("ticks", 1, MAX_TICKS),
    )
    start = row.whole("start_tick", 0, 10**12)
    files = tuple(traces / name for name in names)
    seen = [_trace(row, name, file, traces) for name, file in zip(names, files, strict=True)]
    longest = max(len(trace.flags) for trace in seen)
    if start >= longest:
        raise row.refuse("start_tick", f"a tick inside the trace, which has {longest:,}, from 0")
    unknown = min(_unknown_ticks(trace, start, start + terms.ticks) for trace in seen)
    return Window(row.line, row.text, names, files, start, terms, unknown)


def _seconds(hours: Decimal) -> float:
    return float(hours * 3600)


def _names(row: _Row, several: bool) -> tuple[str, ...]:
    joined = row.field("trace")
    if ";" in joined and not several:
        raise row.refuse("trace", "one trace a row; several zones are for `backtest zones`")
    names = tuple(joined.split(";"))
    for name in names:
        place = PurePosixPath(name)
        if not name or "\0" in name or place.is_absolute() or ".." in place.parts:
            raise row.refuse("trace", "a path under the folder of the traces, .json.gz included")
    return names


def _trace(row: _Row, name: str, file: Path, traces: Path) -> Available:
    if not file.exists():
        raise row.refuse("trace", f"the path of a trace under {traces}, .json.gz included; there is no {name}")
    try:
        trace = availability(file)
    except DataError as error:
        raise DataError(f"{row.path}, line {row.line}, trace: {error}", hint=error.hint) from None
    if trace.gap_seconds != float(row.field("gap_seconds")):
        raise row.refuse("gap_seconds", f"the trace's own: {name} has a tick every {trace.gap_seconds:g} s")
    return trace


def _unknown_ticks(trace: Available, start: int, end: int) -> int:
    return int(np.count_nonzero(trace.unknown[start:end])) + max(end - max(start, len(trace.flags)), 0)
