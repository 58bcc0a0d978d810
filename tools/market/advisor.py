"""The Spot Instance Advisor: how often an instance type was interrupted in a region over the trailing month.

AWS publishes it as one JSON file, renewed every day or so and documented nowhere: it is read strictly, kept for a day,
and always shown with its date.
"""

import hashlib
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from tools.cloud import Clock
from tools.desk import AdvisorReader
from tools.errors import DataError, Unreachable, UsageError
from tools.market.advisor_file import BANDS, Table, date_of_file, read_table
from tools.records import AdvisorBand

DEFAULT_URL = "https://spot-bid-advisor.s3.amazonaws.com/spot-advisor-data.json"
FRESH = timedelta(days=1)
RETRY = timedelta(minutes=5)
"""after a fetch that failed: a tool call shall not wait for the same silence again"""
FETCH_SECONDS = 10.0
MAX_BYTES = 32 << 20
"""the file has 2 MB"""
_WAY_OUT = "give a file with --advisor FILE, or go on without: what it would tell is then unknown"
_NAME_CELLS = 80
"""of a host or a file in the source of a figure"""
_MAGIC = "spotwarden advisor cache 1"


@dataclass(frozen=True)
class _Copy:
    """The file as it was had: content, when it was fetched, what it says of its own date."""

    body: bytes
    fetched_at: datetime
    dated: datetime | None
    """HTTP Last-Modified; None = the server named none"""


@dataclass(frozen=True)
class _Loaded:
    """What `bands` answers from, until `until`."""

    table: Table
    as_of: datetime
    source: str
    until: datetime | None
    """None = a file: it does not change by itself"""


class SpotAdvisor:
    """Reads the Advisor from AWS or from a file: AWS's JSON, or a CSV of five columns; either may be gzipped.

    source  URL, or a path; None = AWS's own
    cache   file in which a fetched copy is kept for a day; None = this process only
    """

    def __init__(
        self, source: str | Path | None = None, *, cache: Path | None, clock: Clock, seconds: float = FETCH_SECONDS
    ) -> None:
        self._source = source or DEFAULT_URL
        self._cache = cache
        self._clock = clock
        self._seconds = seconds
        self._lock = threading.Lock()
        self._loaded: _Loaded | None = None
        self._failed: tuple[datetime, Unreachable] | None = None

    @property
    def name(self) -> str:
        """The source without what may be secret in a URL: user, password, query."""
        return without_secrets(str(self._source))

    def bands(self, region: str, *, operating_system: str = "Linux") -> tuple[AdvisorBand, ...]:
        """Bands of a region by instance type; empty when the Advisor does not know the region.

        Raises  DataError: a file of another shape, names field and what was seen;
                Unreachable: no network, and no copy from before; UsageError: another operating system
        """
        system: Literal["Linux", "Windows"]
        if operating_system == "Linux":
            system = "Linux"
        elif operating_system == "Windows":
            system = "Windows"
        else:
            raise UsageError(f"{operating_system}: the Advisor knows Linux and Windows")
        with self._lock:
            loaded = self._current()
        rows = loaded.table.get((region, system), {})
        return tuple(_band(region, system, t, rows[t], loaded) for t in sorted(rows))

    def check(self) -> None:
        """Read a file now, so that a wrong one is told at once; a URL is left for when it is asked for.

        Raises  DataError
        """
        if not _is_url(self._source):
            with self._lock:
                self._current()

    def _current(self) -> _Loaded:
        now = self._clock.now()
        if self._loaded is None or (self._loaded.until is not None and not _within(now, self._loaded.until)):
            self._loaded = self._fetched(now) if _is_url(self._source) else _of_file(Path(self._source))
        return self._loaded

    def _fetched(self, now: datetime) -> _Loaded:
        """From the cache when it is of today, else from the network, else from the cache as it is, with its age."""
        url = str(self._source)
        kept = self._kept()
        if kept is not None and timedelta(0) <= now - kept.fetched_at < FRESH:
            return self._of(kept, until=kept.fetched_at + FRESH)
        if self._failed is not None and _within(now, self._failed[0]):
            if kept is None:
                raise self._failed[1]
            return self._of(kept, until=self._failed[0], age=now - kept.fetched_at)
        try:
            copy = _fetch(url, self._seconds, now)
            loaded = self._of(copy, until=now + FRESH)
        except (Unreachable, DataError) as error:
            # a proxy's page in the Advisor's place is as bad as silence
            if isinstance(error, Unreachable):
                self._failed = (now + RETRY, error)
            if kept is None:
                raise
            return self._of(kept, until=now + RETRY, age=now - kept.fetched_at)
        self._failed = None
        if self._cache is not None:
            _keep(self._cache, copy, url)
        return loaded

    def _of(self, copy: _Copy, *, until: datetime, age: timedelta | None = None) -> _Loaded:
        table = read_table(copy.body, self.name)
        dated = "its Last-Modified" if copy.dated else "when it was fetched: it names no date"
        source = f"Spot Instance Advisor of {_short(self.name)}; dated by {dated}"
        if age is not None:
            hours = age.total_seconds() / 3600
            source += f"; a copy {hours:.0f} h old, it could not be fetched anew"
        return _Loaded(table, copy.dated or copy.fetched_at, source, until)

    def _kept(self) -> _Copy | None:
        return _read_kept(self._cache, str(self._source)) if self._cache is not None else None


def known_bands(
    advisor: AdvisorReader, region: str, missing: list[str], *, operating_system: str = "Linux"
) -> Mapping[str, AdvisorBand]:
    """By instance type. An Advisor that cannot be had or read is unknown, and `missing` says why in words."""
    try:
        bands = advisor.bands(region, operating_system=operating_system)
    except (Unreachable, DataError) as error:
        missing.append(f"Spot Instance Advisor: {error.message}")
        return {}
    if not bands:
        missing.append(f"Spot Instance Advisor: it knows nothing of {operating_system} in {region}")
    return {b.instance_type: b for b in bands}


