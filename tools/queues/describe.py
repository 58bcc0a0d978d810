"""The read tool of queues: what waits, what is in flight, what died, and which server cannot be read."""

from tools.cloud import Clock
from tools.desk import QueueReader
from tools.records import QueuesReport
from tools.tool import tool


@tool(effect="read", iam=(), example={"queue": None})
def describe_queues(queues: QueueReader, clock: Clock, queue: str | None) -> QueuesReport:
    """Work queues of spot workers (Redis, RabbitMQ) that the settings name: waiting, in flight, dead, done, workers,
    warnings; a server that cannot be read says why. None = every queue.

    Raises  NotFound: no such queue in the settings
    """
    found = queues.queues(queue)
    return QueuesReport(queues=found, as_of=clock.now(), source="the queues' own servers")
