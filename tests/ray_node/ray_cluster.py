"""A Ray cluster on this machine, in a process of its own: a line in, a line of JSON out, everything ends with stdin.

add CPUS      a spot node           -> {"node_id", "pid"}
take NODE_ID  kill -9 of all of it  -> {"taken": processes}
"""

import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

MEMORY = 80 << 20


def below(pid: int) -> list[int]:
    """The process and all under it."""
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                found += [int(p) for p in (task / "children").read_text().split()]
    return found


def take(node: Any) -> int:
    """A machine that vanishes: every process of the node, and nobody is told."""
    pids = below(node.all_processes["raylet"][0].process.pid)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(pids)


def main(temp_dir: str) -> None:
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    nodes: dict[str, Any] = {}

    def add(**more: Any) -> dict[str, Any]:
        node = cluster.add_node(object_store_memory=MEMORY, **more)
        nodes[node.node_id] = node
        return {"node_id": node.node_id, "pid": node.all_processes["raylet"][0].process.pid}

    try:
        head = add(num_cpus=0, include_dashboard=False, temp_dir=temp_dir)
        print(json.dumps({"address": cluster.address, **head}), flush=True)
        for line in sys.stdin:
            verb, _, word = line.strip().partition(" ")
            answer = add(num_cpus=int(word)) if verb == "add" else {"taken": take(nodes[word])}
            print(json.dumps(answer), flush=True)
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main(sys.argv[1])
