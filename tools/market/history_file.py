"""Price changes from a file: our CSV columns, or what `aws ec2 describe-spot-price-history` prints, gzipped or not.

A row that cannot be read is set aside and counted with its line; a file that cannot be read is a DataError that
names file, line and field.
"""

import contextlib
import csv
from array import array
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np

from tools.errors import DataError, NoPriceHistory, UsageError
from tools.market.columns import (
    CLOCK_SLACK,
    Floats,
    Ints,
    PriceColumns,
    Rates,
    microseconds,
    moment_of,
    pool_key,
    sieve,
)
from tools.market.history_rows import COLUMNS, EXPECTED, OPTIONAL_COLUMNS, Batch, batches, need_columns, open_text
from tools.market.prices import MAX_POINTS, pool_prices
from tools.records import LINUX, CapacityPool, PriceAnalysis, SetAside

MAX_ROWS = 50_000_000
PROGRESS_ROWS = 100_000
_MAX_NAME = 255
_PLAIN_TIME = "2026-11-20T09:00:00Z"
Progress = Callable[[int], None]
Series = tuple[str, str, str, str]
"""zone, zone id, instance type, product, as they stand in the file; one of the zones may be empty"""


@dataclass
class _Gathered:
    """Columns as they grow, and rows that no column can take."""

    series: dict[Series, int] = field(default_factory=dict)
    code: "array[int]" = field(default_factory=lambda: array("q"))
    at_us: "array[int]" = field(default_factory=lambda: array("q"))
    usd: "array[float]" = field(default_factory=lambda: array("d"))
    aside: dict[str, tuple[int, str]] = field(default_factory=dict)
    rows: int = 0

    def set_aside(self, reason: str, example: str) -> None:
        count, first = self.aside.get(reason, (0, example[:200]))
        self.aside[reason] = (count + 1, first)


@dataclass(frozen=True)
class PriceHistory:
    """A file, read: `rows` data rows seen, `out_of_order` of them earlier than the row of their pool before.

    notes  in words: what a reader must know of the series
    """

    columns: PriceColumns
    set_aside: tuple[SetAside, ...]
    rows: int
    out_of_order: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class OnDemandCatalogue:
    """On-demand list prices of one region, and where they stand."""

    name: str
    rates: Rates


def read_history(path: Path, *, progress: Progress | None = None) -> PriceHistory:
    """Every row that parses, not yet sieved.

    progress  called with the number of rows read, now and then
    Raises    UsageError: no such file; DataError: it cannot be read as prices
    """
    gathered = _Gathered()
    next_report = PROGRESS_ROWS
    for batch in batches(path):
        if not _gather_plain(gathered, batch):
            _gather_each(gathered, batch)
        if gathered.rows > MAX_ROWS:
            raise DataError(f"{path}: more than {MAX_ROWS:,} rows", hint="split the file by region or by month")
        if progress is not None and gathered.rows >= next_report:
            progress(gathered.rows)
            next_report += PROGRESS_ROWS
    aside = tuple(SetAside(reason=r, count=n, example=e) for r, (n, e) in gathered.aside.items())
    columns, out_of_order = _columns(gathered)
    return PriceHistory(columns, aside, gathered.rows, out_of_order, _notes(columns.pools))


def analyze_history(
    path: Path,
    *,
    now: datetime,
    window_hours: float | None = None,
    on_demand: OnDemandCatalogue | None = None,
    points: int = MAX_POINTS,
    progress: Progress | None = None,
) -> PriceAnalysis:
    """Every series (zone × type × product) of a file, cheapest mean first.

    now           rows dated later are set aside
    window_hours  the last hours before the file's latest price; None = all that it holds
    on_demand     list prices to compare with; None = unknown
    Raises        UsageError, DataError; NoPriceHistory: no row is usable
    """
    if window_hours is not None and not 0 < window_hours < 24 * 36_500:
        raise UsageError(f"--window-hours {window_hours:g} is not a window", hint="give hours above 0, such as 24")
    rates = on_demand.rates if on_demand else {}
    history = read_history(path, progress=progress)
    columns, aside = sieve(history.columns, on_demand=rates, now=now)
    aside = history.set_aside + aside
    if not len(columns):
        first = f"; the first reason: {aside[0].reason} ({aside[0].example})" if aside else ""
        raise NoPriceHistory(f"{path}: none of {history.rows:,} rows holds a usable price{first}", hint=EXPECTED)
    # the file's end closes every series: the last price that anybody reported in it, repeats included
    end = moment_of(_latest_believable(history.columns, now))
    start = None if window_hours is None else moment_of(microseconds(end) - round(window_hours * 3.6e9))
    sorted_rows = f", {history.out_of_order:,} of them out of order and sorted" if history.out_of_order else ""
    compared = f", on-demand from {on_demand.name}" if on_demand else ""
    return PriceAnalysis(
        subject=path.name,
        window_hours=window_hours,
        pools=pool_prices(columns, start=start, end=end, on_demand=rates, points=points),
        set_aside=aside,
        notes=history.notes + _clock_notes(columns, now),
        as_of=end,
        source=f"price history file {path.name} ({history.rows:,} rows{sorted_rows}){compared}",
    )


