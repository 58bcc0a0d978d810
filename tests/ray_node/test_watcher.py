"""What the watcher does and says, beside a process that looks like a raylet from outside, and a Python that answers for Ray."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.guard.clouds import FakeCloud
from tests.guard.test_pyz import older_pythons
from tests.ray_node.conftest import ON_PATH, ROOT, Watching
from tools.recovery.guard.pyz import build_pyz

ADDRESS = "10.9.8.7:6379"
ACCEPTED = '{"accepted": true, "problem": ""}'
REFUSED = '{"accepted": false, "problem": "the node is dead to Ray"}'
Watch = Callable[..., Watching]


@dataclass
class Node:
    """What the watcher sees of Ray. `asked`: the words after the program that its Python was given, call by call."""

    folder: Path
    process: "subprocess.Popen[bytes]"
    node_id: str

    def answers(self, what: str) -> None:
        beside = self.folder / "answer.part"
        beside.write_text(what)
        beside.replace(self.folder / "answer")

    @property
    def asked(self) -> list[list[str]]:
        """Address, node id, deadline in ms, words."""
        return [line.split("|") for line in (self.folder / "asked").read_text().splitlines()]

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Callable[..., Node]]:
    """node(*flags) starts one."""
    made: list[Node] = []

    def start(*flags: str) -> Node:
        folder = tmp_path / f"node-{len(made)}"
        folder.mkdir()
        (folder / "asked").touch()
        python = folder / "python"
        python.write_text(
            f'#!/bin/sh\nshift 2\nIFS="|"; echo "$*" >> {folder}/asked\n. {folder}/answer\n',
        )
        python.chmod(0o755)
        (folder / "answer").write_text(f"echo '{ACCEPTED}'")
        node_id = os.urandom(28).hex()
        words = ["/opt/ray/raylet", "-c", "read x", "raylet", f"--node_id={node_id}", f"--gcs-address={ADDRESS}"]
        words += [f"--python_worker_command={python} setup_worker.py default_worker.py", *flags]
        process = subprocess.Popen(words, executable="/bin/sh", stdin=subprocess.PIPE)
        made.append(Node(folder, process, node_id))
        return made[-1]

    yield start
    for one in made:
        one.process.kill()
        one.process.wait()
        one.process.stdin.close()


def notice(cloud: FakeCloud, seconds: float) -> None:
    if cloud.kind == "aws":
        cloud.interrupt(seconds)
    elif cloud.kind == "gcp":
        cloud.preempted = True
    else:
        cloud.events = [{"EventId": "e1", "EventType": "Preempt", "Resources": ["worker-3"], "NotBefore": ""}]


@pytest.mark.accepts("RY-13")
@pytest.mark.parametrize(("kind", "seconds"), [("aws", 110), ("gcp", 30), ("azure", 30)])
def test_a_notice_has_ray_drain_this_node_before_the_deadline(
    node: Callable[..., Node], watch: Watch, kind: str, seconds: float
) -> None:
    with FakeCloud(kind=kind) as cloud:
        ours = node()
        watching = watch(cloud, "--node-id", ours.node_id)
        watching.await_words("watching for notices")
        notice(cloud, seconds)
        watching.await_words("Ray drains node")
        ours.end()
        assert watching.end() == 75
    [[address, node_id, deadline, words]] = ours.asked
    assert (address, node_id) == (ADDRESS, ours.node_id)
    assert seconds - 25 < int(deadline) / 1000 - time.time() < seconds - 2.9
    assert words == "spotwarden: interruption (terminate)"


def test_a_refusal_is_told_once_and_asked_again_until_ray_accepts(
    node: Callable[..., Node], watch: Watch, cloud: FakeCloud
) -> None:
    ours = node()
    ours.answers(f"echo '{REFUSED}'")
    watching = watch(cloud, "--node-id", ours.node_id)
    cloud.interrupt(110)
    watching.await_words("not drained: the node is dead to Ray; asked again every second")
    ours.answers(f"echo '{ACCEPTED}'")
    watching.await_words("Ray drains node")
    ours.end()
    assert watching.end() == 75
    assert watching.said.count("not drained") == 1
    assert [e["problem"] for e in watching.events("refused")] == ["the node is dead to Ray"] * (len(ours.asked) - 1)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("exec sleep 60", f"no answer from {ADDRESS}"),
        ("echo 'ModuleNotFoundError: No module named ray' >&2; exit 1", "No module named ray"),
        ("echo 토큰; echo '[1]'", "exit code 0"),
    ],
)
def test_where_ray_cannot_be_asked_the_raylet_is_ended_before_the_machine_is_and_the_code_says_so(
    node: Callable[..., Node], watch: Watch, cloud: FakeCloud, answer: str, words: str
) -> None:
    ours = node()
    ours.answers(answer)
    cloud.interrupt(5)
    watching = watch(cloud, "--node-id", ours.node_id)
    assert watching.end() == 76
    assert ours.process.wait() == -signal.SIGTERM
    assert words in watching.said.splitlines()[-1]
    assert watching.said.splitlines()[-1].endswith("exit 76")


def test_a_rebalance_recommendation_is_noted_and_the_node_stays(
    node: Callable[..., Node], watch: Watch, cloud: FakeCloud
) -> None:
    ours = node()
    cloud.recommend()
    watching = watch(cloud, "--node-id", ours.node_id)
    assert "--on-rebalance drain would" in watching.await_words("rebalance: noted")
    ours.end()
    assert watching.end() == 0
    assert ours.asked == []


def test_drained_on_a_rebalance_the_interruption_then_gives_ray_its_deadline(
    node: Callable[..., Node], watch: Watch, cloud: FakeCloud
) -> None:
    ours = node()
    cloud.recommend()
    watching = watch(cloud, "--node-id", ours.node_id, "--on-rebalance", "drain")
    watching.await_words("Ray drains node")
    cloud.interrupt(110)
    watching.await_words("Ray drains node")
    ours.end()
    assert watching.end() == 75
    assert [int(call[2]) > 0 for call in ours.asked] == [False, True]
    assert watching.events("withdrawn") == []


def test_a_node_that_is_about_to_hibernate_is_dead_to_ray_and_drained_at_once(
    node: Callable[..., Node], watch: Watch, cloud: FakeCloud
) -> None:
    ours = node()
    cloud.interrupt(0, action="hibernate")
    watching = watch(cloud, "--node-id", ours.node_id)
    watching.await_words("Ray drains node")
    ours.end()
    assert watching.end() == 75
    [[_, _, deadline, _]] = ours.asked
    assert 0 < int(deadline) / 1000 <= time.time() + 1


def test_a_notice_withdrawn_before_ray_accepted_asks_for_no_drain(
    node: Callable[..., Node], watch: Watch, cloud: FakeCloud
) -> None:
    ours = node()
    ours.answers(f"echo '{REFUSED}'")
    cloud.interrupt(110)
    watching = watch(cloud, "--node-id", ours.node_id)
    watching.await_words("not drained")
    cloud.action = None
    watching.await_words("withdrawn before Ray had accepted the drain")
    ours.answers(f"echo '{ACCEPTED}'")
    cloud.interrupt(100)
    watching.await_words("Ray drains node")
    cloud.action = None
    assert "«ray stop» ends it now" in watching.await_words("withdrawn, but Ray cannot take a drain back")
    ours.end()
    assert watching.end() == 75
    assert watching.events("over") == []


def test_the_head_is_never_drained_and_that_is_said_loudly(
    node: Callable[..., Node], watch: Watch, cloud: FakeCloud
) -> None:
    head = node("--head")
    cloud.interrupt(110)
    watching = watch(cloud, "--node-id", head.node_id)
    assert watching.end() == 64
    assert "is the HEAD: it is never drained" in watching.said
    assert head.asked == []


def test_one_of_several_nodes_has_to_be_named(node: Callable[..., Node], watch: Watch, cloud: FakeCloud) -> None:
    first, second = node(), node()
    watching = watch(cloud, "--address", ADDRESS)
    assert watching.end() == 64
    assert "2 Ray nodes run here" in watching.said
    assert first.node_id in watching.said
    assert second.node_id in watching.said


def test_another_clusters_address_is_waited_for_and_then_told_with_what_runs_here(
    node: Callable[..., Node], watch: Watch, cloud: FakeCloud
) -> None:
    ours = node()
    watching = watch(cloud, "--address", "10.1.1.1:6379", "--wait", "0.1")
    assert watching.end() == 69
    assert "no Ray node of this user runs here for --address 10.1.1.1:6379" in watching.said
    assert f"{ours.node_id} at {ADDRESS}" in watching.said


def test_of_two_watchers_one_drains_and_the_other_takes_over_where_it_dies(
    node: Callable[..., Node], watch: Watch, cloud: FakeCloud
) -> None:
    ours = node()
    first = watch(cloud, "--node-id", ours.node_id)
    first.await_words("watching for notices")
    second = watch(cloud, "--node-id", ours.node_id)
    second.await_words("another watcher has this node: standing by")
    cloud.interrupt(110)
    first.await_words("Ray drains node")
    assert len(ours.asked) == 1
    first.process.kill()
    second.await_words("Ray drains node")
    ours.end()
    assert second.end() == 75
    assert len(ours.asked) == 2


def test_an_option_that_is_not_there_is_named(watch: Watch, cloud: FakeCloud) -> None:
    watching = watch(cloud, "--on-rebalance", "panic")
    assert watching.end() == 64
    assert "panic" in watching.said
    assert "--help shows how" in watching.said


@pytest.mark.parametrize("python", older_pythons() or [sys.executable])
def test_it_runs_out_of_the_one_file(tmp_path: Path, python: str) -> None:
    pyz = build_pyz(tmp_path / "spotwarden_guard.pyz")
    done = subprocess.run(
        [python, "-m", "spotwarden_guard.ray_node", "--wait", "0.01", "--address", "nowhere:1"],
        env={**os.environ, "PYTHONPATH": str(pyz)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 69, done.stderr
    assert "no Ray node of this user runs here for --address nowhere:1" in done.stderr


@pytest.mark.skipif(shutil.which("script") is None, reason="util-linux's script makes the terminal that ssh -tt makes")
def test_the_documented_line_outlives_rays_command_runner(
    node: Callable[..., Node], tmp_path: Path, cloud: FakeCloud
) -> None:
    ours = node()
    text = (ROOT / "docs" / "ray-node.md").read_text()
    line = " ".join(text.partition("  - >-\n")[2].partition("```")[0].split())
    log = tmp_path / "log.jsonl"
    for was, now in {
        "PYTHONPATH=$HOME/spotwarden_guard.pyz": f"PYTHONPATH={ON_PATH}",
        "python3": sys.executable,
        "--address auto": f"--poll 0.05 --node-id {ours.node_id}",
        "/tmp/spotwarden-ray-node.jsonl": str(log),
        "/tmp/spotwarden-ray-node.log": str(tmp_path / "said"),
    }.items():
        assert was in line
        line = line.replace(was, now)
    told = tmp_path / "said"
    os.mkfifo(told)
    with os.fdopen(os.open(told, os.O_RDWR), encoding="utf-8") as said:
        runner = f"bash --login -c -i 'source ~/.bashrc; export OMP_NUM_THREADS=1 && ({line})'"
        subprocess.run(
            ["script", "-qec", runner, "/dev/null"],
            env={**os.environ, **cloud.environment, "HOME": str(tmp_path)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=60,
        )
        cloud.interrupt(110)
        while "Ray drains node" not in said.readline():
            pass
        ours.end()
        while "exit 75" not in said.readline():
            pass
    assert [json.loads(row)["event"] for row in log.read_text().splitlines()][-1] == "ended"
