"""Looked after the same way, whatever kind of fleet it is: EC2 Fleets, Spot Fleet requests, groups with targets."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from agent.aftercare import Keeper
from tests.agent.aftercare_house import ROLLBACK, keep_looking, opened, seen
from tests.forked_accounts import started
from tools.records import ChangeFleet
from tools.simulation.client import SimulatedAccount

POLICY = """
version: 1
accounts: [{id: "123456789012", regions: [us-east-1], write_role: current}]
policies:
  - name: sizes
    resource: any
    mode: {type: autonomous}
    actions: [set-desired-capacity, set-allocation-strategy]
"""


@pytest.fixture(scope="module")
def laid_out() -> Iterator[SimulatedAccount]:
    with started(stepped=True, scenario="proving-ground") as running:
        yield running


@pytest.fixture
def account(laid_out) -> Iterator[SimulatedAccount]:
    yield laid_out
    laid_out.mend()
    soak(laid_out, dry=False)
    laid_out.advance(600)


def soak(account: SimulatedAccount, *, dry: bool) -> None:
    for kind in ("c5.xlarge", "c6i.xlarge", "m5.large", "m6i.large", "m5a.large"):
        for zone in ("us-east-1a", "us-east-1b", "us-east-1c"):
            account.dry(kind, zone, dry=dry)


@pytest.fixture
def house(account, tmp_path: Path):
    (tmp_path / "policy.yaml").write_text(POLICY)
    with opened(account, tmp_path) as found:
        yield found


def make(house, name: str, **wanted) -> str:
    action = ChangeFleet(fleet=house.fleet(name).ref, **wanted)
    saved = house.actuation.propose(action, by="kim", actor="person", rationale="", aftercare=ROLLBACK)
    proposal_id = saved.proposal.proposal_id
    assert house.actuation.act(proposal_id, by="kim").status == "done", saved.decision.reasons
    return proposal_id


@pytest.mark.parametrize(("name", "call"), [("renderers", "ModifyFleet"), ("crawlers", "ModifySpotFleetRequest")])
def test_a_fleet_that_stays_short_is_set_back(house, account, name, call):
    size = house.fleet(name).desired_capacity
    soak(account, dry=True)
    before = seen(account)
    ended = keep_looking(account, Keeper(house.actuation, "daemon"), make(house, name, desired_capacity=size + 2), 12)
    assert ended.status == "rolled-back", ended.told
    assert f"capacity: {size} of {size + 2} in service" in ended.told
    assert house.fleet(name).desired_capacity == size
    assert [row["operation"] for row in account.effects(before)].count(call) == 2


@pytest.mark.parametrize("name", ["renderers", "crawlers"])
def test_a_fleet_that_gets_what_it_asked_for_is_verified(house, account, name):
    size = house.fleet(name).desired_capacity
    ended = keep_looking(account, Keeper(house.actuation, "daemon"), make(house, name, desired_capacity=size + 1), 25)
    assert ended.status == "passed", ended.told


def test_instances_that_leave_their_target_group_are_harm(house, account):
    fleet = house.fleet("trainers")
    (group,) = fleet.target_groups
    elb = boto3.client(
        "elbv2",
        endpoint_url=account.endpoint_url,
        region_name=account.region,
        aws_access_key_id="AKIASOMEBODYELSE0000",
        aws_secret_access_key="other",
    )
    targets = [{"Id": i.instance_id} for i in fleet.instances]
    elb.register_targets(TargetGroupArn=group, Targets=targets)
    account.advance(600)
    strategy = fleet.mix.spot_allocation_strategy
    other = next(s for s in ("price-capacity-optimized", "capacity-optimized") if s != strategy)
    proposal_id = make(house, "trainers", spot_allocation_strategy=other)
    elb.deregister_targets(TargetGroupArn=group, Targets=targets[:2])
    elb.close()
    ended = keep_looking(account, Keeper(house.actuation, "daemon"), proposal_id, 12)
    assert ended.status == "rolled-back", ended.told
    assert "targets: 2 not healthy in targetgroup/trainers" in ended.told
    assert house.fleet("trainers").mix.spot_allocation_strategy == strategy
