"""The prices of a stretch of time: what EC2 still tells, and before that what the local archive kept.

EC2 keeps 90 days. Every fetch is appended to the archive, so a longer window becomes known as time goes by.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tools.cloud import CloudReader
from tools.desk import Archive
from tools.errors import SpotError
from tools.records import LINUX, SetAside, SpotPrice, utc_text

EC2_KEEPS = timedelta(days=90)
_SOURCE = "EC2 DescribeSpotPriceHistory"


@dataclass(frozen=True)
class PriceStretch:
    """Price changes from `since` to the moment of asking, with the prices in force at `since`.

    since      start of the stretch without a gap; later than what was asked = before it nothing is known
    archived   prices that only the archive still knew
    set_aside  archived prices that disagree with one another: in no figure
    notes      in words: since when prices are known, what could not be kept
    """

    prices: tuple[SpotPrice, ...]
    since: datetime
    archived: int
    set_aside: tuple[SetAside, ...]
    notes: tuple[str, ...]


def read_stretch(
    reader: CloudReader,
    archive: Archive,
    instance_types: Sequence[str],
    *,
    start: datetime,
    now: datetime,
    product: str = LINUX,
) -> PriceStretch:
    """What is known of the prices of some types in [start, now], every zone of the region.

    What EC2 tells is appended to the archive; one that fails or keeps nothing costs the past, never the answer.
    Raises  CloudError: EC2 cannot be asked
    """
    fetched_from = max(start, now - EC2_KEEPS)
    fetched = reader.spot_prices(instance_types, since=fetched_from, until=now, product=product)
    region = reader.account().region
    try:
        kept = _kept(archive, fetched, instance_types, region=region, since=fetched_from, until=now, product=product)
        since = max(start, kept) if kept is not None and kept < fetched_from else fetched_from
        older: tuple[SpotPrice, ...] = ()
        aside: tuple[SetAside, ...] = ()
        if since < fetched_from:
            older = archive.prices(instance_types, region=region, since=since, until=fetched_from, product=product)
            aside = archive.set_aside(instance_types, region=region, since=since, until=fetched_from, product=product)
        trouble = archive.unavailable
    except SpotError as error:
        kept, since, older, aside, trouble = None, fetched_from, (), (), error.message
    merged = _once(older, fetched)
    notes = [_reach(start, since, now, kept)] if since > start else []
    if trouble is not None:
        notes.append(f"the local archive cannot be used, so nothing is kept: {trouble}")
    return PriceStretch(merged, since, len(merged) - len(fetched), aside, tuple(notes))


def _kept(
    archive: Archive,
    fetched: Sequence[SpotPrice],
    instance_types: Sequence[str],
    *,
    region: str,
    since: datetime,
    until: datetime,
    product: str,
) -> datetime | None:
    """Append what was fetched; since when the archive has no gap for these types."""
    archive.add_prices(fetched, region=region, since=since, until=until, source=_SOURCE)
    return archive.fetched_since(instance_types, region=region, product=product)


def _once(older: Sequence[SpotPrice], newer: Sequence[SpotPrice]) -> tuple[SpotPrice, ...]:
    """Both, oldest first; the price in force where they meet stands in both and is taken once."""
    seen = {_key(p) for p in newer}
    return (*(p for p in older if _key(p) not in seen), *newer)


def _key(price: SpotPrice) -> tuple[object, ...]:
    pool = price.pool
    return (pool.instance_type, pool.zone_name or pool.zone_id, pool.product, price.at, price.usd_per_hour)


def _reach(start: datetime, since: datetime, now: datetime, kept_from: datetime | None) -> str:
    asked, known = (now - start) / timedelta(hours=1), (now - since) / timedelta(hours=1)
    why = "EC2 keeps 90 days"
    if kept_from is None:
        why += ", and no local archive holds more"
    else:
        why += f", and the local archive has no gap since {utc_text(kept_from.replace(microsecond=0))}"
    return (
        f"asked for {asked:,.0f} h, known since {utc_text(since.replace(microsecond=0))} ({known:,.0f} h): {why}; "
        "what was before is unknown, and is in no figure"
    )
