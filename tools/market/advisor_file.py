"""The Advisor's file, read strictly: AWS's JSON, or a CSV with five columns. A shape that is not known is an error."""

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from tools.errors import DataError

MAX_TEXT_BYTES = 64 << 20
"""after gunzip"""
COLUMNS = ("region", "os", "instance_type", "interruption_bucket", "savings_pct_over_od")
BANDS: tuple[tuple[str, float, float], ...] = (
    ("<5%", 0.0, 0.05),
    ("5-10%", 0.05, 0.10),
    ("10-15%", 0.10, 0.15),
    ("15-20%", 0.15, 0.20),
    (">20%", 0.20, 1.0),
)
"""label, lowest and highest share of instances interrupted in the month. AWS's `ranges.max` (5, 11, 16, 22, 100) are
not the label's numbers, so the label is what counts"""
MIN_SAVING_PERCENT, MAX_SAVING_PERCENT = -1000.0, 100.0
"""below 0 where spot cost more than on-demand"""

Table = dict[tuple[str, str], dict[str, tuple[int, float]]]
"""(region, operating system) → instance type → (band, saving in percent)"""

_SYSTEMS = ("Linux", "Windows")
_TYPE = re.compile(r"[a-z][a-z0-9-]{0,40}\.[a-z0-9-]{1,40}")
_REGION = re.compile(r"[a-z]{2}(-[a-z0-9]{1,20}){2,6}")
_DATE = re.compile(r"(?<!\d)(20\d\d)-(0[1-9]|1[0-2])(?:-(0[1-9]|[12]\d|3[01]))?(?!\d)")
_EXPECTED = f"expected AWS's spot-advisor-data.json, or a CSV with the columns {','.join(COLUMNS)}"


def read_table(body: bytes, name: str) -> Table:
    """The whole file by (region, operating system).

    name    of the file or URL, for errors
    Raises  DataError: names file, line or field, and what was seen
    """
    text = _text(body, name)
    if text.lstrip()[:1] in ("{", "["):
        return _from_json(text, name)
    return _from_csv(text, name)


def date_of_file(name: str, changed_at: datetime) -> tuple[datetime, str]:
    """As of when the file speaks, and how that is known: the date in its name, else when the file changed."""
    found = _DATE.search(name)
    if found is not None:
        try:
            return datetime(int(found[1]), int(found[2]), int(found[3] or 1), tzinfo=UTC), "its name"
        except ValueError:
            pass  # 2025-02-31
    return changed_at, "when the file changed"


