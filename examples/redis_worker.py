"""A worker for Redis Streams that a spot interruption may stop anywhere: every item is done, every result written once.

    pip install 'spotwarden[queues]'
    export SPOTWARDEN_QUEUE_URL='rediss://spot:PASSWORD@queue.internal:6379/0'
    spotwarden-guard -- python redis_worker.py put images *.png     # anywhere, once
    spotwarden-guard -- python redis_worker.py images     # on every spot instance

The work here, a SHA-256, stands for your inference. What guard adds is the notice, and the library on the path.
"""

import hashlib
import json
import os
import sys

from spotwarden_guard.queues import Item, open_queue, work


def infer(item: Item) -> bytes:
    """Whatever takes long. What it raises is a failed attempt; after five, the item is dead, with this reason."""
    digest = hashlib.sha256(item.body).hexdigest()
    return json.dumps({"item": item.item_id, "sha256": digest}).encode()


def main() -> int:
    url, arguments = os.environ["SPOTWARDEN_QUEUE_URL"], sys.argv[1:]
    if arguments[0] == "put":
        _, name, *paths = arguments
        with open_queue(url, name) as queue:
            for path in paths:
                with open(path, "rb") as file:
                    added = queue.put(path, file.read())  # the path is what makes it the same work
                print(f"{path}: {'put' if added else 'known already'}")
        return 0
    with open_queue(url, arguments[0]) as queue:
        return work(queue, infer)  # until the notice or SIGTERM; what is not finished in time goes back


if __name__ == "__main__":
    sys.exit(main())
