"""Price changes from a file: our CSV columns, or what `aws ec2 describe-spot-price-history` prints, gzipped or not.

A row that cannot be read is set aside and counted with its line; a file that cannot be read is a DataError that
names file, line and field.
"""

import contextlib
import csv
import gzip
import io
import json
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
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
from tools.market.prices import MAX_POINTS, pool_prices
from tools.records import LINUX, CapacityPool, PriceAnalysis, SetAside

COLUMNS = ("availability_zone", "instance_type", "product", "timestamp_utc", "spot_price_usd_per_h")
AWS_FIELDS = ("AvailabilityZone", "InstanceType", "ProductDescription", "Timestamp", "SpotPrice")
MAX_ROWS = 50_000_000
MAX_JSON_CHARACTERS = 1 << 30
PROGRESS_ROWS = 100_000
_MAX_NAME = 255
_EXPECTED = f"give CSV with the columns {', '.join(COLUMNS)}, or what `aws ec2 describe-spot-price-history` prints"
Row = tuple[int, str, str, str, str, str] | tuple[int, str]
"""(line, zone, instance type, product, time, price) as text; or (line, what is wrong with its fields)"""
Progress = Callable[[int], None]


@dataclass
class _Gathered:
    """Columns as they grow, and rows that no column can take."""

    pools: dict[tuple[str, str, str], int] = field(default_factory=dict)
    pool: "array[int]" = field(default_factory=lambda: array("q"))
    at_us: "array[int]" = field(default_factory=lambda: array("q"))
    usd: "array[float]" = field(default_factory=lambda: array("d"))
    aside: dict[str, tuple[int, str]] = field(default_factory=dict)
    rows: int = 0

    def set_aside(self, reason: str, example: str) -> None:
        count, first = self.aside.get(reason, (0, example[:200]))
        self.aside[reason] = (count + 1, first)


@dataclass(frozen=True)
class PriceHistory:
    """A file, read: `rows` data rows seen, `out_of_order` of them earlier than the row of their pool before."""

    columns: PriceColumns
    set_aside: tuple[SetAside, ...]
    rows: int
    out_of_order: int


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
    try:
        with _open_text(path) as file:
            for row in _rows(file, path):
                _gather(gathered, row)
                if progress is not None and gathered.rows % PROGRESS_ROWS == 0:
                    progress(gathered.rows)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{path}: the gzip is damaged after {gathered.rows:,} rows: {error}", hint="copy or download the file again"
        ) from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: not UTF-8 text after {gathered.rows:,} rows: {error.reason}", hint=_EXPECTED
        ) from None
    aside = tuple(SetAside(reason=r, count=n, example=e) for r, (n, e) in gathered.aside.items())
    columns, out_of_order = _columns(gathered)
    return PriceHistory(columns, aside, gathered.rows, out_of_order)


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
        raise NoPriceHistory(f"{path}: none of {history.rows:,} rows holds a usable price{first}", hint=_EXPECTED)
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
        with _open_text(path) as file:
            reader = csv.DictReader(file)
            _need(path, reader.fieldnames or (), ("region", "instance_type", "on_demand_usd_per_h"))
            for row in reader:
                regions.add(row["region"] or "")
                if row["region"] == region:
                    rates[row["instance_type"], product] = _rate(path, reader.line_num, row["on_demand_usd_per_h"])
    except (EOFError, gzip.BadGzipFile, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read: {error}", hint="copy or download the file again") from None
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


@contextlib.contextmanager
def _open_text(path: Path) -> Iterator[io.TextIOBase]:
    try:
        raw = path.open("rb")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", hint="name a .csv, .csv.gz or .json file of prices") from None
    with raw:
        if raw.peek(2)[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=raw) as unzipped:
                yield io.TextIOWrapper(io.BufferedReader(unzipped), encoding="utf-8-sig", newline="")
        else:
            yield io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")


def _rows(file: io.TextIOBase, path: Path) -> Iterator[Row]:
    head = file.readline()
    while head and not head.strip():
        head = file.readline()
    if not head:
        raise NoPriceHistory(f"{path}: the file is empty", hint=_EXPECTED)
    if head.lstrip()[0] in "{[":
        return _json_rows(head, file, path)
    return _csv_rows(head, file, path)


def _csv_rows(head: str, file: io.TextIOBase, path: Path) -> Iterator[Row]:
    names = [n.strip() for n in next(csv.reader([head]))]
    _need(path, names, COLUMNS)
    zone, kind, product, at, price = (names.index(c) for c in COLUMNS)
    width = len(names)
    reader = csv.reader(file)
    try:
        for cells in reader:
            if len(cells) == width:
                yield reader.line_num + 1, cells[zone], cells[kind], cells[product], cells[at], cells[price]
            elif cells:
                yield reader.line_num + 1, f"{len(cells)} instead of {width}"
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num + 1}: not CSV: {error}") from None