def _text(body: bytes, name: str) -> str:
    if body[:2] == b"\x1f\x8b":
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(body)) as packed:
                body = packed.read(MAX_TEXT_BYTES + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{name}: the gzip is damaged or cut off: {error}", hint="fetch the file again") from None
    if len(body) > MAX_TEXT_BYTES:
        raise DataError(f"{name}: more than {MAX_TEXT_BYTES >> 20} MiB of text, which no Advisor file has")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{name}: byte {error.start:,} is not UTF-8", hint=_EXPECTED) from None


# AWS's JSON


def _from_json(text: str, name: str) -> Table:
    try:
        document = json.loads(text, object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
    except RecursionError:
        raise DataError(f"{name}: nested too deeply", hint=_EXPECTED) from None
    except ValueError as error:
        raise DataError(f"{name}: not JSON: {error}", hint=_EXPECTED) from None
    _check_ranges(_field(document, "ranges", list, name, ""), name)
    table: Table = {}
    for region, systems in _field(document, "spot_advisor", dict, name, "").items():
        where = f"spot_advisor.{region}"
        if _REGION.fullmatch(region) is None:
            raise _other(name, where, "a region such as us-east-1", region)
        for system, types in _is(systems, dict, name, where).items():
            if system not in _SYSTEMS:
                raise _other(name, f"{where}.{system}", "Linux or Windows", system)
            table[region, system] = dict(_types(_is(types, dict, name, f"{where}.{system}"), name, f"{where}.{system}"))
    if not any(table.values()):
        raise DataError(f"{name}: spot_advisor holds no instance type", hint=_EXPECTED)
    return table


def _types(types: dict[str, Any], name: str, where: str) -> Iterator[tuple[str, tuple[int, float]]]:
    for instance_type, row in types.items():
        here = f"{where}.{instance_type}"
        if _TYPE.fullmatch(instance_type) is None:
            raise _other(name, here, "an instance type such as g5.xlarge", instance_type)
        band, saving = _field(row, "r", int, name, here), _field(row, "s", (int, float), name, here)
        _check_band(band, name, f"{here}.r")
        _check_saving(saving, name, f"{here}.s")
        yield instance_type, (band, float(saving))


def _check_ranges(ranges: list[Any], name: str) -> None:
    """The bands are AWS's to redefine: then our shares are wrong, and nothing is read."""
    if len(ranges) != len(BANDS):
        raise _other(name, "ranges", f"{len(BANDS)} ranges", f"{len(ranges)} ranges")
    seen = set()
    for position, item in enumerate(ranges):
        where = f"ranges[{position}]"
        index, label = _field(item, "index", int, name, where), _field(item, "label", str, name, where)
        _check_band(index, name, f"{where}.index")
        if label.replace(" ", "") != BANDS[index][0]:
            raise _other(name, f"{where}.label", repr(BANDS[index][0]), label)
        seen.add(index)
    if len(seen) < len(BANDS):
        raise _other(name, "ranges", "every index from 0 to 4 once", sorted(seen))


def _field(holder: object, key: str, kind: type | tuple[type, ...], name: str, where: str) -> Any:
    path = f"{where}.{key}".lstrip(".")
    found = _is(holder, dict, name, where or "the document")
    if key not in found:
        raise DataError(f"{name}: {path}: missing; seen {_short(sorted(found)[:6])}", hint=_EXPECTED)
    return _is(found[key], kind, name, path)


def _is(value: object, kind: type | tuple[type, ...], name: str, where: str) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        raise _other(name, where, " or ".join(k.__name__ for k in kinds), value)
    return value


# CSV


def _from_csv(text: str, name: str) -> Table:
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    table: Table = {}
    try:
        header = next(lines, [])
        if tuple(header) != COLUMNS:
            raise _other(f"{name}:1", "the header", ",".join(COLUMNS), ",".join(header))
        for row in lines:
            _add(table, row, f"{name}:{lines.line_num}")
    except csv.Error as error:
        raise DataError(f"{name}:{lines.line_num}: not CSV: {error}", hint=_EXPECTED) from None
    if not table:
        raise DataError(f"{name}: no row after the header", hint=_EXPECTED)
    return table


def _add(table: Table, row: list[str], where: str) -> None:
    if len(row) != len(COLUMNS):
        raise _other(where, "the row", f"{len(COLUMNS)} columns", row)
    region, system, instance_type, bucket, percent = row
    if _REGION.fullmatch(region) is None:
        raise _other(where, "region", "a region such as us-east-1", region)
    if system not in _SYSTEMS:
        raise _other(where, "os", "Linux or Windows", system)
    if _TYPE.fullmatch(instance_type) is None:
        raise _other(where, "instance_type", "an instance type such as g5.xlarge", instance_type)
    if re.fullmatch(r"\d", bucket) is None:
        raise _other(where, "interruption_bucket", "0, 1, 2, 3 or 4", bucket)
    _check_band(int(bucket), where, "interruption_bucket")
    if re.fullmatch(r"-?\d{1,4}(\.\d{1,6})?", percent) is None:
        raise _other(where, "savings_pct_over_od", "percent", percent)
    _check_saving(float(percent), where, "savings_pct_over_od")
    found = (int(bucket), float(percent))
    known = table.setdefault((region, system), {}).setdefault(instance_type, found)
    if known != found:
        raise _other(where, instance_type, f"what an earlier line says, {known}", found)


# values


def _check_band(band: int, name: str, where: str) -> None:
    if not 0 <= band < len(BANDS):
        raise _other(name, where, "0, 1, 2, 3 or 4", band)


def _check_saving(percent: float, name: str, where: str) -> None:
    if not MIN_SAVING_PERCENT <= percent <= MAX_SAVING_PERCENT:
        raise _other(name, where, f"percent from {MIN_SAVING_PERCENT:g} to {MAX_SAVING_PERCENT:g}", percent)


def _other(name: str, where: str, expected: str, seen: object) -> DataError:
    return DataError(f"{name}: {_short(where, plain=True)}: {_short(seen)} instead of {expected}", hint=_EXPECTED)


def _short(value: object, *, plain: bool = False) -> str:
    text = str(value) if plain else repr(value)
    return text if len(text) <= 80 else text[:79] + "…"


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [k for k, _ in pairs]
        raise ValueError(f"the key {next(k for k in keys if keys.count(k) > 1)[:80]!r} stands twice")
    return found


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")
