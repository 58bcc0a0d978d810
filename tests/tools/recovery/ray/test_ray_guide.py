"""`ray lint` on the published guide: every fault of rows RY-01 to RY-14, on its own line."""

from pathlib import Path

import pytest

from tools.recovery.ray.findings import Finding
from tools.recovery.ray.lint import Asked, lint_file


@pytest.fixture(scope="module")
def guide(data_dir) -> Path:
    found = sorted((data_dir.parent / "guides").glob("004*.txt"))
    if not found:
        pytest.skip("no guides beside the shared data")
    return found[0]


@pytest.fixture(scope="module")
def findings(guide) -> tuple[Finding, ...]:
    return lint_file(guide, Asked(storage_usd_per_gib_month=0.08, parse=False)).findings


FAULTS = [
    ("RY-01", "unset-variable", 57, "${PRIV_SUBNET_ID} is used on lines 57, 79, 102"),
    ("RY-01", "unset-variable", 59, "${HEAD_SG_ID} is used on line 59"),
    ("RY-01", "unset-variable", 81, "${WORKER_SG_ID} is used on lines 81, 104"),
    ("RY-02", "one-zone", 30, "${AWS_REGION}a"),
    ("RY-03", "unpinned-setup", 45, "boto3, pandas, pyarrow, ray[default,data]"),
    ("RY-03", "grown-by-hand", 40, "growpart with its failure hidden"),
    ("RY-03", "grown-by-hand", 41, "xfs_growfs with its failure hidden"),
    ("RY-03", "system-python", 44, "python3-pip"),
    ("RY-04", "max-workers-sum", 47, "max_workers 128; its groups allow 16"),
    ("RY-05", "head-shares-resource", 53, "Intel on head_node and on workers"),
    ("RY-06", "one-pool", 68, "r7i.2xlarge"),
    ("RY-06", "big-root", 72, "300 GiB ($24.00 a month and node, $192.00 for 8)"),
    ("RY-06", "spot-minimum", 84, "min_workers 1 on spot"),
    ("RY-06", "pinned-to-group", 66, "Intel only on x86_worker_node"),
    ("RY-07", "one-pool", 91, "r8g.2xlarge"),
    ("RY-07", "pinned-to-group", 89, "Graviton only on arm_worker_node"),
    ("RY-07", "image-comment", 97, "${ARM_AMI_ID}, the head ${X86_AMI_ID}"),
    ("RY-08", "subnet-ignored", 57, "head_node: SubnetId"),
    ("RY-08", "shared-profile", 60, "ray-instance-profile on the head and on"),
    ("RY-08", "metadata-v1", 54, "IMDSv2 is not required"),
    ("RY-09", "no-such-option", 115, "ray up -f"),
    ("RY-10", "retries-claimed", 124, "ray job submit"),
    ("RY-11", "lineage-claimed", 130, "lineage"),
    ("RY-12", "spilling-missing", 25, "no object spilling"),
    ("RY-12", "spilling-claimed", 130, "a backup"),
    ("RY-13", "no-drain", 25, "no worker_start_ray_commands"),
    ("RY-13", "no-on-demand-group", 50, "2 on spot, none on demand"),
    ("RY-13", "replacement-claimed", 130, "on its notice"),
    ("RY-14", "saving-claimed", 127, "70~90%"),
]


@pytest.mark.accepts(*(f"RY-{n:02}" for n in range(1, 15)))
@pytest.mark.parametrize(("row", "rule", "line", "seen"), FAULTS, ids=[f"{r}-{n}-{at}" for r, n, at, _ in FAULTS])
def test_every_fault_of_the_guide_is_found_on_its_line(findings, row, rule, line, seen):
    (one,) = [f for f in findings if (f.rule, f.line) == (rule, line)]
    assert one.row == row
    assert seen in one.seen
    assert len(one.why) > 20
    assert len(one.fix) > 5


@pytest.mark.accepts("RY-02", "RY-05", "RY-08")
def test_what_the_guide_does_right_is_not_blamed(findings):
    blamed = {f.rule for f in findings}
    assert blamed.isdisjoint({"stopped-nodes", "head-on-spot", "head-takes-work", "head-max-workers"})
    assert blamed.isdisjoint({"public-addresses", "image-mix-up", "old-volume", "schema", "yaml", "secret"})


@pytest.mark.accepts("RY-01")
def test_a_blank_of_an_unset_variable_is_told_once(findings):
    assert "blank-value" not in {f.rule for f in findings}
    assert sum(f.rule == "unset-variable" for f in findings) == 3
