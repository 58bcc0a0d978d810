"""Appending to the archive what EC2 tells of the prices of our own types, a little at a time."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from tools.cloud import CloudReader
from tools.desk import Archive
from tools.records import LINUX

EC2_KEEPS = timedelta(days=90)
_A_DAY = timedelta(days=1)
_OVERLAP = timedelta(hours=2)
"""asked again each time: our clock may have run ahead of EC2's when it was asked last"""
SOURCE = "EC2 DescribeSpotPriceHistory"


def keep_prices(reader: CloudReader, archive: Archive, instance_types: Sequence[str], *, now: datetime) -> int:
    """What came since the last time, for all types; and the 90 days of one type that is not known so far back.

    One type a call, as 90 days are many pages and the caller has notices to answer. How many changes were new.
    Raises  CloudError, DataError
    """
    if archive.unavailable is not None:
        return 0
    region = reader.account().region
    types = sorted(set(instance_types))
    since = {t: archive.fetched_since([t], region=region, product=LINUX) for t in types}
    young = [t for t in types if (known := since[t]) is None or known > now - EC2_KEEPS + _A_DAY]
    added = _keep(reader, archive, young[:1], region, now - EC2_KEEPS, now)
    ends = {t: archive.fetched_until([t], region=region, product=LINUX) for t in types if t not in young[:1]}
    begun = {t: end for t, end in ends.items() if end is not None}
    if begun:
        since_then = min(*begun.values(), now) - _OVERLAP
        added += _keep(reader, archive, sorted(begun), region, max(since_then, now - EC2_KEEPS), now)
    return added


def _keep(
    reader: CloudReader, archive: Archive, types: Sequence[str], region: str, since: datetime, until: datetime
) -> int:
    if not types or since >= until:
        return 0
    prices = reader.spot_prices(types, since=since, until=until, product=LINUX)
    return archive.add_prices(prices, region=region, since=since, until=until, source=SOURCE)
