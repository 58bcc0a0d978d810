"""`plan` and `apply` for everything that can be changed, as an operator types it; what cannot be is refused unsent."""

import json

import pytest

from tests.forked_accounts import started

EVERYTHING = """
version: 1
accounts: [{id: "123456789012", regions: [us-east-1], write_role: current}]
policies:
  - name: ask-for-everything
    resource: any
    mode: {type: approve}
    actions:
      [set-purchase-mix, set-allocation-strategy, set-instance-types, set-desired-capacity, set-size-limits,
       enable-capacity-rebalance, set-scale-in-protection, enter-standby, exit-standby, start-instance-refresh,
       cancel-instance-refresh, tag, remove-tag, create-fleet, delete-fleet, run-instances, stop-instances,
       start-instances, terminate-instances, create-launch-template-version, set-launch-template-version,
       set-delete-on-termination, create-snapshots, deregister-targets, register-targets]
"""


@pytest.fixture(scope="module")
def account():
    with started(scenario="proving-ground", stepped=True, seed=7) as running:
        yield running


@pytest.fixture
def ops(run, home):
    (home / "policy.yaml").write_text(EVERYTHING)
    return run


def rows(account, before: int) -> list[str]:
    """What was written since, by somebody: the account's own launches and ends apart."""
    return [e["operation"] for e in account.effects()[before:] if e["service"] != "simulation"]


def first(ops, fleet: str) -> str:
    return ops("fleets", fleet, "--json").json["instances"][0]["instance_id"]


def carried_out(ops, account, *argv: str) -> tuple[dict, list[str]]:
    """Plan, look, apply; the outcome, and the calls that the account saw."""
    before = len(account.effects())
    planned = ops("plan", *argv, "--json")
    assert planned.exit == 0, planned.err
    assert planned.json["proposal"]["preview"]["changes"], planned.out
    assert planned.json["decision"]["verdict"] == "ask", planned.out
    assert rows(account, before) == []
    proposal_id = planned.json["proposal"]["proposal_id"]
    done = ops("apply", proposal_id, "--yes", "--json")
    assert done.exit == 0, (done.err, done.out)
    again = ops("apply", proposal_id, "--yes", "--json")
    assert again.json["outcome"] == done.json["outcome"]
    return {**done.json, "planned": planned.json}, rows(account, before)


@pytest.mark.accepts("P-09", "P-17", "U-04")
@pytest.mark.parametrize(
    ("argv", "call"),
    [
        (("trainers", "--types", "m5.large,m6i.large,m5a.large,m6a.large"), "UpdateAutoScalingGroup"),
        (("trainers", "--min-size", "2", "--max-size", "9"), "UpdateAutoScalingGroup"),
        (("trainers", "--capacity-rebalance"), "UpdateAutoScalingGroup"),
        (
            ("ledger", "--do", "start-instance-refresh", "--min-healthy", "50", "--every-instance"),
            "StartInstanceRefresh",
        ),
        (("ledger", "--do", "cancel-instance-refresh"), "CancelInstanceRefresh"),
        (("renderers", "--desired", "3"), "ModifyFleet"),
        (("crawlers", "--desired", "3"), "ModifySpotFleetRequest"),
        (("trainers", "--tag", "colour=blue"), "CreateOrUpdateTags"),
        (("trainers", "--untag", "colour"), "DeleteTags"),
    ],
)
def test_what_is_planned_is_done_once_by_one_call(ops, account, argv, call):
    done, calls = carried_out(ops, account, *argv)
    assert done["outcome"]["status"] == "done"
    assert calls == [call]


@pytest.mark.accepts("P-17", "U-04")
def test_an_instance_goes_into_standby_and_back(ops, account):
    one = first(ops, "trainers")
    _, calls = carried_out(ops, account, one, "--do", "enter-standby", "--lower-desired")
    assert calls == ["EnterStandby"]
    there = {i["instance_id"]: i["lifecycle_state"] for i in ops("fleets", "trainers", "--json").json["instances"]}
    assert there[one] == "Standby"
    _, calls = carried_out(ops, account, "trainers", "--do", "exit-standby", "--instances", one)
    assert calls == ["ExitStandby"]


@pytest.mark.accepts("P-09", "U-04")
def test_a_fleet_is_created_once_and_deleted_once(ops, account):
    group = ops("fleets", "renderers", "--json").json
    template = group["launch_template"]["template_id"]
    before = len(account.effects())
    create = ("nightly", "--do", "create-fleet", "--template", template, "--types", "m5.large,m6i.large",
              "--subnets", ",".join(subnets(account)), "--desired", "2", "--on-demand-base", "1")  # fmt: skip
    tried = ops("plan", *create, "--dry-run", "--json")
    assert tried.exit == 0, tried.err
    assert tried.json["aws_dry_run"]
    assert rows(account, before) == []
    _, calls = carried_out(ops, account, *create)
    assert calls == ["CreateFleet"]
    ops("plan", *create).refuses(64, "nightly")
    _, calls = carried_out(ops, account, "nightly", "--do", "delete-fleet", "--terminate")
    assert calls == ["DeleteFleets"]


def subnets(account) -> list[str]:
    import boto3

    ec2 = boto3.client("ec2", endpoint_url=account.endpoint_url, region_name=account.region,
                       aws_access_key_id="AKIASOMEBODYELSE0000", aws_secret_access_key="other")  # fmt: skip
    found = [s["SubnetId"] for s in ec2.describe_subnets()["Subnets"]]
    ec2.close()
    return found[:2]


