"""Reads a file of real spot price changes; pure but for opening the file.

Columns: availability_zone, instance_type, product, timestamp_utc, spot_price_usd_per_h; CSV, gzipped when it
ends in .gz.
"""

import csv
import gzip
import io
import math
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tools.errors import DataError

COLUMNS = ("availability_zone", "instance_type", "product", "timestamp_utc", "spot_price_usd_per_h")
_ZONE = re.compile(r"^[a-z]{2}(-[a-z]+)+-\d[a-z]$")
_TYPE = re.compile(r"^[a-z0-9-]+\.[a-z0-9-]+$")

Series = tuple[str, str, str]
"""zone name, instance type, product"""


@dataclass(frozen=True)
class PriceFile:
    """Price changes of one region, by series, oldest first."""

    source: str
    region: str
    changes: dict[Series, tuple[tuple[datetime, str], ...]]
    """(when it came into force, USD per instance-hour as the file wrote it)"""

    @property
    def zones(self) -> tuple[str, ...]:
        return tuple(sorted({zone for zone, _, _ in self.changes}))

    def types(self, product: str) -> tuple[str, ...]:
        return tuple(sorted({kind for _, kind, p in self.changes if p == product}))

    @property
    def first(self) -> datetime:
        return min(rows[0][0] for rows in self.changes.values())

    @property
    def last(self) -> datetime:
        return max(rows[-1][0] for rows in self.changes.values())


def read_price_file(path: Path) -> PriceFile:
    """Every row of the file, checked.

    Raises  DataError: not readable, not whole, wrong columns, or a bad field, with file, line and field
    """
    series: dict[Series, list[tuple[datetime, str]]] = {}
    line = 0
    try:
        with _open(path) as text:
            rows = csv.reader(text, strict=True)
            for line, row in enumerate(_body(path, rows), start=2):
                zone, kind, product, at, price = _fields(path, line, row)
                series.setdefault((zone, kind, product), []).append((at, price))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{path}: the compressed data ends or breaks after line {line}: {error}", hint="fetch the file again"
        ) from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: after line {line}: not UTF-8 text: {error.reason}") from None
    except csv.Error as error:
        raise DataError(f"{path}:{line + 1}: not CSV: {error}") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    if not series:
        raise DataError(f"{path}: holds no prices", hint="expected rows under " + ",".join(COLUMNS))
    return PriceFile(
        source=path.name,
        region=_region(path, series),
        changes={key: tuple(sorted(rows)) for key, rows in sorted(series.items())},
    )


def _open(path: Path) -> io.TextIOWrapper:
    raw = gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb")  # noqa: SIM115  closed by its wrapper
    return io.TextIOWrapper(raw, encoding="utf-8", newline="")


def _body(path: Path, rows: Iterator[list[str]]) -> Iterator[list[str]]:
    header = next(rows, None)
    if header is None:
        raise DataError(f"{path}: is empty", hint="expected a header: " + ",".join(COLUMNS))
    if tuple(header) != COLUMNS:
        missing = [c for c in COLUMNS if c not in header]
        seen = ",".join(header)[:200]
        what = f"column {missing[0]} is missing" if missing else "the columns stand in another order"
        raise DataError(f"{path}:1: {what}: saw {seen!r}", hint="expected " + ",".join(COLUMNS))
    return rows


def _fields(path: Path, line: int, row: list[str]) -> tuple[str, str, str, datetime, str]:
    if len(row) != len(COLUMNS):
        raise DataError(f"{path}:{line}: {len(row)} fields, expected {len(COLUMNS)}")
    zone, kind, product, at, price = row
    if not _ZONE.match(zone):
        raise _bad(path, line, "availability_zone", zone, "a zone name such as eu-west-3a")
    if not _TYPE.match(kind):
        raise _bad(path, line, "instance_type", kind, "a type such as m5.large")
    if not product:
        raise _bad(path, line, "product", product, "a product such as Linux/UNIX")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise _bad(path, line, "timestamp_utc", at, "a time such as 2020-03-01T12:00:00Z") from None
    if moment.tzinfo is None:
        raise _bad(path, line, "timestamp_utc", at, "a time with its zone, such as 2020-03-01T12:00:00Z")
    if not _is_price(price):
        raise _bad(path, line, "spot_price_usd_per_h", price, "a price above 0 in USD")
    return zone, kind, product, moment.astimezone(UTC), price


def _is_price(text: str) -> bool:
    try:
        value = float(text)
    except ValueError:
        return False
    return math.isfinite(value) and value > 0


def _bad(path: Path, line: int, field: str, seen: str, wanted: str) -> DataError:
    return DataError(f"{path}:{line}: {field}: saw {seen[:80]!r}, expected {wanted}")


def _region(path: Path, series: dict[Series, list[tuple[datetime, str]]]) -> str:
    regions = sorted({zone[:-1] for zone, _, _ in series})
    if len(regions) > 1:
        raise DataError(f"{path}: holds {len(regions)} regions ({', '.join(regions[:5])}): give one region a file")
    return regions[0]
