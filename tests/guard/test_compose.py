"""A Compose file with guard in front of the job, its restart policy, and the warning what that cannot do."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tools.errors import DataError
from tools.recovery.compose import compose_faults, compose_plan, render_compose
from tui.cli import main

pytestmark = pytest.mark.accepts("IN-09")
WORDS = ("python", "train.py", "--note", "$HOME: 'a' # \"b\"\n\t- c", "한글", "{{x}}", "yes", "0x10", "-")
DOCKER = shutil.which("docker")


def guides_example_7() -> str:
    if "SPOTWARDEN_DATA" not in os.environ:
        pytest.skip("the guides are not here")
    found = list((Path(os.environ["SPOTWARDEN_DATA"]).parent / "guides").glob("002*.txt"))
    if not found:
        pytest.skip("the guides are not here")
    text = found[0].read_text(encoding="utf-8")
    return re.search(r"^Example 7:.*?\n\n(.*?)^4\. ", text, re.DOTALL | re.MULTILINE)[1]


def rendered(**more: object) -> str:
    told = {"checkpoints": "ckpt:/app/checkpoints", "store": "s3://bucket/jobs/one", **more}
    return render_compose(compose_plan("registry.example:5000/model:1.4", WORDS, service="train", **told))


def service(text: str) -> dict:
    return YAML(typ="safe", pure=True).load(text)["services"]["train"]


def test_guard_stands_before_the_command_word_for_word():
    found = service(rendered())
    assert found["entrypoint"][:2] == ["python3", "/opt/spotwarden/spotwarden_guard.pyz"]
    assert found["entrypoint"][2:] == ["--checkpoints", "/app/checkpoints", "--store", "s3://bucket/jobs/one", "--"]
    assert tuple(word.replace("$$", "$") for word in found["command"]) == WORDS


def test_a_crash_is_restarted_and_a_stop_has_time_to_save():
    found = service(rendered(grace_seconds=100, max_attempts=4, delay_seconds=7))
    assert found["restart"] == "on-failure:4"
    assert found["deploy"]["restart_policy"] == {"condition": "on-failure", "delay": "7s", "max_attempts": 4}
    assert found["stop_grace_period"] == "160s"


@pytest.mark.parametrize(
    "words", ["the instance is gone", "a SIGTERM handler that exits 0 never", "Swarm", "hop limit of 2"]
)
def test_the_file_says_what_a_restart_cannot_do(words):
    comments = " ".join(line[2:] for line in rendered().splitlines() if line.startswith("#"))
    assert words in comments


@pytest.mark.skipif(DOCKER is None, reason="no docker client here")
def test_dockers_own_client_reads_it_as_it_is_meant(tmp_path):
    """`docker stack config` validates and fills in without a daemon."""
    (tmp_path / "c.yaml").write_text(rendered())
    done = subprocess.run(
        [DOCKER, "stack", "config", "-c", "c.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = service(done.stdout)
    assert tuple(found["command"]) == WORDS
    assert found["volumes"][1] == {"type": "volume", "source": "ckpt", "target": "/app/checkpoints"}


def test_the_guides_own_file_never_fires_and_leaves_ten_seconds():
    found = compose_faults(guides_example_7())
    assert [fault.partition(":")[0] for fault in found] == ["inference-server"] * 3
    assert "a job that ends with 0 at SIGTERM never makes on-failure fire" in found[0]
    assert "delay holds for Swarm only" in found[1]
    assert "stop_grace_period 10s (default): less than 120 s" in found[2]
    assert compose_faults(rendered()) == ()


@pytest.mark.parametrize("text", ["", "[]", "services: []", "services: {a: null}", "services: {a: {deploy: x}}", "\t"])
def test_what_is_no_compose_file_is_told(text):
    with pytest.raises(DataError, match="no Compose file"):
        compose_faults(text)


@pytest.mark.parametrize(("handler", "fires"), [("sys.exit(0)", False), ("guard", True)])
def test_on_failure_fires_with_guard_and_not_with_the_guides_handler(handler, fires, cloud):
    """What the container's first process ends with, at the same notice."""
    job = "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\nprint('ready', flush=True)\ntime.sleep(60)"
    before = [] if handler == "sys.exit(0)" else [sys.executable, "-m", "tools.recovery.guard", "--poll", "0.05", "--"]
    with subprocess.Popen(
        [*before, sys.executable, "-c", job],
        cwd=Path(__file__).parents[2], env={**os.environ, **cloud.environment}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == "ready\n"
        if before:
            cloud.interrupt()
        else:
            process.terminate()
        assert (process.wait(30) != 0) is fires


@pytest.mark.parametrize(
    ("words", "saw"),
    [
        (["--image", "", "--", "x"], "--image is blank"),
        (["--image", "${IMAGE}", "--", "x"], "--image '${IMAGE}': has a variable in it"),
        (["--image", "a b", "--", "x"], "--image 'a b': is no image"),
        (["--image", "a:1", "--", "python", ""], "word 2 of the command is blank"),
        (["--image", "a:1", "--checkpoints", "ckpt", "--", "x"], "--checkpoints 'ckpt': is not VOLUME:PATH"),
        (["--image", "a:1", "--checkpoints", "../up:/a", "--", "x"], "is not VOLUME:PATH"),
        (["--image", "a:1", "--checkpoints", "v:rel", "--", "x"], "is not VOLUME:PATH"),
        (["--image", "a:1", "--store", "s3://b/j", "--", "x"], "--store without --checkpoints"),
        (["--image", "a:1", "--checkpoints", "v:/a", "--store", "s3://b", "--", "x"], "s3://b: names no place"),
        (
            ["--image", "a:1", "--checkpoints", "v:/a", "--store", "/mnt", "--", "x"],
            "is not what outlives the instance",
        ),
        (["--image", "a:1", "--name", "a: b", "--", "x"], "--name 'a: b': is no service's name"),
        (["--image", "a:1"], "no command"),
    ],
)
def test_what_cannot_be_is_64_and_says_what_would_do(words, saw, capsys):
    assert main(["jobs", "compose", *words]) == 64
    said = capsys.readouterr()
    assert saw in said.err
    assert said.out == ""


def test_the_command_prints_the_file_and_warns_beside_it(capsys):
    assert main(["jobs", "compose", "--image", "model:1", "--json", "--", "python", "serve.py", "--json"]) == 0
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert YAML(typ="safe", pure=True).load(told["compose"])["services"]["job"]["command"] == [
        "python",
        "serve.py",
        "--json",
    ]
    assert "a restart on the same host never helps against a reclaim" in said.err
    assert told["warning"] in said.err
