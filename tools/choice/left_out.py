"""What was left out of an answer, counted by reason, with one example each."""

from tools.records import CapacityPool, SetAside


class LeftOut:
    """Grows while a list is sifted; reasons in the order in which they came up."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, str]] = {}

    def add(self, reason: str, example: str) -> None:
        count, first = self._found.get(reason, (0, example))
        self._found[reason] = (count + 1, first)

    def counted(self) -> tuple[SetAside, ...]:
        return tuple(SetAside(reason=r, count=n, example=e) for r, (n, e) in self._found.items())


def pool_name(pool: CapacityPool) -> str:
    """m6i.large/us-east-1a: by the zone's name where it is known, as prices and offerings tell it."""
    return f"{pool.instance_type}/{pool.zone_name or pool.zone_id or '?'}"
