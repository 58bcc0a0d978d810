"""A fleet by the name or id that a person or a model gave."""

from tools.cloud import CloudReader
from tools.market.subject import named_fleet
from tools.records import Fleet


def find_fleet(reader: CloudReader, name: str) -> Fleet:
    """The fleet of this name, id or label, read now.

    Raises  NotFound: none, or a name that two fleets share; names the nearest existing ones
    """
    return named_fleet(reader, name.strip())
