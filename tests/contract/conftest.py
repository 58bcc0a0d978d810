"""The simulated account, in its own process with stepped time, reached through tools.aws as a real one would be."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import boto3
import pytest

from tests.forked_accounts import started
from tools.aws.session import AwsAccount, open_account
from tools.cloud import Receipt
from tools.fleets.effects import effect_of
from tools.fleets.find import find_fleet
from tools.records import Action, Fleet, Intent, Permit
from tools.simulation.client import SimulatedAccount

CREDENTIALS = ("simulated", "simulated")


@dataclass
class World:
    """The account from both sides: what our code sees, and what it keeps itself."""

    sim: SimulatedAccount
    account: AwsAccount
    clients: dict[str, Any] = field(default_factory=dict)
    intents: list[Intent] = field(default_factory=list)

    @property
    def reader(self):
        return self.account.reader

    @property
    def writer(self):
        return self.account.writer

    @property
    def clock(self):
        return self.sim.clock

    def fleet(self, name: str) -> Fleet:
        return find_fleet(self.reader, name)

    def intent(self, action: Action, fleet: Fleet | None = None) -> Intent:
        """One that may be sent now; with a fleet, it knows what is expected and wanted."""
        expect, want = self.expect_and_want(action, fleet) if fleet is not None else ({}, {})
        number, now = len(self.intents), self.clock.now()
        made = Intent(
            intent_id=f"i-of-a-test-{number}",
            permit=self._permit(action),
            expect=expect,
            want=want,
            token=f"token-of-a-test-{number}",
            opened_at=now,
            send_by=now + timedelta(minutes=1),
        )
        self.intents.append(made)
        return made

    def expect_and_want(self, action: Action, fleet: Fleet) -> tuple[dict[str, Any], dict[str, Any]]:
        return effect_of(action).expect_and_want(self.reader, action, fleet)

    def carry_out(self, action: Action, fleet: Fleet, intent: Intent | None = None) -> Receipt:
        return effect_of(action).carry_out(self.writer, intent or self.intent(action), action, fleet)

    def observe(self, action: Action, intent: Intent | None = None) -> dict[str, Any]:
        return effect_of(action).observe(self.reader, intent or self.intent(action), action)

    def _permit(self, action: Action) -> Permit:
        now = self.clock.now()
        return Permit(
            permit_id="permit-of-a-test",
            proposal_digest="0" * 64,
            action=action,
            action_digest=action.digest,
            state_fingerprint=None,
            policy_digest="0" * 64,
            granted_by="person:test",
            approval_id=None,
            issued_at=now,
            expires_at=now + timedelta(hours=1),
        )

    def raw(self, service: str) -> Any:
        """Somebody else's hand in the account: plain boto3."""
        if service not in self.clients:
            self.clients[service] = boto3.client(
                service,
                endpoint_url=self.sim.endpoint_url,
                region_name=self.sim.region,
                aws_access_key_id=CREDENTIALS[0],
                aws_secret_access_key=CREDENTIALS[1],
            )
        return self.clients[service]

    def seen(self) -> int:
        return max((row["seq"] for row in self.sim.effects()), default=0)

    def effects_since(self, seq: int, operation: str) -> list[dict[str, Any]]:
        return [row for row in self.sim.effects(after=seq) if row["operation"] == operation]


def opened(sim: SimulatedAccount, **more: Any) -> AwsAccount:
    return open_account(
        profile=None,
        region=sim.region,
        endpoint_url=sim.endpoint_url,
        clock=sim.clock,
        credentials=CREDENTIALS,
        **more,
    )


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with started(stepped=True) as sim, opened(sim) as account:
        found = World(sim, account)
        yield found
        for client in found.clients.values():
            client.close()


@pytest.fixture(autouse=True)
def mended(request: pytest.FixtureRequest) -> Iterator[None]:
    """A fault that a test left standing does not meet the next one."""
    yield
    if "world" in request.fixturenames:
        request.getfixturevalue("world").sim.mend()


@pytest.fixture
def group_of_a_test(world: World) -> Iterator[Callable[..., str]]:
    """Makes empty Auto Scaling groups, with tags, and takes them away."""
    made: list[str] = []
    template = world.raw("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=["ml-train"])
    policy = template["AutoScalingGroups"][0]["MixedInstancesPolicy"]
    specification = policy["LaunchTemplate"]["LaunchTemplateSpecification"]

    def make(name: str, tags: dict[str, str] | None = None, **policy: Any) -> str:
        world.raw("autoscaling").create_auto_scaling_group(
            AutoScalingGroupName=name,
            MinSize=0,
            MaxSize=10,
            DesiredCapacity=0,
            AvailabilityZones=["us-east-1a", "us-east-1b"],
            MixedInstancesPolicy={
                "LaunchTemplate": {
                    "LaunchTemplateSpecification": {
                        "LaunchTemplateId": specification["LaunchTemplateId"],
                        "Version": "$Default",
                    },
                    "Overrides": policy.get("overrides", [{"InstanceType": "m5.large"}]),
                },
                "InstancesDistribution": policy.get("distribution", {}),
            },
            Tags=[
                {
                    "Key": k,
                    "Value": v,
                    "ResourceId": name,
                    "ResourceType": "auto-scaling-group",
                    "PropagateAtLaunch": False,
                }
                for k, v in (tags or {}).items()
            ],
        )
        made.append(name)
        return name

    yield make
    for name in made:
        world.raw("autoscaling").delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)
