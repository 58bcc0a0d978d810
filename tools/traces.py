"""Spot traces: what was obtainable in one pool, tick by tick; and which ticks a forecast is scored on.

A trace is gzipped JSON: {"gap_seconds": seconds between ticks, "rle": [[value, ticks], …]}; the value is the number of
instances obtainable (or alive), 0 = none, null or NaN = not known. `spot_price_changes` [[tick, USD per hour], …] is
optional, null = not offered. Nothing else in a file means anything.
"""

import gzip
import json
import math
import os
import zlib
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.errors import DataError, UsageError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

SUFFIX = ".json.gz"
MAX_TICKS = 50_000_000
"""400 MB of float64 and half a century of 30 s ticks: more is a damaged count"""
MAX_BYTES = 1 << 28
"""unzipped: a small file can hold a very large one"""
WARM_UP_SECONDS = 24 * 3600
"""no forecast is scored before a trace is this old"""
SCORED_EVERY_SECONDS = 600
_NO_TICKS: Ints = np.empty(0, dtype=np.int64)
_SHAPE = 'a trace is gzipped JSON {"gap_seconds": 300, "rle": [[value, ticks], …]}'
_COPY = "copy or download the file again"


@dataclass(frozen=True, eq=False)
class Trace:
    """One pool's history at equal steps.

    gap_seconds         between ticks, above 0
    values              (ticks,) float64, instances obtainable at each tick; 0 = none, NaN = not known
    price_ticks         (changes,) int64, rising; None = not read, or the file has none
    price_usd_per_hour  (changes,) float64, in force from its tick to the next change; NaN = not offered
    """

    path: Path
    gap_seconds: float
    values: Floats
    price_ticks: Ints | None = None
    price_usd_per_hour: Floats | None = None

    @property
    def hours(self) -> float:
        return len(self.values) * self.gap_seconds / 3600


def find_traces(root: Path, *, kind: str = "availability") -> tuple[Path, ...]:
    """Every `**/<kind>/**.json.gz` under a folder, which may itself be called <kind>; sorted by relative path.

    Links to folders are followed, but not round a loop; what lies in a real folder is found there, and not again by
    a link.
    Raises  UsageError: no such folder; DataError: a folder below it cannot be read
    """
    if not root.is_dir():
        seen = "a file, not a folder" if root.exists() else "no such folder"
        raise UsageError(f"{root}: {seen}", hint="name the folder that holds the traces")
    above = root.resolve().name == kind
    found: list[Path] = []
    visited: set[tuple[str, bool]] = set()
    starts = [root]
    for start in starts:  # grows: links come after every real folder
        for folder, folders, files in os.walk(start, onerror=_unreadable):
            here = Path(folder)
            counts = above or kind in here.relative_to(root).parts
            visit = (os.path.realpath(folder), counts)  # a link called <kind> may lead to a folder already passed by
            if visit in visited:
                folders.clear()
                continue
            visited.add(visit)
            folders.sort()
            starts += [here / name for name in folders if _leads_on(here / name)]
            if counts:
                found += [here / name for name in files if name.endswith(SUFFIX)]
    return tuple(sorted(found, key=lambda path: path.relative_to(root).as_posix()))


def _leads_on(folder: Path) -> bool:
    """A link, and not to a folder that it lies in."""
    return folder.is_symlink() and folder.resolve() not in folder.parent.resolve().joinpath("_").parents


def _unreadable(error: OSError) -> None:
    raise DataError(f"{error.filename}: {error.strerror}", hint="give yourself the right to read the folder")


def read_trace(path: Path, *, prices: bool = False) -> Trace:
    """One file, whole or not at all.

    prices  also read spot_price_changes; without it they are not looked at
    Raises  DataError: names the file, the field, the entry, what was seen
    """
    document = _document(path)
    gap_seconds = _gap(path, document)
    values = _values(path, document)
    if not prices or document.get("spot_price_changes") is None:
        return Trace(path, gap_seconds, values)
    return Trace(path, gap_seconds, values, *_prices(path, document["spot_price_changes"], len(values)))


