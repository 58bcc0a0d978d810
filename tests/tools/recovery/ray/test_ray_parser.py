"""Ray itself on the rendered file: its own parser, and which groups its own scheduler would launch."""

import json
import subprocess
import sys

import pytest

from tests.tools.recovery.ray.clusters import CLEAN, TYPES, WANTED, layout
from tools.errors import DataError
from tools.recovery.ray.lint import Asked, lint_text
from tools.recovery.ray.ray_parser import parsed_by_ray
from tools.recovery.ray.render import render

pytest.importorskip("ray", reason="the extra `cluster` is not installed")


@pytest.fixture(scope="module")
def answer():
    return parsed_by_ray(CLEAN)


@pytest.mark.accepts("RY-02", "RY-03", "RY-05", "RY-06", "RY-07", "RY-13")
def test_the_rendered_file_goes_through_rays_own_parser(answer):
    assert answer["problem"] is None
    assert answer["steps"] == [
        "load", "prepare_config", "validate_config", "bootstrap_aws (offline steps)", "AutoscalingConfig",
    ]  # fmt: skip
    assert answer["most_nodes"] == 4 * len(TYPES) + 4 + 1
    assert answer["groups"]["head"] == [0, 1, 0]
    assert answer["groups"]["on-demand"] == [1, 4, 0]
    spot = [answer["groups"][t.replace(".", "-")] for t in TYPES]
    assert spot == [[0, 4, 10 * (len(TYPES) - i)] for i in range(len(TYPES))]


def test_what_rays_parser_refuses_is_a_finding_without_the_files_words():
    pytest.importorskip("jsonschema")
    text = CLEAN.replace("min_workers: 1", "min_workers: 400")
    found = [f for f in lint_text(text, name="c.yaml", asked=Asked()).findings if f.rule == "ray-parser"]
    assert [f.severity for f in found] == ["error"]
    assert "max_workers" in found[0].seen


def test_a_refusal_for_which_ray_gives_no_words_is_told_by_its_place():
    answer = parsed_by_ray(CLEAN.replace("  ssh_user: ec2-user", "  ssh_user: ec2-user\n  ssh_private_key: ~/key.pem"))
    assert answer["problem"] == "AssertionError: in _configure_key_pair"


def test_a_parser_that_does_not_answer_in_time_is_ended():
    with pytest.raises(DataError, match=r"did not end within 0\.01 s") as caught:
        parsed_by_ray(CLEAN, seconds=0.01)
    assert "--no-parse" in caught.value.hint


CHOICE = """
import json, sys
from ray.autoscaler.v2.instance_manager.config import AutoscalingConfig
from ray.autoscaler.v2.scheduler import ResourceDemandScheduler, SchedulingRequest
from ray.autoscaler.v2.utils import ResourceRequestUtil as Asked
import yaml
from ray.autoscaler._private.util import prepare_config
config = AutoscalingConfig(prepare_config(yaml.safe_load(sys.stdin.read())), skip_content_hash=True)
def launched(demand):
    request = SchedulingRequest(
        disable_launch_config_check=True, node_type_configs=config.get_node_type_configs(),
        max_num_nodes=config.get_max_num_nodes(),
        resource_requests=Asked.group_by_count([Asked.make(d) for d in demand]))
    return {r.instance_type: r.count for r in ResourceDemandScheduler(None).schedule(request).to_launch}
print(json.dumps([launched(d) for d in json.loads(sys.argv[1])]))
"""


@pytest.mark.accepts("RY-04", "RY-06", "RY-13")
def test_rays_own_scheduler_fills_the_groups_as_the_comments_of_the_file_say():
    """Priority first; the on-demand group when every spot group is full, or when its resource is asked for."""
    text = render(WANTED, layout(TYPES[:2])).replace("min_workers: 1", "min_workers: 0")
    demands = [[{"CPU": 1}] * 8, [{"CPU": 1}] * 64, [{"CPU": 1}] * 72, [{"CPU": 8, "on_demand": 1}]]
    done = subprocess.run(
        [sys.executable, "-I", "-c", CHOICE, json.dumps(demands)],
        input=text.encode(), capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    first, second = (t.replace(".", "-") for t in TYPES[:2])
    assert json.loads(done.stdout) == [
        {first: 1}, {first: 4, second: 4}, {first: 4, second: 4, "on-demand": 1}, {"on-demand": 1},
    ]  # fmt: skip
