"""The rows of a price history file as text: CSV or what AWS prints as JSON, gzipped or not, in batches of cells."""

import contextlib
import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from tools.errors import DataError, NoPriceHistory, UsageError

COLUMNS = ("availability_zone", "instance_type", "product", "timestamp_utc", "spot_price_usd_per_h")
OPTIONAL_COLUMNS = ("availability_zone_id", "currency")
AWS_FIELDS = {
    "AvailabilityZone": "availability_zone",
    "InstanceType": "instance_type",
    "ProductDescription": "product",
    "Timestamp": "timestamp_utc",
    "SpotPrice": "spot_price_usd_per_h",
    "AvailabilityZoneId": "availability_zone_id",
    "CurrencyCode": "currency",
}
EXPECTED = f"give CSV with the columns {', '.join(COLUMNS)}, or what `aws ec2 describe-spot-price-history` prints"
MAX_JSON_CHARACTERS = 1 << 30
BATCH_ROWS = 1_000
"""small enough to stay in the cache while it is turned into columns"""


@dataclass
class Place:
    """How far a file has been read, for messages."""

    unit: str = "line"
    at: int = 0


@dataclass(frozen=True)
class Batch:
    """Rows as they stand in the file, blank ones too.

    names  of the columns; every row should have as many cells
    unit   what `first` counts: lines of a CSV file, entries of a JSON list
    first  where the first row stands, 1-based
    """

    names: tuple[str, ...]
    unit: str
    first: int
    rows: list[list[str]] = field(repr=False)

    def places(self) -> Iterator[tuple[int, list[str]]]:
        """Every row with the line that it begins on."""
        at = self.first
        for cells in self.rows:
            yield at, cells
            at += 1 + (sum(cell.count("\n") for cell in cells) if self.unit == "line" else 0)


@contextlib.contextmanager
def open_text(path: Path, place: Place | None = None) -> Iterator[io.TextIOBase]:
    """A text file, gzipped or not.

    place   how far its reader is, for the message of what cannot be read
    Raises  UsageError: it cannot be opened; DataError: damaged gzip, or no UTF-8
    """
    try:
        raw = path.open("rb")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", hint="name a .csv, .csv.gz or .json file of prices") from None
    try:
        with raw:
            if raw.peek(2)[:2] == b"\x1f\x8b":
                with gzip.GzipFile(fileobj=raw) as unzipped:
                    yield io.TextIOWrapper(io.BufferedReader(unzipped), encoding="utf-8-sig", newline="")
            else:
                yield io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{path}{_after(place)}: the gzip is damaged: {error}", hint="copy or download the file again"
        ) from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}{_after(place)}: not UTF-8 text: {error.reason}", hint=EXPECTED) from None


def _after(place: Place | None) -> str:
    return f", after {place.unit} {place.at:,}" if place is not None and place.at else ""


def batches(path: Path) -> Iterator[Batch]:
    """Every row of the file.

    Raises  UsageError: no such file; NoPriceHistory: it is empty; DataError: it is neither CSV nor JSON of prices
    """
    place = Place()
    with open_text(path, place) as file:
        head = file.readline()
        blank = 0
        while head and not head.strip():
            head = file.readline()
            blank += 1
        if not head:
            raise NoPriceHistory(f"{path}: the file is empty", hint=EXPECTED)
        if head.lstrip()[0] in "{[":
            yield from _json_batches(head, file, path)
        else:
            place.at = blank + 1
            yield from _csv_batches(head, file, path, place)


def need_columns(path: Path, found: Iterable[str], wanted: Sequence[str], *, line: int = 1) -> tuple[str, ...]:
    """The column names, trimmed.

    Raises  DataError: one of those wanted is missing, or stands twice
    """
    names = tuple(n.strip() for n in found)
    missing = [c for c in wanted if c not in names]
    twice = [c for c in wanted if names.count(c) > 1]
    if missing or twice:
        seen = ", ".join(names)[:200] or "nothing"
        trouble = f"no column {', '.join(missing)}" if missing else f"column {', '.join(twice)} stands twice"
        raise DataError(f"{path}, line {line}: {trouble}; found {seen}", hint=f"columns wanted: {', '.join(wanted)}")
    return names


def _csv_batches(head: str, file: io.TextIOBase, path: Path, place: Place) -> Iterator[Batch]:
    before = place.at
    names = need_columns(path, next(csv.reader([head])), COLUMNS, line=before)
    reader = csv.reader(file)
    while True:
        first = place.at + 1
        rows: list[list[str]] = []
        try:
            rows.extend(islice(reader, BATCH_ROWS))
        except csv.Error as error:
            raise DataError(f"{path}, line {before + reader.line_num}: not CSV: {error}") from None
        finally:
            place.at = before + reader.line_num
        if not rows:
            return
        yield Batch(names, "line", first, rows)


def _json_batches(head: str, file: io.TextIOBase, path: Path) -> Iterator[Batch]:
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
    names = tuple(AWS_FIELDS.values())
    for first in range(0, len(entries), BATCH_ROWS):
        some = (entry if isinstance(entry, dict) else {} for entry in entries[first : first + BATCH_ROWS])
        yield Batch(names, "entry", first + 1, [[_text(entry.get(f)) for f in AWS_FIELDS] for entry in some])


def _text(value: object) -> str:
    return "" if value is None else str(value)
