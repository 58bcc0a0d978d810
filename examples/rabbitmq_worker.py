"""A worker for RabbitMQ that a spot interruption may stop anywhere: every item is done, every result written once.

    pip install 'spotwarden[queues]'
    export SPOTWARDEN_QUEUE_URL='amqps://spot:PASSWORD@queue.internal/'
    spotwarden-guard -- python rabbitmq_worker.py put images s3://acme-results/images *.png    # anywhere, once
    spotwarden-guard -- python rabbitmq_worker.py images s3://acme-results/images     # on every spot instance

Results go to S3, or to a directory that outlives the instance (EFS): a message that comes again, because its first
worker was taken away, finds its result there and is only acknowledged. Heartbeats are answered however long the work
takes. The work here, a SHA-256, stands for your inference.
"""

import hashlib
import json
import os
import sys

from spotwarden_guard.queues import Item, work
from spotwarden_guard.queues.rabbitmq import RabbitQueue


def infer(item: Item) -> bytes:
    """Whatever takes long. What it raises is a failed attempt; after five, the item is dead, with this reason."""
    digest = hashlib.sha256(item.body).hexdigest()
    return json.dumps({"item": item.item_id, "sha256": digest}).encode()


def main() -> int:
    url, arguments = os.environ["SPOTWARDEN_QUEUE_URL"], sys.argv[1:]
    if arguments[0] == "put":
        _, name, results, *paths = arguments
        with RabbitQueue(url, name, results=results) as queue:
            for path in paths:
                with open(path, "rb") as file:
                    added = queue.put(path, file.read())  # the path is what makes it the same work
                print(f"{path}: {'put' if added else 'known already'}")
        return 0
    name, results = arguments
    with RabbitQueue(url, name, results=results) as queue:
        return work(queue, infer)  # until the notice or SIGTERM; what is not finished in time goes back


if __name__ == "__main__":
    sys.exit(main())
