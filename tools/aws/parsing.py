"""Times in answers, read for what they are: most of the work on a long answer goes into guessing their form."""

from datetime import datetime
from typing import Any

from botocore.utils import parse_timestamp


def moment(said: Any) -> datetime:
    """ISO 8601 in UTC, as AWS writes it; anything else is left to botocore. Raises ValueError."""
    if isinstance(said, str) and said[10:11] == "T" and said.endswith("Z"):
        try:
            return datetime.fromisoformat(said)
        except ValueError:
            pass
    found: datetime = parse_timestamp(said)
    return found