def without_secrets(source: str) -> str:
    """A URL without user, password, query and fragment; a path as it is."""
    if not _is_url(source):
        return source
    try:
        parts = urlsplit(source)
        host = parts.hostname or ""
        netloc = f"{host}:{parts.port}" if parts.port else host
    except ValueError:
        return "a URL that cannot be read"
    return urlunsplit((parts.scheme, netloc, parts.path, "", ""))


def _short(name: str) -> str:
    """The host of a URL, or a file's name: enough to know it again, and never too long for a source."""
    name = urlsplit(name).hostname or name if _is_url(name) else name
    return name if len(name) <= _NAME_CELLS else f"{name[: _NAME_CELLS - 1]}…"


def _is_url(source: str | Path) -> bool:
    return isinstance(source, str) and source.lower().startswith(("http://", "https://"))


def _within(now: datetime, until: datetime) -> bool:
    """Also false when the clock was set back by more than what is kept."""
    return until - FRESH - RETRY <= now < until


def _band(
    region: str, system: Literal["Linux", "Windows"], instance_type: str, row: tuple[int, float], loaded: _Loaded
) -> AdvisorBand:
    label, low, high = BANDS[row[0]]
    return AdvisorBand(
        region=region,
        operating_system=system,
        instance_type=instance_type,
        band=row[0],
        label=label,
        low_share=low,
        high_share=high,
        saving_share=row[1] / 100,
        as_of=loaded.as_of,
        source=loaded.source,
    )


def _of_file(path: Path) -> _Loaded:
    try:
        with path.open("rb") as file:
            body = file.read(MAX_BYTES + 1)
            changed_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file", hint="it is AWS's spot-advisor-data.json, or a CSV") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    if len(body) > MAX_BYTES:
        raise DataError(f"{path}: larger than {MAX_BYTES >> 20} MiB, which no Advisor file is")
    as_of, by = date_of_file(path.name, changed_at)
    return _Loaded(
        read_table(body, str(path)), as_of, f"Spot Instance Advisor, file {_short(path.name)}; dated by {by}", None
    )


# the network


def _fetch(url: str, seconds: float, now: datetime) -> _Copy:
    """Raises  Unreachable: no answer in time, too large, cut off, or not 200"""
    name = without_secrets(url)
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "spotwarden"})  # noqa: S310  http(s) only: _is_url
        with _opener(url).open(request, timeout=seconds) as answer:
            body = _read_all(answer, name, seconds)
            dated = _http_date(answer.headers.get("Last-Modified"))
            told = answer.headers.get("Content-Length")
    except urllib.error.HTTPError as error:
        with error:
            raise Unreachable(f"{name}: HTTP status {error.code}", hint=_WAY_OUT) from None
    except (OSError, HTTPException, ValueError) as error:
        why = getattr(error, "reason", error)
        raise Unreachable(f"{name}: no answer ({type(why).__name__})", hint=_WAY_OUT) from None
    if told is not None and told != str(len(body)):
        raise Unreachable(f"{name}: cut off after {len(body):,} bytes", hint=_WAY_OUT)
    return _Copy(body, now, dated)


def _read_all(answer: HTTPResponse, name: str, seconds: float) -> bytes:
    """Piece by piece as they come: a server that drips is given no more time than one that is silent."""
    deadline = time.monotonic() + seconds
    body = bytearray()
    while piece := answer.read1(1 << 16):
        body += piece
        if len(body) > MAX_BYTES:
            raise Unreachable(f"{name}: larger than {MAX_BYTES >> 20} MiB", hint=_WAY_OUT)
        if time.monotonic() > deadline:
            raise Unreachable(f"{name}: not read within {seconds:g} s", hint=_WAY_OUT)
    return bytes(body)


def _opener(url: str) -> urllib.request.OpenerDirector:
    """http and https and nothing else: a redirect to a file or to ftp finds no handler. Loopback needs no proxy."""
    opener = urllib.request.OpenerDirector()
    local = urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
    for handler in (
        urllib.request.ProxyHandler({} if local else None),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _http_date(text: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    if found is None:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


# the copy that is kept: a line of JSON about it, then the file as it came


def _keep(path: Path, copy: _Copy, url: str) -> None:
    """Whole or not at all. A disk that takes nothing costs the copy, not the answer."""
    head = {
        "magic": _MAGIC,
        "of": _mark(url),
        "fetched_at": copy.fetched_at.isoformat(),
        "dated": copy.dated.isoformat() if copy.dated else None,
        "bytes": len(copy.body),
    }
    draft = path.with_name(f".{path.name}.{threading.get_ident():x}-{time.monotonic_ns():x}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(json.dumps(head).encode() + b"\n" + copy.body)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)


def _read_kept(path: Path, url: str) -> _Copy | None:
    """None: there is none, it is of another URL, or it is damaged: then it is fetched anew."""
    try:
        first, _, body = path.read_bytes().partition(b"\n")
        head = json.loads(first)
        if (head["magic"], head["of"], head["bytes"]) != (_MAGIC, _mark(url), len(body)):
            return None
        dated = datetime.fromisoformat(head["dated"]).astimezone(UTC) if head["dated"] else None
        copy = _Copy(body, datetime.fromisoformat(head["fetched_at"]).astimezone(UTC), dated)
        read_table(body, "")
    except (OSError, ValueError, KeyError, TypeError, DataError, RecursionError, OverflowError):
        return None
    return copy


def _mark(url: str) -> str:
    """Tells URLs apart without keeping what may be secret in them."""
    return hashlib.sha256(url.encode()).hexdigest()
