"""A real Ray cluster loses two spot nodes under a job: one vanishes, one is handed over in time."""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.guard.clouds import FakeCloud
from tests.ray_node.clusters import job, ray_cluster
from tests.ray_node.conftest import Watching

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="the extra «cluster» is not installed")
GATES = ("first", "drained", "drained", *["open"] * 4, "second", "second")
"""of each item. All that the first node can hold is held back until it is drained: no task is on its way to it then"""


class Begun:
    """What the job's tasks tell as they begin, through a pipe."""

    def __init__(self, folder: Path) -> None:
        os.mkfifo(folder / "began")
        self.lines = os.fdopen(os.open(folder / "began", os.O_RDWR), encoding="utf-8")

    def until(self, item: int, node_id: str) -> None:
        """Returns when that item, or a later one, begins on that node."""
        for line in self.lines:
            number, where = line.split()
            if int(number) >= item and where == node_id:
                return


@pytest.fixture
def begun(tmp_path: Path) -> Iterator[Begun]:
    found = Begun(tmp_path)
    yield found
    found.lines.close()


@pytest.mark.accepts("RY-10", "RY-11", "RY-13")
def test_a_job_loses_two_spot_nodes_and_counts_every_item_once(
    tmp_path: Path, begun: Begun, cloud: FakeCloud, watch: Callable[..., Watching]
) -> None:
    (tmp_path / "gate-open").touch()
    with (
        ExitStack() as started,
        ray_cluster() as cluster,
        FakeCloud() as second_cloud,
        job("guide_job.py", cluster.address, tmp_path, "first") as as_the_guide_says,
    ):
        first = cluster.add(3)
        watching = watch(cloud, "--address", cluster.address, "--node-id", first)
        begun.until(0, "as-guided")
        ours = started.enter_context(job("spot_job.py", cluster.address, tmp_path, *GATES))
        begun.until(1, first)

        cloud.interrupt(100)
        watching.await_words("Ray drains node")
        drained_at = datetime.fromisoformat(watching.events("drained")[0]["at"]).timestamp()
        (tmp_path / "gate-drained").touch()
        second = cluster.add(3)
        begun.until(2, second)
        cluster.take(first)  # it vanishes: nobody is told, and an item was in the making
        assert watching.end() == 75
        (tmp_path / "gate-first").touch()
        guided = as_the_guide_says.communicate(timeout=120)[0]
        assert "ActorDiedError" in guided
        assert "by a task: 1048576 by ray.put: OwnerDiedError" in guided
        assert as_the_guide_says.returncode != 0

        handing_over = watch(second_cloud, "--address", cluster.address, "--node-id", second)
        begun.until(7, second)
        second_cloud.interrupt(14)
        assert handing_over.end() == 75
        assert handing_over.events("over")[0]["seconds_left"] > 0.5
        (tmp_path / "gate-second").touch()
        cluster.add(3)
        told = ours.communicate(timeout=120)[0]

    assert "counted 9 36.0" in told.splitlines(), told
    assert "the retry will not count against the normal retry count" in told  # as only the second node was handed over
    began = [json.loads(line) for line in (tmp_path / "out" / "journal.jsonl").read_text().splitlines()]
    starts = Counter(row["item"] for row in began)
    assert set(starts) == set(range(9))
    assert starts[0] >= 2
    assert starts[7] + starts[8] >= 3
    assert [r for r in began if r["node_id"] == first and r["at"] > drained_at] == []
