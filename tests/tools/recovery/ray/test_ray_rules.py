"""One fault put into a file that is right, and the rule that finds it."""

import pytest

from tests.tools.recovery.ray.clusters import CLEAN, changed, found, rules


def test_the_file_that_the_planner_renders_is_found_without_fault():
    assert found(CLEAN) == ()


R7I = "      InstanceType: r7i.2xlarge\n      InstanceMarketOptions: {MarketType: spot}\n"
ONE_FAULT = [
    ("RY-01", "blank-value", [("ImageId: ami-00000002", "ImageId:")]),
    ("RY-01", "blank-value", [("SecurityGroupIds: [sg-00000002]", "SecurityGroupIds: [null]")]),
    ("RY-01", "literal-variable", [("region: us-east-1", "region: ${AWS_REGION}")]),
    ("RY-02", "one-zone", [("  use_internal", "  availability_zone: us-east-1a\n  use_internal")]),
    ("RY-02", "stopped-nodes", [("cache_stopped_nodes: false", "cache_stopped_nodes: true")]),
    ("RY-02", "stopped-nodes", [("  cache_stopped_nodes: false", "  # none")]),
    ("RY-03", "unpinned-setup", [("'pandas==2.3.3'", "pandas")]),
    ("RY-03", "unpinned-setup", [("'ray[default,data]==2.60.0'", "-U 'ray[default,data]>=2.49'")]),
    ("RY-03", "grown-by-hand", [("setup_commands:\n  -", "setup_commands:\n  - sudo resize2fs /dev/xvda1\n  -")]),
    ("RY-04", "max-workers-sum", [("max_workers: 20 #", "max_workers: 128 #")]),
    ("RY-04", "max-workers-sum", [("max_workers: 20 #", "max_workers: 3 #")]),
    ("RY-05", "head-on-spot", [("m7i.xlarge\n", "m7i.xlarge\n      InstanceMarketOptions: {MarketType: spot}\n")]),
    ("RY-05", "head-takes-work", [('resources: {"CPU": 0}', 'resources: {"CPU": 4}')]),
    ("RY-05", "head-max-workers", [("max_workers: 0 #", "max_workers: 2 #")]),
    ("RY-06", "big-root", [("VolumeSize: 100", "VolumeSize: 300")]),
    ("RY-06", "old-volume", [("VolumeType: gp3", "VolumeType: gp2")]),
    ("RY-06", "spot-minimum", [("    min_workers: 0\n", "    min_workers: 2\n"), ("min_workers: 1", "min_workers: 0")]),
    ("RY-07", "image-mix-up", [("ImageId: ami-00000002", "ImageId: ami-00000001")]),
    ("RY-08", "subnet-ignored", [("SubnetIds:\n        - subnet-0000000a", "SubnetId: subnet-0000000a\n      X:\n        -")]),
    ("RY-08", "shared-profile", [("ray-worker", "ray-head")]),
    ("RY-08", "public-addresses", [("use_internal_ips: true", "use_internal_ips: false")]),
    ("RY-08", "metadata-v1", [("HttpTokens: required", "HttpTokens: optional")]),
    ("RY-12", "spilling-local", [("smart_open", "filesystem"), ("s3://acme-spill/etl", "/tmp/spill")]),
    ("RY-12", "spilling-local", [("--num-cpus=0", "--object-spilling-directory=/tmp/spill")]),
    ("RY-13", "no-drain", [("spotwarden_guard.ray_node", "nothing_that_watches"), ("spotwarden_guard.pyz", "x.pyz")]),
    ("RY-13", "fallback-waits", [("min_workers: 1", "min_workers: 0"), (', "on_demand": 1}\n', "}\n")]),
    ("RY-13", "head-without-autoscaler", [(" --autoscaling-config=~/ray_bootstrap_config.yaml", "")]),
    ("RY-13", "worker-never-joins", [("--address=$RAY_HEAD_IP:6379", "")]),
    (None, "near-key", [("InstanceMarketOptions", "InstanceMarketOption")]),
    (None, "near-key", [("cache_stopped_nodes:", "cache_stopped_node:")]),
]  # fmt: skip


