"""One look at the account for many actions in a hurry: what was read once for all of them is not read again for each.

Only for drawing up. What is about to be changed is read anew before it is, and refused where it moved since.
"""

import threading
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from tools.cloud import CloudReader
from tools.records import Fleet, FleetRef, SpotPrice


class Glance:
    """A CloudReader that remembers fleets and spot prices; everything else it asks for."""

    def __init__(self, reader: CloudReader, fleets: Iterable[Fleet] = ()) -> None:
        self._reader = reader
        self._fleets = {f.ref: f for f in fleets}
        self._prices: dict[tuple[str, ...], tuple[SpotPrice, ...]] = {}
        self._reading = threading.Lock()

    def fleet(self, ref: FleetRef) -> Fleet:
        """As it was when the glance was cast."""
        return self._fleets.get(ref) or self._reader.fleet(ref)

    def spot_prices(
        self, instance_types: Sequence[str], *, since: datetime, until: datetime, product: str
    ) -> tuple[SpotPrice, ...]:
        """Of one window, however little it moved since: prices change by the hour, a glance lasts seconds."""
        asked = (product, *sorted(instance_types))
        with self._reading:
            if asked not in self._prices:
                found = self._reader.spot_prices(instance_types, since=since, until=until, product=product)
                self._prices[asked] = found
            return self._prices[asked]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)