def read_on_demand(path: Path, region: str, *, product: str = LINUX) -> OnDemandCatalogue:
    """A catalogue of one product with the columns region, instance_type, on_demand_usd_per_h.

    Raises  UsageError: no such file or region; DataError: missing column, or a row that is no price
    """
    rates: dict[tuple[str, str], Decimal] = {}
    regions: set[str] = set()
    try:
        with open_text(path) as file:
            reader = csv.DictReader(file)
            need_columns(path, reader.fieldnames or (), ("region", "instance_type", "on_demand_usd_per_h"))
            for row in reader:
                regions.add(row["region"] or "")
                if row["region"] == region:
                    rates[row["instance_type"], product] = _rate(path, reader.line_num, row["on_demand_usd_per_h"])
    except csv.Error as error:
        raise DataError(f"{path}: not CSV: {error}", hint="copy or download the file again") from None
    if not rates:
        known = ", ".join(sorted(regions)[:8])
        raise UsageError(f"{path}: no on-demand price for region {region!r}", hint=f"it holds {known or 'nothing'} …")
    return OnDemandCatalogue(f"{path.name}, {region}", rates)


def _rate(path: Path, line: int, text: str | None) -> Decimal:
    with contextlib.suppress(ArithmeticError, TypeError):
        value = Decimal(text or "")
        if value.is_finite() and value > 0:
            return value
    raise DataError(f"{path}, line {line}: on_demand_usd_per_h is {text!r}, not a price above 0")


def _gather_plain(gathered: _Gathered, batch: Batch) -> bool:
    """A batch without a flaw, a column at a time; False = it has one, and nothing was taken."""
    try:
        columns = dict(zip(batch.names, zip(*batch.rows, strict=True), strict=True))
        usd = np.array(columns["spot_price_usd_per_h"], dtype=np.float64)
        at_us = _plain_times(columns["timestamp_utc"])
    except ValueError:
        return False
    nothing = ("",) * len(usd)
    zones = (columns["availability_zone"], columns.get("availability_zone_id", nothing))
    series = list(zip(*zones, columns["instance_type"], columns["product"], strict=True))
    distinct = dict.fromkeys(series)
    if not all(map(_named, distinct)) or not set(columns.get("currency", ())) <= {"", "USD"}:
        return False
    for one in distinct:
        gathered.series.setdefault(one, len(gathered.series))
    gathered.code.extend(map(gathered.series.__getitem__, series))
    gathered.at_us.frombytes(at_us.tobytes())
    gathered.usd.frombytes(usd.tobytes())
    gathered.rows += len(series)
    return True


def _plain_times(texts: Sequence[str]) -> Ints:
    """Microseconds since 1970 of times that all look like 2026-11-20T09:00:00Z.

    Raises  ValueError: one looks otherwise
    """
    text = np.array(texts)
    if text.dtype != np.dtype(f"U{len(_PLAIN_TIME)}"):
        raise ValueError("not plain")
    letters = text.view(np.uint32).reshape(len(texts), -1)
    if (letters[:, 10] != ord("T")).any() or (letters[:, -1] != ord("Z")).any():
        raise ValueError("not plain")
    # numpy reads no Z, so it is cut off
    return text.astype(f"U{len(_PLAIN_TIME) - 1}").astype("datetime64[us]").astype(np.int64)


def _named(series: Series) -> bool:
    zone, zone_id, kind, product = series
    return bool((zone or zone_id) and kind and product) and max(map(len, series)) <= _MAX_NAME


