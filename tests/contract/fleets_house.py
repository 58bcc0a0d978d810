"""The proving ground for fleets: what to create there, what somebody else made, and the house's one way to write."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent.actuation import Actuation
from agent.journal.journal import Journal
from policies.document import parse_policy
from tests.contract.conftest import World, opened
from tests.forked_accounts import started
from tools.fleets.effects import effect_of
from tools.records import (
    Action,
    CreateFleet,
    CreateTemplateVersion,
    Fleet,
    FleetRef,
    Outcome,
    RunInstances,
    Tag,
)

POLICY = parse_policy(
    """
version: 1
accounts: [{id: "123456789012", regions: [us-east-1], write_role: current}]
policies:
  - name: alone
    resource: any
    mode: {type: autonomous}
    actions: [create-fleet, delete-fleet, run-instances, create-launch-template-version, set-desired-capacity,
      set-purchase-mix, set-instance-types]
""",
    source="test",
)
TYPES = ("c5.xlarge", "c6i.xlarge")


class Ground(World):
    """The proving ground, and names of things that do not exist yet."""

    number = 0

    def fresh(self, word: str) -> str:
        self.number += 1
        return f"{word}-{self.number}"

    def ref(self, kind: str, name: str) -> FleetRef:
        return FleetRef(kind=kind, fleet_id=name, account_id=self.sim.account_id, region=self.sim.region)

    @property
    def template_id(self) -> str:
        return self.raw("ec2").describe_launch_templates()["LaunchTemplates"][0]["LaunchTemplateId"]

    def subnets(self, count: int) -> tuple[str, ...]:
        rows = sorted(self.raw("ec2").describe_subnets()["Subnets"], key=lambda r: r["AvailabilityZone"])
        return tuple(r["SubnetId"] for r in rows[:count])

    def a_fleet(self, name: str, **changed: Any) -> CreateFleet:
        asked: dict[str, Any] = {
            "fleet": self.ref("ec2-fleet", name),
            "launch_template_id": self.template_id,
            "launch_template_version": 1,
            "instance_types": TYPES,
            "subnet_ids": self.subnets(2),
            "fleet_type": "maintain",
            "total_target_capacity": 3,
            "on_demand_target_capacity": 1,
            "spot_allocation_strategy": "price-capacity-optimized",
            "on_demand_allocation_strategy": "prioritized",
            "tags": (Tag(key="team", value="studio"),),
        }
        return CreateFleet(**(asked | changed))

    def runs(self, name: str, **changed: Any) -> RunInstances:
        asked: dict[str, Any] = {
            "fleet": self.ref("instance", name),
            "launch_template_id": self.template_id,
            "launch_template_version": 1,
            "instance_type": "m5.large",
            "subnet_id": self.subnets(1)[0],
            "count": 1,
            "purchase_option": "spot",
            "tags": (Tag(key="team", value="research"),),
        }
        return RunInstances(**(asked | changed))

    def a_version(self, **changed: Any) -> CreateTemplateVersion:
        asked: dict[str, Any] = {
            "fleet": self.fleet("renderers").ref,
            "launch_template_id": self.template_id,
            "source_version": 1,
            "instance_type": "m6i.large",
        }
        return CreateTemplateVersion(**(asked | changed))

    def made(self, **changed: Any) -> Fleet:
        """A fleet that somebody created, up and running."""
        action = self.a_fleet(self.fresh("made"), **changed)
        intent = self.intent(action)
        self.carry_out(action, effect_of(action).subject(self.reader, action), intent)
        self.sim.advance(60)
        return effect_of(action).result(self.reader, intent.intent_id, action)

    def requested(self, **changed: Any) -> Fleet:
        """A Spot Fleet request that somebody made."""
        asked = {
            "IamFleetRole": "arn:aws:iam::123456789012:role/spot",
            "Type": "maintain",
            "AllocationStrategy": "diversified",
            "TargetCapacity": 3,
            "OnDemandTargetCapacity": 1,
            "LaunchTemplateConfigs": [
                {
                    "LaunchTemplateSpecification": {"LaunchTemplateId": self.template_id, "Version": "1"},
                    "Overrides": [
                        {"InstanceType": t, "SubnetId": self.subnets(1)[0], "WeightedCapacity": 1.0} for t in TYPES
                    ],
                }
            ],
        }
        made = self.raw("ec2").request_spot_fleet(SpotFleetRequestConfig=asked | changed)
        self.sim.advance(60)
        return self.reader.fleet(self.ref("spot-fleet", made["SpotFleetRequestId"]))

    def tags_of(self, resource_id: str) -> dict[str, str]:
        rows = self.raw("ec2").describe_tags(Filters=[{"Name": "resource-id", "Values": [resource_id]}])["Tags"]
        return {r["Key"]: r["Value"] for r in rows}


@contextmanager
def open_ground() -> Iterator[Ground]:
    with (
        started(scenario="proving-ground", stepped=True) as sim,
        opened(sim) as account,
    ):
        found = Ground(sim, account)
        sim.advance(60)
        yield found
        for client in found.clients.values():
            client.close()


@contextmanager
def open_actuation(ground: Ground, folder: Path) -> Iterator[Actuation]:
    """A journal of its own each; afterwards no fault stands."""
    ground.sim.advance(1)  # a proposal of another moment: the same one would have the same intent
    with Journal.open(folder / "journal.db", clock=ground.clock) as journal:
        yield Actuation(
            reader=ground.reader,
            writer=ground.writer,
            journal=journal,
            policy=lambda: POLICY,
            clock=ground.clock,
            halted=lambda: False,
            audit_verified=lambda: True,
        )
    ground.sim.mend()


def proposed(actuation: Actuation, action: Action) -> str:
    saved = actuation.propose(action, by="person:test", actor="person", rationale="a test")
    if saved.status == "pending":
        actuation.answer(saved.proposal.proposal_id, answer="approve", by="person:test")
    return saved.proposal.proposal_id


def done(actuation: Actuation, action: Action) -> Outcome:
    return actuation.act(proposed(actuation, action), by="person:test")


def writes(ground: Ground, since: int) -> list[str]:
    """What came over the wire and changed something."""
    return [r["operation"] for r in ground.sim.effects(after=since) if r["service"] in ("ec2", "autoscaling")]