@pytest.mark.accepts("RY-01", "RY-02", "RY-03", "RY-04", "RY-05", "RY-06", "RY-07", "RY-08", "RY-12", "RY-13")
@pytest.mark.parametrize(
    ("row", "rule", "changes"), ONE_FAULT, ids=[f"{rule}-{i}" for i, (_, rule, _) in enumerate(ONE_FAULT)]
)
def test_one_fault_in_a_right_file_is_found(row, rule, changes):
    findings = [f for f in changed(*changes) if f.rule == rule]
    assert findings
    assert {f.row for f in findings} <= {row, "RY-07" if row == "RY-06" else row}
    assert all(1 <= f.line <= CLEAN.count("\n") + 3 for f in findings)


@pytest.mark.accepts("RY-06", "RY-13")
def test_two_spot_types_and_nothing_on_demand_are_few_pools():
    from tests.tools.recovery.ray.clusters import WANTED, layout
    from tools.recovery.ray.render import render

    text = render(WANTED, layout(("r7i.2xlarge", "r6i.2xlarge")))
    assert rules(found(text)) == {"one-pool"}
    alone = text[: text.index("  # Work goes here last")].replace("max_workers: 12 #", "max_workers: 8 #")
    assert rules(found(alone)) == {"one-pool", "no-on-demand-group"}


@pytest.mark.accepts("RY-06", "RY-07")
def test_a_resource_that_only_one_group_has_pins_work_to_it():
    (one,) = [f for f in changed(('{"CPU": 8}', '{"CPU": 8, "Fast": 1}')) if f.rule == "pinned-to-group"] or [None]
    assert one is None, "every spot group has it: nothing is pinned"
    text = CLEAN.replace('{"CPU": 8}', '{"CPU": 8, "Intel": 1}', 1)
    (pinned,) = [f for f in found(text) if f.rule == "pinned-to-group"]
    assert pinned.seen == "Intel only on r7i-2xlarge"


@pytest.mark.accepts("RY-06")
def test_the_cost_of_a_large_root_is_told_where_the_rate_is_known():
    text = CLEAN.replace("VolumeSize: 100", "VolumeSize: 300")
    assert any("$24.00 a month and node, $96.00 for 4" in f.seen for f in found(text, usd=0.08))
    assert any("cost unknown" in f.seen for f in found(text))


SCRIPT = """#!/bin/bash
set -u
export NAME=etl
REGION=$(aws configure get region)
cat <<{delimiter} > c.yaml
{body}
EOF
ray up c.yaml -y
"""
BODY = CLEAN.replace("ray-on-aws", "${NAME}").replace("region: us-east-1", "region: ${REGION}")


@pytest.mark.accepts("RY-01")
def test_in_a_heredoc_the_shell_takes_variables_of_ray_away():
    text = SCRIPT.format(delimiter="EOF", body=BODY)
    (one,) = [f for f in found(text, name="make.sh") if f.severity == "error" and f.rule == "unset-variable"]
    assert one.seen.startswith("${RAY_HEAD_IP} is used on line ")
    assert "\\$RAY_HEAD_IP" in one.fix
    assert text.split("\n")[one.line - 1].count("RAY_HEAD_IP") == 1


@pytest.mark.accepts("RY-01")
def test_a_heredoc_with_everything_set_and_the_rest_escaped_is_found_without_fault():
    body = BODY.replace("$RAY_HEAD_IP", "\\$RAY_HEAD_IP")
    assert found(SCRIPT.format(delimiter="EOF", body=body), name="make.sh") == ()


