"""Work queues of spot workers, as somebody who looks from outside sees them."""

from tools.records.base import Name, Record, UtcTime


class QueueState(Record):
    """One queue, read once. What the server does not tell, or what could not be read, is None."""

    name: Name
    server: str
    """its address without user, password and options"""
    waiting: int | None = None
    """items that nobody has"""
    in_flight: int | None = None
    """items that a worker has; RabbitMQ tells it to its management plugin only"""
    oldest_in_flight_seconds: float | None = None
    """since the oldest of those was put"""
    dead: int | None = None
    """items that failed too often: they wait for a person"""
    done: int | None = None
    """since the queue is there"""
    workers: int | None = None
    """connected now"""
    warnings: tuple[str, ...] = ()
    trouble: str | None = None
    """why it could not be read, with the way out"""


class QueuesReport(Record):
    """Every queue of the settings, by name."""

    queues: tuple[QueueState, ...]
    as_of: UtcTime
    source: str
