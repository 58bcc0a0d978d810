"""One seed, one world; another seed, another. And the account's life: start, attach, speed, end."""

import subprocess
import sys
import time

import boto3
import pytest

from tests.forked_accounts import started
from tools.errors import DataError
from tools.simulation.client import SimulatedAccount


def tour(start, seed, *, reads):
    """What a short, eventful visit leaves behind: state, effects, prices."""
    with start(stepped=True, seed=seed) as account:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        ec2, asg = (
            boto3.client(name, endpoint_url=account.endpoint_url, region_name="us-east-1", **keys)
            for name in ("ec2", "autoscaling")
        )
        for _ in range(reads):
            ec2.describe_instances()
        spot = next(
            i["instance_id"]
            for f in account.state()["fleets"]
            for i in f["instances"]
            if i["purchase_option"] == "spot" and f["name"] == "ml-train"
        )
        account.interrupt(spot)
        split = {"OnDemandBaseCapacity": 5, "OnDemandPercentageAboveBaseCapacity": 0}
        answer = asg.update_auto_scaling_group(
            AutoScalingGroupName="ml-train", MixedInstancesPolicy={"InstancesDistribution": split}
        )
        account.advance(1800)
        prices = ec2.describe_spot_price_history(InstanceTypes=["g5.xlarge"])["SpotPriceHistory"]
        seen = (account.state(), account.effects(), prices, answer["ResponseMetadata"]["RequestId"])
        ec2.close()
        asg.close()
        return seen


def test_one_seed_gives_one_world_however_often_it_is_read():
    process = SimulatedAccount.start
    first, again, other = tour(process, 7, reads=0), tour(started, 7, reads=3), tour(started, 8, reads=0)
    assert first == again
    assert first[0]["fleets"] != other[0]["fleets"]
    assert first[2] != other[2]


def visit_with_faults(start, seed):
    """What a troubled visit to the proving ground leaves behind."""
    with start(scenario="proving-ground", stepped=True, seed=seed) as account:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        asg = boto3.client("autoscaling", endpoint_url=account.endpoint_url, region_name="us-east-1", **keys)
        account.fail("*", "stale", times=0, seconds=60)
        account.fail("SetDesiredCapacity", "stranger", change={"group": "ledger", "desired": 3})
        asg.set_desired_capacity(AutoScalingGroupName="trainers", DesiredCapacity=6)
        asg.start_instance_refresh(AutoScalingGroupName="trainers", Preferences={"MinHealthyPercentage": 50})
        account.advance(600)
        seen = asg.describe_auto_scaling_groups()["AutoScalingGroups"]
        asg.close()
        return account.state(), account.effects(), seen


def test_one_seed_gives_one_outcome_of_faults_strangers_and_refreshes():
    first, again = visit_with_faults(SimulatedAccount.start, 7), visit_with_faults(started, 7)
    assert first == again
    assert first[1]


def test_an_account_can_be_attached_to_and_outlives_the_visitor():
    with SimulatedAccount.start(stepped=True) as account:
        visitor = SimulatedAccount.attach(account.endpoint_url)
        assert visitor is not None
        assert (visitor.queue_url, visitor.seed) == (account.queue_url, 7)
        account.advance(60)
        assert visitor.clock.now() == account.clock.now()
        visitor.stop()
        assert account.state()["account_id"] == "123456789012"
    assert SimulatedAccount.attach(account.endpoint_url) is None


def test_bad_requests_to_the_control_are_told():
    with started(stepped=True) as account:
        with pytest.raises(DataError, match="seconds"):
            account.advance(-5)
        with pytest.raises(DataError, match="no such zone"):
            account.dry("m5.large", "moon-1a")


def test_time_runs_at_the_speed_asked_for():
    with SimulatedAccount.start(speed=2000) as account:
        began = account.clock.now()
        size = account.state()["instances_by_state"]["running"]
        deadline = time.monotonic() + 20
        while account.effects() == [] and time.monotonic() < deadline:
            pass  # a checkpoint is due after some simulated minutes
        assert account.effects(), "things happen by themselves"
        assert account.clock.now() > began
        assert size == 60


def test_the_account_ends_with_its_parent():
    command = [sys.executable, "-m", "tools.simulation", "--stepped"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline().startswith(b"{")
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(timeout=10) == 0