def _gather_each(gathered: _Gathered, batch: Batch) -> None:
    """Row by row: what cannot be read is set aside with its place."""
    index = {name: batch.names.index(name) for name in (*COLUMNS, *OPTIONAL_COLUMNS) if name in batch.names}
    for at, cells in batch.places():
        if not cells:
            continue
        gathered.rows += 1
        place = f"{batch.unit} {at}"
        if len(cells) != len(batch.names):
            gathered.set_aside("wrong number of fields", f"{place}: {len(cells)} instead of {len(batch.names)}")
            continue
        _gather(gathered, {name: cells[i] for name, i in index.items()}, place)


def _gather(gathered: _Gathered, row: dict[str, str], place: str) -> None:
    at, price, currency = row["timestamp_utc"], row["spot_price_usd_per_h"], row.get("currency", "")
    zone, zone_id = row["availability_zone"], row.get("availability_zone_id", "")
    series = (zone, zone_id, row["instance_type"], row["product"])
    if not _named(series):
        gathered.set_aside("zone, instance type or product missing", f"{place}: {','.join(row.values())}")
        return
    if currency not in {"", "USD"}:
        gathered.set_aside("currency is not USD", f"{place}: {currency!r}")
        return
    try:
        moment = datetime.fromisoformat(at)
        at_us = microseconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        gathered.set_aside("time cannot be read", f"{place}: {at!r}")
        return
    try:
        usd = float(price)
    except ValueError:
        gathered.set_aside("price cannot be read", f"{place}: {price!r}")
        return
    gathered.code.append(gathered.series.setdefault(series, len(gathered.series)))
    gathered.at_us.append(at_us)
    gathered.usd.append(usd)


def _columns(gathered: _Gathered) -> tuple[PriceColumns, int]:
    """Columns with pools in their order, and how many rows stand earlier than their pool's row before."""
    found = _pools(gathered.series)
    pools = tuple(sorted(set(found), key=pool_key))
    rank = {pool: i for i, pool in enumerate(pools)}
    # frombuffer on an empty array is an error of numpy's
    codes: Ints = np.array([rank[pool] for pool in found], dtype=np.int64)[np.array(gathered.code, dtype=np.int64)]
    at_us: Ints = np.array(gathered.at_us, dtype=np.int64)
    usd: Floats = np.array(gathered.usd, dtype=np.float64)
    by_pool = np.argsort(codes, kind="stable")
    same = codes[by_pool][1:] == codes[by_pool][:-1]
    backwards = int((same & (at_us[by_pool][1:] < at_us[by_pool][:-1])).sum())
    return PriceColumns(pools, codes, at_us, usd), backwards


def _pools(series: Collection[Series]) -> list[CapacityPool]:
    """One a series. A zone is a name (us-east-1a) or an id (use1-az1); a file that says which id a name has joins them.

    Names mean another zone in another account: where a file gives a name two ids, or an id two names, none is joined.
    """
    zones = [_zone(name, zone_id) for name, zone_id, _, _ in series]
    pairs = {(name, zone_id) for name, zone_id in zones if name and zone_id}
    names, ids = Counter(name for name, _ in pairs), Counter(zone_id for _, zone_id in pairs)
    sure = {(name, zone_id) for name, zone_id in pairs if names[name] == ids[zone_id] == 1}
    id_of, name_of = dict(sure), {zone_id: name for name, zone_id in sure}
    return [
        CapacityPool(
            instance_type=kind,
            zone_name=name or name_of.get(zone_id),
            zone_id=zone_id or id_of.get(name),
            product=product,
        )
        for (name, zone_id), (_, _, kind, product) in zip(zones, series, strict=True)
    ]


def _zone(name: str, zone_id: str) -> tuple[str, str]:
    """Name and id; ids end in az and a number, and stand in the name's column where there is only one."""
    return ("", zone_id or name) if "-az" in name else (name, zone_id)


def _notes(pools: Sequence[CapacityPool]) -> tuple[str, ...]:
    only_name = any(p.zone_id is None for p in pools)
    only_id = any(p.zone_name is None for p in pools)
    if only_name and only_id:
        return ("zones stand by name and by id, and no row says which belong together: each is a series of its own",)
    return ()


def _clock_notes(columns: PriceColumns, now: datetime) -> tuple[str, ...]:
    early = int((columns.at_us > microseconds(now)).sum())
    if early:
        return (f"{early:,} prices are dated up to 2 h after now: a clock is off; they count as they are dated",)
    return ()


def _latest_believable(columns: PriceColumns, now: datetime) -> int:
    at = columns.at_us[(columns.at_us <= microseconds(now + CLOCK_SLACK)) & (columns.usd_per_hour > 0)]
    return int(at.max())
