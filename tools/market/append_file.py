"""Prices of a file into the local archive, so that history reaches back further than anybody fetched here."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from tools.desk import Archive
from tools.errors import DataError, NoPriceHistory
from tools.market.columns import PriceColumns, exact, moment_of, sieve
from tools.market.history_file import Progress, read_history
from tools.records import SetAside, SpotPrice


@dataclass(frozen=True)
class Appended:
    """new        prices that the archive did not know
    prices     that the file holds and that can be believed
    types      instance types
    """

    new: int
    prices: int
    types: int
    since: datetime
    until: datetime
    set_aside: tuple[SetAside, ...]

    def words(self) -> str:
        return (
            f"appended to the archive: {self.new:,} new of {self.prices:,} prices, {self.types:,} instance types, "
            f"{self.since:%Y-%m-%d} to {self.until:%Y-%m-%d}"
        )


def append_file(
    path: Path, archive: Archive, *, region: str, now: datetime, progress: Progress | None = None
) -> Appended:
    """Add every believable price of a file; a type is added whole or not at all.

    region  that the file speaks of: a zone id alone would not tell
    Raises  UsageError, DataError: the file or the archive cannot be used; NoPriceHistory: no usable row
    """
    if archive.unavailable is not None:
        raise DataError(f"the local archive cannot be used: {archive.unavailable}", hint="name another with --archive")
    history = read_history(path, progress=progress)
    columns, aside = sieve(history.columns, on_demand={}, now=now)
    if not len(columns):
        raise NoPriceHistory(f"{path}: none of {history.rows:,} rows holds a usable price")
    since, until = moment_of(int(columns.at_us.min())), moment_of(int(columns.at_us.max()))
    new = types = 0
    for prices in _by_type(columns):
        new += archive.add_prices(prices, region=region, since=since, until=until, source=f"file {path.name}")
        types += 1
    return Appended(new, len(columns), types, since, until, history.set_aside + aside)


def _by_type(columns: PriceColumns) -> Iterator[tuple[SpotPrice, ...]]:
    """Prices of one instance type after another, oldest first; pools are sorted by type."""
    names = np.array([p.instance_type for p in columns.pools])
    for name in dict.fromkeys(p.instance_type for p in columns.pools):
        rows = np.flatnonzero(names[columns.pool] == name)
        rows = rows[np.argsort(columns.at_us[rows], kind="stable")]
        yield tuple(
            SpotPrice(
                pool=columns.pools[int(columns.pool[i])],
                usd_per_hour=exact(columns.usd_per_hour[i]),
                at=moment_of(int(columns.at_us[i])),
            )
            for i in rows
        )