def ticks_within(seconds: float, gap_seconds: float) -> int:
    """floor(seconds / gap) of the decimals as written: 3600 s hold 36,000 ticks of 0.1 s."""
    return math.floor(_exact(seconds) / _exact(gap_seconds))


def scored_every(gap_seconds: float) -> int:
    """Ticks between scored ticks: about ten minutes, at least one tick; a half rounds to the even number."""
    return max(1, round(_exact(SCORED_EVERY_SECONDS) / _exact(gap_seconds)))


def candidate_ticks(length: int, gap_seconds: float, horizon_minutes: float) -> Ints:
    """Every `scored_every` ticks from the first at or after 24 h whose horizon ends inside a trace of so many ticks."""
    first = math.ceil(_exact(WARM_UP_SECONDS) / _exact(gap_seconds))
    end = length - ticks_within(horizon_minutes * 60, gap_seconds)
    return np.arange(first, end, scored_every(gap_seconds), dtype=np.int64) if first < end else _NO_TICKS


def scored_ticks(values: Floats, gap_seconds: float, horizon_minutes: float) -> Ints:
    """Ticks at which a forecast is scored, from 0 at the start of the trace, rising.

    The candidates at which an instance was obtainable; an unknown tick is none.
    values  (ticks,) float64
    """
    ticks = candidate_ticks(len(values), gap_seconds, horizon_minutes)
    return ticks[values[ticks] > 0]  # NaN is not above 0


def outcomes(values: Floats, gap_seconds: float, ticks: Ints, horizon_minutes: float) -> Flags:
    """(len(ticks),) bool: nothing was obtainable at some tick t+1 … t+h, h = floor(horizon / gap).

    ticks  each with its horizon inside the trace
    An unknown tick is not a 0: ask `observed` whether a False is known.
    """
    return _counted_within(values == 0, gap_seconds, ticks, horizon_minutes) > 0


def observed(values: Floats, gap_seconds: float, ticks: Ints, horizon_minutes: float) -> Flags:
    """(len(ticks),) bool: the outcome is known: a 0 was seen within the horizon, or every tick of it was seen.

    With no tick inside the horizon (a gap longer than it) nothing is known.
    """
    if ticks_within(horizon_minutes * 60, gap_seconds) == 0:
        return np.zeros(len(ticks), dtype=np.bool_)
    unknown = _counted_within(np.isnan(values), gap_seconds, ticks, horizon_minutes)
    known: Flags = outcomes(values, gap_seconds, ticks, horizon_minutes) | (unknown == 0)
    return known


def _counted_within(flags: Flags, gap_seconds: float, ticks: Ints, horizon_minutes: float) -> Ints:
    """(len(ticks),) int64: set flags at t+1 … t+h."""
    so_far = np.concatenate(([0], np.cumsum(flags, dtype=np.int64)))
    counted: Ints = so_far[ticks + ticks_within(horizon_minutes * 60, gap_seconds) + 1] - so_far[ticks + 1]
    return counted


def _exact(value: float) -> Fraction:
    """The shortest decimal that is this float, as a fraction: 0.1 is a tenth."""
    return Fraction(Decimal(repr(float(value))))


def _document(path: Path) -> dict[str, Any]:
    if path.exists() and not path.is_file():  # to open a pipe is to wait for ever
        raise DataError(f"{path}: not a file", hint="name a .json.gz file that you may read")
    try:
        with gzip.open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: the gzip is damaged: {error}", hint=_COPY) from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}", hint="name a .json.gz file that you may read") from None
    if len(content) > MAX_BYTES:
        raise DataError(f"{path}: more than {MAX_BYTES:,} bytes of JSON", hint=_SHAPE)
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON: {error}", hint=_SHAPE) from None
    if not isinstance(document, dict):
        raise DataError(f"{path}: the JSON is {_kind(document)}, not an object", hint=_SHAPE)
    return document