@pytest.mark.accepts("P-17", "P-20")
@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("trainers", "--on-demand-percentage", "101"), "--on-demand-percentage"),
        (("trainers", "--step", "101%", "--desired", "5"), "--step 101%"),
        (("trainers", "--desired", "9999"), "size limits"),
        (("trainers", "--desired", "-1"), "--desired"),
        (("trainers", "--types", "m5.nosuch"), "m5.nosuch"),
        (("trainers", "--types", "m5.large", "--weights", "1,2"), "weights"),
        (("trainers", "--min-size", "5", "--max-size", "2"), "min_size"),
        (("trainers", "--vcpus", "many"), "--vcpus many"),
        (("trainers", "--verify", "soon", "--desired", "3"), "--verify soon"),
        (("trainers", "--do", "explode"), "explode"),
        (("trainers", "--do", "enter-standby"), "--instances"),
        (("trainers", "--do", "terminate", "--instances", "i-00000000000000000"), "i-00000000000000000"),
        (("trainers", "--do", "delete-fleet"), "trainers"),
        (("renderers", "--strategy", "lowest-price"), "allocation strategy"),
        (("renderers", "--min-size", "1"), "Auto Scaling group"),
        (("nightly", "--do", "create-fleet", "--template", "lt-00000000", "--types", "m5.large", "--desired", "1"), "--subnets"),
        (("nightly", "--do", "run", "--types", "m5.large", "--buy", "spot"), "--template"),
        (("trainers", "--tag", "nonsense"), "--tag nonsense"),
        (("trainers", "--tag", "aws:owner=me"), "aws:"),
    ],
)  # fmt: skip
def test_what_aws_would_refuse_is_refused_before_anything_is_asked(ops, untouched, argv, said):
    ops("plan", *argv).refuses(64, said)


@pytest.mark.accepts("P-16", "P-20")
def test_a_plan_for_another_region_calls_nothing(ops, home, untouched):
    assert ops("plan", "trainers", "--desired", "5", "-o", "p.json").exit == 0
    ops("apply", "p.json", "--yes", "--region", "eu-west-3").refuses(6, "us-east-1", "eu-west-3")


@pytest.mark.accepts("P-16")
def test_an_account_that_the_policy_does_not_list_is_read_only(ops, home, untouched):
    (home / "policy.yaml").write_text(EVERYTHING.replace("123456789012", "999999999999"))
    told = ops("plan", "trainers", "--desired", "5", "--json")
    assert told.exit == 3
    assert "123456789012" in " ".join(told.json["decision"]["reasons"])


@pytest.mark.accepts("P-20")
def test_whoever_else_writes_the_fleet_is_named_with_what_will_drift(ops, account, untouched):
    warned = {
        row["name"]: ops("plan", row["name"], "--tag", "colour=red", "--json").json["proposal"]["preview"]["warnings"]
        for row in ops("fleets", "--json").json["fleets"]
    }
    said = json.dumps(warned)
    assert "CloudFormation" in said or "Terraform" in said


@pytest.mark.accepts("U-04")
def test_a_tag_that_the_policy_goes_by_is_asked_of_a_person_and_denied_to_the_rules(ops, home, untouched):
    text = EVERYTHING.replace("    actions:", '    filters: [{"tag:workload": training}]\n    actions:')
    (home / "policy.yaml").write_text(text)
    told = ops("plan", "trainers", "--untag", "workload", "--json").json["decision"]
    assert told["verdict"] == "ask"
    assert "policies go by the tag workload" in " ".join(s["reason"] for s in told["said"])


@pytest.mark.accepts("P-17")
def test_a_step_goes_so_far_and_says_how_many_there_are(ops, untouched):
    told = ops("plan", "trainers", "--on-demand-base", "4", "--step", "25%", "--json")
    change = told.json["proposal"]["action"]
    assert (change["on_demand_base_capacity"], told.json["steps"]) == (2, 3)
    assert "step 1 of 3" in told.err
    assert ops("plan", "trainers", "--desired", "5", "--detailed-exitcode").exit == 2
    assert ops("plan", "trainers", "--desired", "4", "--detailed-exitcode").exit == 0


@pytest.mark.accepts("IN-11")
def test_an_objective_becomes_an_on_demand_base_and_says_why(ops, untouched):
    half = ops("plan", "trainers", "--keep-serving", "50%", "--json")
    assert half.json["proposal"]["action"]["on_demand_base_capacity"] == 2
    assert "50% must serve" in half.err
    rare = ("plan", "trainers", "--served", "99.9%", "--losses-per-day", "0.5", "--minutes-lost", "10", "--json")
    assert (
        ops(*rare).json["proposal"]["action"]["on_demand_base_capacity"] == 3
    )  # gone .347 % of the time, .1 % allowed
    ops("plan", "trainers", "--keep-serving", "50%", "--on-demand-base", "1").refuses(64, "exclude each other")
    ops("plan", "trainers", "--keep-serving", "most").refuses(64, "--keep-serving most")


@pytest.mark.accepts("U-04", "P-20")
def test_a_change_is_set_back_to_what_was_recorded_and_only_once(ops, account):
    done, _ = carried_out(ops, account, "trainers", "--on-demand-base", "2")
    account.advance(300)
    proposal_id = done["proposal_id"]
    before = len(account.effects())
    back = ops("apply", "--rollback", proposal_id, "--yes", "--json")
    assert back.exit == 0, (back.err, back.out)
    assert ops("fleets", "trainers", "--json").json["mix"]["on_demand_base_capacity"] == 1
    assert rows(account, before) == ["UpdateAutoScalingGroup"]
    again = ops("apply", "--rollback", proposal_id, "--yes", "--json")
    assert rows(account, before) == ["UpdateAutoScalingGroup"], again
