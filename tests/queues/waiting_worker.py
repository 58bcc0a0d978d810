"""A worker that says what it does, and waits for a line before it has done it: URL NAME."""

import sys

from spotwarden_guard.queues import open_queue, work


def do(item):
    print(f"doing {item.item_id}", flush=True)
    word = sys.stdin.readline().strip()
    if word == "fail":
        raise ValueError("told to fail")
    return word.encode()


if __name__ == "__main__":
    with open_queue(sys.argv[1], sys.argv[2], patience_seconds=0.2) as queue:
        sys.exit(work(queue, do, wait_seconds=0.2))
