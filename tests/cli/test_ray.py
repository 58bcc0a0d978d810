"""`spotwarden ray` as people drive it: faults told with their lines, files written once, refusals with a way out."""

import pytest

from tests.cli.conftest import strangers_client
from tests.tools.recovery.ray.clusters import CLEAN, WANTED


@pytest.fixture(scope="module")
def subnets(account):
    with strangers_client(account, "ec2") as ec2:
        listed = sorted(ec2.describe_subnets()["Subnets"], key=lambda s: s["AvailabilityZone"])
    return [s["SubnetId"] for s in listed[:3]]


@pytest.fixture
def options(subnets):
    told = {
        "--name": "etl", "--head-sg": "sg-0000aaaa", "--worker-sg": "sg-0000bbbb", "--head-profile": "ray-head",
        "--worker-profile": "ray-worker", "--x86-ami": "ami-0000aaaa", "--arm-ami": "ami-0000bbbb",
        "--spill": "s3://acme-spill/etl", "--tag": "team=data", "--types": "r6i.2xlarge,r6a.2xlarge,r6g.2xlarge",
        "--ray-version": WANTED.ray_version,
    }  # fmt: skip
    return [word for pair in told.items() for word in pair] + [word for s in subnets for word in ("--subnet", s)]


def test_a_file_without_fault_is_exit_0_even_when_warnings_count(alone, home):
    (home / "c.yaml").write_text(CLEAN)
    told = alone("ray", "lint", "c.yaml", "--strict", "--no-parse")
    assert told.exit == 0, told.out
    assert "c.yaml: 0 errors, 0 warnings, 0 notes" in told.out


def test_a_warning_is_exit_0_and_with_strict_exit_1(alone, home):
    (home / "c.yaml").write_text(CLEAN.replace("HttpTokens: required", "HttpTokens: optional"))
    assert alone("ray", "lint", "c.yaml", "--no-parse").exit == 0
    told = alone("ray", "lint", "c.yaml", "--no-parse", "--strict")
    assert told.exit == 1
    assert "warning metadata-v1 (RY-08): IMDSv2 is not required" in told.out
    assert "    → MetadataOptions:" in told.out


def test_an_error_is_exit_1_with_its_line_and_the_same_in_json(alone, home):
    (home / "go.sh").write_text("ray up -f cluster.yaml -y\n")
    told = alone("ray", "lint", "go.sh")
    assert told.exit == 1
    assert told.out.startswith("go.sh:1: error no-such-option (RY-09): ray up -f: Ray has no such option\n")
    as_json = alone("ray", "lint", "go.sh", "--json")
    assert (as_json.exit, as_json.json["errors"]) == (1, 1)
    (finding,) = as_json.json["findings"]
    assert (finding["line"], finding["row"], finding["fix"]) == (1, "RY-09", "ray up cluster.yaml -y")


def test_what_cannot_be_read_is_refused_with_a_way_out(alone, home):
    (home / "empty.yaml").write_text("\n")
    (home / "\x1b[31m.yaml").write_bytes(b"\0")
    alone("ray", "lint", "none.yaml").refuses(64, "none.yaml: no such file")
    alone("ray", "lint", ".").refuses(64, "not a file")
    alone("ray", "lint", "empty.yaml").refuses(1, "empty.yaml: empty")
    alone("ray", "lint", "\x1b[31m.yaml").refuses(1, "binary, not text")
    alone("ray", "lint").refuses(64)


def test_a_reason_is_told_once_and_each_unknown_key_with_its_own_way_out(alone, home):
    (home / "c.yaml").write_text(CLEAN + "max_worker: 4\nidle_timeout_minute: 5\nzzz: 1\n")
    told = alone("ray", "lint", "c.yaml", "--no-parse").out
    assert told.count("`ray up` checks the file against this schema") == 1
    assert "→ did you mean max_workers?" in told
    assert "→ did you mean idle_timeout_minutes?" in told
    assert "→ take it out" in told, "nothing is near"
    assert "  checked: the schema of ray" in told


def test_text_that_a_terminal_would_obey_is_not_printed(alone, home):
    (home / "c.yaml").write_text(CLEAN + '"\\e[2J\\e[31mpwned": 1\n')
    told = alone("ray", "lint", "c.yaml", "--no-parse")
    assert "\x1b" not in told.out
    assert "pwned" not in told.out


def test_without_ray_our_own_rules_run_and_the_way_to_more_is_told(alone, home, monkeypatch):
    """A person who never installed the extra: Python finds nothing of this name."""
    import sys

    from tools.recovery.ray import schema

    schema.ray_folder.cache_clear()
    monkeypatch.setitem(sys.modules, "ray", None)
    (home / "c.yaml").write_text(CLEAN.replace("HttpTokens: required", "HttpTokens: optional"))
    told = alone("ray", "lint", "c.yaml")
    schema.ray_folder.cache_clear()
    assert told.exit == 0
    assert "metadata-v1" in told.out
    assert "pip install 'spotwarden[cluster]'" in told.out


@pytest.mark.accepts("RY-02", "RY-04", "RY-06")
def test_a_plan_is_written_once_and_lints_clean(run, home, options):
    told = run("ray", "plan", *options, "--out", "c.yaml")
    assert told.exit == 0, told.err
    assert "c.yaml: 3 spot groups over 3 zones, 1 on demand" in told.out
    whole = (home / "c.yaml").read_text()
    assert run("ray", "lint", "c.yaml", "--strict", "--no-parse").exit == 0
    run("ray", "plan", *options, "--out", "c.yaml").refuses(64, "c.yaml: it is there already")
    assert (home / "c.yaml").read_text() == whole
    assert run("ray", "plan", *options, "--max-workers", "6", "--out", "c.yaml", "--force").exit == 0
    assert "max_workers: 10 # the sum" in (home / "c.yaml").read_text()


def test_a_plan_goes_to_stdout_and_into_json(run, options, untouched):
    told = run("ray", "plan", *options)
    assert told.out.startswith("# Ray ")
    as_json = run("ray", "plan", *options, "--json").json
    assert as_json["text"] == told.out
    assert [g["on_spot"] for g in as_json["groups"]] == [True, True, True, False]


@pytest.mark.accepts("RY-01")
def test_a_plan_names_the_options_that_are_missing(run, options, home):
    run("ray", "plan", "--name", "etl").refuses(64, "not told: --subnet, --head-sg", "describe-subnets")
    run("ray", "plan", *options, "--tag", "team").refuses(64, "--tag 'team': not KEY=VALUE")
    run("ray", "plan", *options, "--out", "nowhere/c.yaml").refuses(64, "nowhere: no such folder")
    run("ray", "plan", *options, "--from", "none.yaml").refuses(64, "none.yaml: no such file")
