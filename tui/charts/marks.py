"""What EC2 did in a pool while its price was watched: interruptions and rebalance recommendations in a window."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tools.records import CapacityPool, PoolSignal


@dataclass(frozen=True)
class Marks:
    """Moments, oldest first."""

    interruptions: tuple[datetime, ...] = ()
    rebalances: tuple[datetime, ...] = ()

    def __len__(self) -> int:
        return len(self.interruptions) + len(self.rebalances)

    def words(self, signs: tuple[str, str] = ("", "")) -> str:
        """2 interruptions, 1 rebalance; each after its sign"""
        kinds = ((signs[0], self.interruptions, "interruption"), (signs[1], self.rebalances, "rebalance"))
        return ", ".join(f"{sign} {counted(len(at), noun)}".strip() for sign, at, noun in kinds if at)


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def marks_of(signals: Iterable[PoolSignal], pool: CapacityPool, *, since: datetime, until: datetime) -> Marks:
    """Of one pool, in [since, until]; what EC2 granted or refused is no mark."""
    from tools.risk.knowledge import same_pool

    inside = sorted((s for s in signals if since <= s.at <= until and same_pool(s.pool, pool)), key=lambda s: s.at)
    return Marks(
        interruptions=tuple(s.at for s in inside if s.kind == "interruption"),
        rebalances=tuple(s.at for s in inside if s.kind == "rebalance"),
    )


def not_drawn(signals: Sequence[PoolSignal], drawn: Sequence[Marks]) -> int:
    """Interruptions and rebalances of other pools or other times."""
    return sum(s.kind in {"interruption", "rebalance"} for s in signals) - sum(len(m) for m in drawn)