def _json_rows(head: str, file: io.TextIOBase, path: Path) -> Iterator[Row]:
    text = head + file.read(MAX_JSON_CHARACTERS)
    if len(text) > MAX_JSON_CHARACTERS:
        raise DataError(f"{path}: more than {MAX_JSON_CHARACTERS:,} characters of JSON", hint="use csv.gz")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON: {error}") from None
    entries = found.get("SpotPriceHistory") if isinstance(found, dict) else found
    if not isinstance(entries, list):
        raise DataError(f"{path}: no list SpotPriceHistory", hint="save what describe-spot-price-history prints")
    for number, entry in enumerate(entries, 1):
        values = entry if isinstance(entry, dict) else {}
        zone, kind, product, at, price = (str(values.get(f) or "") for f in AWS_FIELDS)
        yield number, zone or str(values.get("AvailabilityZoneId") or ""), kind, product, at, price


def _need(path: Path, found: Iterable[str], wanted: Sequence[str]) -> None:
    names = [n.strip() for n in found]
    missing = [c for c in wanted if c not in names]
    if missing:
        seen = ", ".join(names)[:200] or "nothing"
        raise DataError(
            f"{path}, line 1: no column {', '.join(missing)}; found {seen}", hint=f"columns wanted: {', '.join(wanted)}"
        )


def _gather(gathered: _Gathered, row: Row) -> None:
    gathered.rows += 1
    if gathered.rows > MAX_ROWS:
        raise DataError(f"more than {MAX_ROWS:,} rows", hint="split the file by region or by month")
    if len(row) == 2:
        gathered.set_aside("wrong number of fields", f"line {row[0]}: {row[1]}")
        return
    line, zone, kind, product, at, price = row
    if not (zone and kind and product) or max(len(zone), len(kind), len(product)) > _MAX_NAME:
        gathered.set_aside(
            "zone, instance type or product missing", f"line {line}: {zone},{kind},{product},{at},{price}"
        )
        return
    try:
        moment = datetime.fromisoformat(at)
        at_us = microseconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        gathered.set_aside("time cannot be read", f"line {line}: {at!r}")
        return
    try:
        usd = float(price)
    except ValueError:
        gathered.set_aside("price cannot be read", f"line {line}: {price!r}")
        return
    key = (zone, kind, product)
    gathered.pool.append(gathered.pools.setdefault(key, len(gathered.pools)))
    gathered.at_us.append(at_us)
    gathered.usd.append(usd)


def _columns(gathered: _Gathered) -> tuple[PriceColumns, int]:
    """Columns with pools in their order, and how many rows stand earlier than their pool's row before."""
    seen = [_pool(*key) for key in gathered.pools]
    order = sorted(range(len(seen)), key=lambda i: pool_key(seen[i]))
    rank = np.empty(len(seen), dtype=np.int64)
    rank[order] = np.arange(len(seen))
    # frombuffer on an empty array is an error of numpy's
    codes: Ints = np.array(gathered.pool, dtype=np.int64)
    at_us: Ints = np.array(gathered.at_us, dtype=np.int64)
    usd: Floats = np.array(gathered.usd, dtype=np.float64)
    by_pool = np.argsort(codes, kind="stable")
    same = codes[by_pool][1:] == codes[by_pool][:-1]
    backwards = int((same & (at_us[by_pool][1:] < at_us[by_pool][:-1])).sum())
    pools = tuple(seen[i] for i in order)
    return PriceColumns(pools, rank[codes] if len(codes) else codes, at_us, usd), backwards


def _pool(zone: str, kind: str, product: str) -> CapacityPool:
    """A zone is a name (us-east-1a) or an id (use1-az1); ids end in az and a number."""
    is_id = "-az" in zone
    return CapacityPool(
        instance_type=kind, zone_name=None if is_id else zone, zone_id=zone if is_id else None, product=product
    )


def _latest_believable(columns: PriceColumns, now: datetime) -> int:
    at = columns.at_us[(columns.at_us <= microseconds(now + CLOCK_SLACK)) & (columns.usd_per_hour > 0)]
    return int(at.max())
