"""Ray on spot nodes: one job through 20 takings, beside the same without a watcher, and beside Ray's defaults.

A taking: the next node has joined, the old one works, then the old one goes with kill -9 of all its processes. Health
checks are quickened to 0.5 s (a vanished node is dead after 2.5 s; Ray's own: 15 s), which favours the side that is
not watched.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.guard.clouds import FakeCloud
from tests.ray_node.clusters import RayCluster, job, ray_cluster
from tests.ray_node.conftest import ON_PATH

TAKINGS, NOTICE_SECONDS, ITEMS, CPUS = 20, 12, 600, 2
GATES = ["open"] * (ITEMS - 1) + ["last"]  # the last item keeps the job alive through all the takings


def run() -> list[dict[str, Any]]:
    ways = {
        "written for spot, and watched: drained, handed over": ("spot_job.py", True, ()),
        "written for spot, not watched: killed at once": ("spot_job.py", False, ()),
        "the guide's advice: Ray's defaults": ("guide_job.py", False, ()),
        "Ray's defaults with restarts and retries turned on": ("guide_job.py", False, ("--restarts",)),
    }
    return [row(what, *way) for what, way in ways.items()]


def row(what: str, script: str, watched: bool, flags: tuple[str, ...]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name, ray_cluster() as cluster:
        folder = Path(name)
        (folder / "gate-open").touch()
        (folder / "began").symlink_to(os.devnull)
        began = time.monotonic()
        with job(script, cluster.address, folder, *flags, *GATES) as driver:
            facts: dict[str, Any] = {**taken(cluster, folder, driver, watched)}
            (folder / "gate-last").touch()
            told = driver.communicate(timeout=300)[0]
        took = time.monotonic() - began
        facts |= {**figures(folder, told, driver.returncode), "seconds": round(took)}
    shown = "; ".join(f"{k} {v}" for k, v in facts.items())
    print(f"  {what}: {shown}", file=sys.stderr)
    return {
        "what": f"Ray, {what}",
        "ours": int(facts["finished"] and facts["counted"] == ITEMS and not facts["counted twice"]),
        "unit": shown,
        "goal": "1" if script == "spot_job.py" else "",
    }


def taken(cluster: RayCluster, folder: Path, driver: "subprocess.Popen[str]", watched: bool) -> dict[str, int]:
    """How many takings the job lived to see; watched: how many were drained, and tasks that began there afterwards."""
    facts = {"takings": 0} | ({"drained": 0, "begun after the drain": 0} if watched else {})
    node = cluster.add(CPUS)
    while works(folder, node, driver) and facts["takings"] < TAKINGS:
        facts["takings"] += 1
        if watched:
            log = folder / f"watch-{facts['takings']}.jsonl"
            with FakeCloud() as cloud, watching(cloud, node, log) as watcher:
                cloud.interrupt(NOTICE_SECONDS)
                until = time.monotonic() + NOTICE_SECONDS
                following = cluster.add(CPUS)
                watcher.wait(timeout=60)
                time.sleep(max(0.0, until - time.monotonic()))
                cluster.take(node)
            for drained in (e for e in map(json.loads, log.read_text().splitlines()) if e["event"] == "drained"):
                at = datetime.fromisoformat(drained["at"]).timestamp()
                facts["drained"] += 1
                facts["begun after the drain"] += sum(r["node_id"] == node and r["at"] > at for r in journal(folder))
        else:
            following = cluster.add(CPUS)
            cluster.take(node)
        node = following
    return facts


def watching(cloud: FakeCloud, node: str, log: Path) -> "subprocess.Popen[bytes]":
    words = ["--node-id", node, "--poll", "0.2", "--log-json", str(log)]
    return subprocess.Popen(
        [sys.executable, "-m", "spotwarden_guard.ray_node", *words],
        env={**os.environ, **cloud.environment, "PYTHONPATH": str(ON_PATH)},
        stderr=subprocess.DEVNULL,
    )


def works(folder: Path, node: str, driver: "subprocess.Popen[str]") -> bool:
    """Waits until the node has begun something; False: the job is over."""
    while driver.poll() is None:
        if any(r["node_id"] == node for r in journal(folder)):
            return True
        time.sleep(0.1)
    return False


def journal(folder: Path) -> list[dict[str, Any]]:
    path = next((p for p in (folder / "out" / "journal.jsonl", folder / "journal.jsonl") if p.exists()), None)
    return [json.loads(line) for line in path.read_text().splitlines()] if path else []


def figures(folder: Path, told: str, exit_code: int) -> dict[str, Any]:
    starts = Counter(r["item"] for r in journal(folder))
    last = [line.split() for line in told.splitlines() if line.startswith("counted ")]
    counts = Counter((folder / "counted").read_text().split()) if (folder / "counted").exists() else Counter()
    return {
        "finished": exit_code == 0,
        "counted": int(last[-1][1]) if last else None,
        "done again": sum(starts.values()) - len(starts),
        "counted twice": sum(counts.values()) - len(counts),
    }
