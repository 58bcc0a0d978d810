"""One simulated account a module, reached as anybody would: plain boto3 over HTTP."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.forked_accounts import started
from tools.simulation.client import SimulatedAccount


@dataclass
class Reach:
    """boto3 clients of one account, each with one attempt, closed at the end."""

    account: SimulatedAccount
    made: dict[str, Any]

    def __call__(self, service: str) -> Any:
        if service not in self.made:
            self.made[service] = boto3.client(
                service,
                endpoint_url=self.account.endpoint_url,
                region_name=self.account.region,
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(retries={"total_max_attempts": 1}, read_timeout=15),
            )
        return self.made[service]

    def group(self, name: str) -> dict[str, Any]:
        return self("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]

    def instances(self, name: str) -> list[dict[str, Any]]:
        """Living instances of a group, as EC2 describes them."""
        filters = [
            {"Name": "tag:aws:autoscaling:groupName", "Values": [name]},
            {"Name": "instance-state-name", "Values": ["pending", "running"]},
        ]
        pages = self("ec2").get_paginator("describe_instances").paginate(Filters=filters)
        return [i for p in pages for r in p["Reservations"] for i in r["Instances"]]

    def named(self, name: str) -> dict[str, Any]:
        """The lone instance of that name."""
        return self.described(Filters=[{"Name": "tag:Name", "Values": [name]}])[0]

    def described(self, **asked: Any) -> list[dict[str, Any]]:
        return [i for r in self("ec2").describe_instances(**asked)["Reservations"] for i in r["Instances"]]

    def split(self, name: str) -> tuple[int, int]:
        """(on-demand, spot) instances of a group."""
        spot = sum(1 for i in self.instances(name) if i.get("InstanceLifecycle") == "spot")
        return len(self.instances(name)) - spot, spot

    def close(self) -> None:
        for client in self.made.values():
            client.close()


@pytest.fixture(scope="module")
def account() -> Iterator[SimulatedAccount]:
    with started(stepped=True, seed=7) as running:
        yield running


@pytest.fixture(scope="module")
def aws(account: SimulatedAccount) -> Iterator[Reach]:
    reach = Reach(account, {})
    yield reach
    reach.close()


@pytest.fixture(scope="module")
def ground() -> Iterator[Reach]:
    """The scenario with one of everything that may be changed."""
    with started(scenario="proving-ground", stepped=True, seed=7) as running:
        reach = Reach(running, {})
        yield reach
        reach.close()