def _gap(path: Path, document: dict[str, Any]) -> float:
    gap = _number(document.get("gap_seconds"))
    if gap is None or not 0 < gap < math.inf:
        seen = _seen(document["gap_seconds"]) if "gap_seconds" in document else "missing"
        raise DataError(f"{path}: gap_seconds is {seen}, not a number of seconds above 0", hint=_SHAPE)
    return gap


def _values(path: Path, document: dict[str, Any]) -> Floats:
    runs = document.get("rle")
    if not isinstance(runs, list):
        seen = _kind(runs) if "rle" in document else "missing"
        raise DataError(f"{path}: rle is {seen}, not a list of [value, ticks]", hint=_SHAPE)
    values = np.empty(len(runs), dtype=np.float64)
    lengths = np.empty(len(runs), dtype=np.int64)
    total = 0
    for i, run in enumerate(runs):
        values[i], lengths[i] = _run(path, i, run)
        total += int(lengths[i])
        if total > MAX_TICKS:
            raise DataError(
                f"{path}: rle[{i}] brings the trace to {total:,} ticks, more than {MAX_TICKS:,}", hint=_SHAPE
            )
    if not total:
        raise DataError(f"{path}: rle is empty: the trace has no ticks", hint=_SHAPE)
    return np.repeat(values, lengths)


def _run(path: Path, i: int, run: object) -> tuple[float, int]:
    if not isinstance(run, list) or len(run) != 2:
        raise DataError(f"{path}: rle[{i}] is {_seen(run)}, not [value, ticks]", hint=_SHAPE)
    value = math.nan if run[0] is None else _number(run[0])
    if value is None or value < 0 or math.isinf(value):
        raise DataError(
            f"{path}: rle[{i}] has the value {_seen(run[0])}, not a number of instances",
            hint="instances obtainable at the tick: 0 or more, null where it is not known",
        )
    ticks = run[1]
    if isinstance(ticks, bool) or not isinstance(ticks, int) or not 0 < ticks <= MAX_TICKS:
        raise DataError(
            f"{path}: rle[{i}] lasts {_seen(ticks)} ticks, not a whole number from 1 to {MAX_TICKS:,}", hint=_SHAPE
        )
    return value, ticks


def _prices(path: Path, changes: object, ticks: int) -> tuple[Ints, Floats]:
    shape = "spot_price_changes is [[tick, USD per hour or null], …], ticks rising"
    if not isinstance(changes, list):
        raise DataError(f"{path}: spot_price_changes is {_kind(changes)}, not a list", hint=shape)
    at, usd = np.empty(len(changes), dtype=np.int64), np.empty(len(changes), dtype=np.float64)
    before = -1
    for i, change in enumerate(changes):
        where = f"{path}: spot_price_changes[{i}]"
        if not isinstance(change, list) or len(change) != 2:
            raise DataError(f"{where} is {_seen(change)}, not [tick, price]", hint=shape)
        tick, price = change[0], math.nan if change[1] is None else _number(change[1])
        if isinstance(tick, bool) or not isinstance(tick, int) or not before < tick < ticks:
            raise DataError(f"{where} is at tick {_seen(tick)}, not between {before} and {ticks}", hint=shape)
        if price is None or price <= 0 or math.isinf(price):
            raise DataError(f"{where} is {_seen(change[1])} USD per hour, not a price above 0", hint=shape)
        before = at[i] = tick
        usd[i] = price
    return at, usd


def _number(value: object) -> float | None:
    """A JSON number as float64; None for anything else, and for one that no float64 holds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _seen(value: object) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):  # an integer too long, lists too deep
        return "something too long to print"
    return text if len(text) <= 60 else f"{text[:57]}…"


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
