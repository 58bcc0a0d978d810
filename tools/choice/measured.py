"""How a fleet's work is checkpointed, from the checkpoints themselves."""

from itertools import pairwise
from statistics import median

from tools.choice.useful_hour import WorkShape
from tools.cloud import CloudReader
from tools.errors import CloudError, DataError
from tools.records import Fleet
from tools.recovery.checkpoints import checkpoint_store, stored

FEWEST_GAPS = 3
"""between checkpoints, before their median says how often they come"""


def measured_work(reader: CloudReader, fleet: Fleet) -> WorkShape | None:
    """The shape of a checkpointed fleet's work; None where its tag names no store, or the store tells too little."""
    place = checkpoint_store(fleet)
    if place is None:
        return None
    try:
        checkpoints = stored(reader, *place)
    except (CloudError, DataError):  # the intervals stay assumed, which the answer says
        return None
    saved = sorted(c.manifest.saved_at for c in checkpoints if c.whole and c.manifest)
    gaps = [(later - earlier).total_seconds() / 60 for earlier, later in pairwise(saved) if later > earlier]
    if len(gaps) < FEWEST_GAPS:
        return None
    basis = {"checkpoint_minutes": f"measured: median of {len(gaps)} gaps between checkpoints of {fleet.name}"}
    return WorkShape(checkpoint_minutes=round(median(gaps), 1), basis=basis)