@pytest.mark.accepts("RY-01")
def test_a_quoted_heredoc_sets_nothing_and_says_so():
    findings = found(SCRIPT.format(delimiter="'EOF'", body=BODY), name="make.sh")
    assert [(f.rule, f.seen) for f in findings] == [
        ("literal-variable", "${NAME} in a file that no shell writes"),
        ("literal-variable", "${REGION} in a file that no shell writes"),
    ]


@pytest.mark.accepts("RY-01")
def test_a_variable_that_is_set_below_its_use_is_unset():
    text = SCRIPT.format(delimiter="EOF", body=BODY.replace("$RAY_HEAD_IP", "\\$RAY_HEAD_IP"))
    late = text.replace("export NAME=etl\n", "").replace("\nray up", "\nexport NAME=etl\nray up")
    assert [f.rule for f in found(late, name="make.sh")] == ["unset-variable"]


SETS = [
    "export NAME=etl",
    "A=1 NAME=etl",
    "export A=$(date) NAME=$(date)",
    ': "${NAME:?say which}"',
    "read -r NAME",
    "for NAME in a b; do",
]


@pytest.mark.accepts("RY-01")
@pytest.mark.parametrize("line", SETS)
def test_every_way_to_set_a_variable_is_one(line):
    body = BODY.replace("$RAY_HEAD_IP", "\\$RAY_HEAD_IP").replace("auth:", "auth: # not ${SET} here")
    text = SCRIPT.format(delimiter="EOF", body=body).replace("export NAME=etl", line)
    assert found(text, name="make.sh") == ()


@pytest.mark.accepts("RY-01")
def test_a_variable_that_another_file_may_set_is_a_warning():
    body = BODY.replace("$RAY_HEAD_IP", "\\$RAY_HEAD_IP")
    text = SCRIPT.format(delimiter="EOF", body=body).replace("export NAME=etl", ". ./names.sh")
    (one,) = found(text, name="make.sh")
    assert (one.rule, one.severity) == ("variable-from-elsewhere", "warning")
    assert "line 3 reads another file" in one.seen


def test_a_here_string_and_a_shift_of_bits_open_no_heredoc():
    text = 'cat <<< "$x"\nn=$((1 << BITS))\nray up -f c.yaml\n'
    assert [f.rule for f in found(text, name="go.sh")] == ["no-such-option"]


COMMANDS = [
    ("ray up -f cluster.yaml -y", "RY-09", "no-such-option", "ray up cluster.yaml -y"),
    ("cd x && ray up --file=cluster.yaml", "RY-09", "no-such-option", "ray up cluster.yaml -y"),
    ("ray job submit --entrypoint-num-cpus 1 -- python etl.py", "RY-10", "driver-on-a-worker", "leave"),
]


@pytest.mark.accepts("RY-09", "RY-10")
@pytest.mark.parametrize(("command", "row", "rule", "fix"), COMMANDS)
def test_a_command_that_cannot_work_is_found(command, row, rule, fix):
    (one,) = found(f"set -e\n{command}\n", name="go.sh")
    assert (one.row, one.rule, one.line) == (row, rule, 2)
    assert one.fix.startswith(fix)


@pytest.mark.accepts("RY-09")
def test_what_ray_up_does_take_is_not_blamed():
    text = "ray up cluster.yaml -y --no-restart --max-workers=4 -n etl  # ray up -f\nray job submit -- python x.py\n"
    assert found(text, name="go.sh") == ()


@pytest.mark.accepts("RY-13", "RY-14", "RY-10", "RY-12", "RY-11")
def test_claims_are_found_in_english_too():
    prose = """Use spot and save 60-90% of the cost.
On a termination notice the autoscaler replaces the node immediately.
Use ray job submit: failed work is retried by default.
Objects are rebuilt from lineage.
Objects are spilled to S3 in case a node is lost.

```
ray up cluster.yaml
```
"""
    assert [f.rule for f in found(prose, name="guide.md")] == [
        "saving-claimed", "replacement-claimed", "retries-claimed", "lineage-claimed", "spilling-claimed",
    ]  # fmt: skip
