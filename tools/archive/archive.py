"""The archive's front door. Safe to call from any thread, and from several processes at once."""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from tools.archive import alerts as alert_rows
from tools.archive import exposure
from tools.archive import prices as price_rows
from tools.archive import samples as sample_rows
from tools.archive import signals as signal_rows
from tools.archive.files import UNREADABLE, connect, prepare, told
from tools.archive.none import NoArchive
from tools.archive.retention import tidy
from tools.archive.schema import create_or_migrate
from tools.cloud import Clock
from tools.errors import DataError
from tools.records import (
    Alert,
    CapacityPool,
    Exposure,
    FleetSample,
    PoolSignal,
    PoolState,
    SetAside,
    SpotPrice,
)

T = TypeVar("T")
Connection = sqlite3.Connection


class SqliteArchive:
    """One SQLite file (tools.desk.Archive). What a call adds, it adds whole or not at all.

    Every method raises DataError: the file is damaged, locked or full; the hint says the way out.
    Prices are everybody's. Looks, signals, alerts and what follows from them are one account's, and another account
    that uses the same file sees its own only. How long they are kept: tools/archive/retention.py.
    """

    unavailable: str | None = None

    def __init__(
        self, writer: Connection, reader: Connection, path: Path, clock: Clock, account: Callable[[], str] | None
    ) -> None:
        self.path = path
        self._writer, self._writing = writer, threading.Lock()
        self._reader, self._reading = reader, threading.Lock()
        self._clock = clock
        self._account = account

    @classmethod
    def open(cls, path: Path, *, clock: Clock, account: Callable[[], str] | None = None) -> "SqliteArchive":
        """Open or make it.

        account  whose it is, asked when it matters: prices of a file are kept without one. None = every account's
        Raises  DataError: not ours, damaged, read-only, no room, from a newer spotwarden
        """
        path = path.expanduser().absolute()
        prepare(path)
        with ExitStack() as undo:
            writer = undo.enter_context(closing(connect(path)))
            try:
                writer.execute("BEGIN IMMEDIATE")
                create_or_migrate(writer, path)
                writer.execute("COMMIT")
                reader = undo.enter_context(closing(connect(path)))
                reader.execute("PRAGMA query_only=ON")
            except UNREADABLE as error:
                raise told(error, path) from None
            undo.pop_all()
        return cls(writer, reader, path, clock, account)

    def close(self) -> None:
        """Again is allowed."""
        with self._writing, self._reading:
            self._reader.close()
            self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _read(self, look: Callable[[Connection], T]) -> T:
        with self._reading:
            try:
                return look(self._reader)
            except (*UNREADABLE, KeyError) as error:
                raise told(error, self.path) from None

    def _write(self, work: Callable[[Connection], T]) -> T:
        """One IMMEDIATE transaction: whole, or undone."""
        with self._writing:
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                try:
                    answer = work(self._writer)
                    self._writer.execute("COMMIT")
                except BaseException:
                    if self._writer.in_transaction:
                        self._writer.execute("ROLLBACK")
                    raise
            except UNREADABLE as error:
                raise told(error, self.path) from None
            return answer

    def _whose(self) -> str | None:
        """The account whose rows these are. Raises what the account's reader raises."""
        return self._account() if self._account is not None else None

    # prices

    def add_prices(
        self, prices: Sequence[SpotPrice], *, region: str, since: datetime, until: datetime, source: str
    ) -> int:
        """Append what a fetch of [since, until] saw, whole. How many changes were new.

        Types and products covered are those that it saw: EC2 answers with the price in force at the start, so a pool
        that exists has a row. What lies after now by the clock is not covered, whatever `until` says.
        Raises  DataError: the fetch ends before it starts
        """
        if until < since:
            raise DataError(f"a fetch of prices that ends ({until}) before it starts ({since}): nothing was kept")
        rows = price_rows.by_pool(prices)
        at = self._clock.now()
        return self._write(
            lambda db: price_rows.add(db, rows, region=region, since=since, until=until, at=at, source=source)
        )

    def prices(
        self, instance_types: Sequence[str], *, region: str, since: datetime, until: datetime, product: str
    ) -> tuple[SpotPrice, ...]:
        """Changes in the window and the price in force at its start, oldest first.

        A window that starts in a gap between fetches has no price until the next one that was seen. Gaps inside it are
        not marked: start it at `fetched_since`, or later.
        """
        return self._read(
            lambda db: price_rows.read(db, instance_types, region=region, since=since, until=until, product=product)
        )

    def fetched_since(self, instance_types: Sequence[str], *, region: str, product: str) -> datetime | None:
        return self._read(lambda db: price_rows.fetched_since(db, instance_types, region=region, product=product))

    def fetched_until(self, instance_types: Sequence[str], *, region: str, product: str) -> datetime | None:
        """Until when every one of the types was fetched: where the next fetch may begin. None: one never was."""
        return self._read(lambda db: price_rows.fetched_until(db, instance_types, region=region, product=product))

    def set_aside(
        self, instance_types: Sequence[str], *, region: str, since: datetime, until: datetime, product: str
    ) -> tuple[SetAside, ...]:
        """Prices of the window that disagree with one seen earlier for their moment: counted, not in `prices`."""
        return self._read(
            lambda db: price_rows.set_aside(
                db, instance_types, region=region, since=since, until=until, product=product
            )
        )

    # our own pools and fleets

    def add_signals(self, signals: Sequence[PoolSignal], *, region: str) -> int:
        """How many events were new. One event is one, by whichever channel it comes."""
        if not signals:
            return 0
        account = self._whose()
        return self._write(lambda db: signal_rows.add(db, signals, region=region, account=account))

    def signals(self, *, region: str, since: datetime) -> tuple[PoolSignal, ...]:
        """Oldest first."""
        account = self._whose()
        return self._read(lambda db: signal_rows.read(db, region=region, account=account, since=since))

    def add_samples(self, samples: Sequence[FleetSample], *, region: str) -> None:
        """And take the turn of what is too old to be kept whole, when it is due."""
        if samples:
            self._write(lambda db: self._add_samples(db, samples, region))

    def _add_samples(self, db: Connection, samples: Sequence[FleetSample], region: str) -> None:
        sample_rows.add(db, samples, region=region)
        tidy(db, now=self._clock.now())

    def samples(self, *, region: str, since: datetime, fleet: str | None = None) -> tuple[FleetSample, ...]:
        """Oldest first. fleet  label; None = every one"""
        account = self._whose()
        return self._read(lambda db: sample_rows.read(db, region=region, account=account, since=since, fleet=fleet))

    def exposures(self, *, region: str, since: datetime, until: datetime) -> tuple[Exposure, ...]:
        """Instance-hours and EC2-initiated events per pool; see tools/archive/exposure.py for what counts."""
        account = self._whose()
        return self._read(lambda db: exposure.exposures(db, region=region, account=account, since=since, until=until))

    def pool_states(
        self, pool: CapacityPool, *, region: str, since: datetime
    ) -> tuple[tuple[datetime, PoolState], ...]:
        account = self._whose()
        return self._read(lambda db: exposure.pool_states(db, pool, region=region, account=account, since=since))

    def alerts(self, *, region: str, open_only: bool) -> tuple[Alert, ...]:
        """Open ones, the newest first; then those that are over, the last one first."""
        account = self._whose()
        return self._read(lambda db: alert_rows.read(db, region=region, account=account, open_only=open_only))

    def save_alert(self, alert: Alert, *, region: str) -> None:
        account = self._whose()
        self._write(lambda db: alert_rows.save(db, alert, region=region, account=account))


OpenArchive = SqliteArchive | NoArchive


def open_archive(path: Path, *, clock: Clock, account: Callable[[], str] | None = None) -> OpenArchive:
    """The archive at this path, or none that remembers why: what judges and acts goes on without it."""
    try:
        return SqliteArchive.open(path, clock=clock, account=account)
    except DataError as error:
        return NoArchive(f"{error.message}: {error.hint}" if error.hint else error.message)
