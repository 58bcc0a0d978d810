"""Somebody changes a fleet between the yes and the deed: a batch of random changes, one journal, one account.

Runs inside one process of the product. What the state was is judged by a stranger's describe call, not by our reader:
it must be the one that was there when the change was shown, or nothing may be carried out; and where nothing of it
moved, it must be carried out, or this would prove nothing.
"""

import contextlib
import json
import random
import urllib.request
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.torture.product import OPERATOR, OURS, STRANGER, House
from tools.errors import SpotError, UsageError
from tools.fleets.find import find_fleet
from tools.records import ChangeFleet

GROUPS = ("trainers", "ledger")
STRATEGIES = ("price-capacity-optimized", "capacity-optimized", "lowest-price")
_BOUND = (
    "MinSize",
    "MaxSize",
    "DesiredCapacity",
    "MixedInstancesPolicy",
    "LaunchTemplate",
    "AvailabilityZones",
    "CapacityRebalance",
    "NewInstancesProtectedFromScaleIn",
    "TargetGroupARNs",
)


class Stranger:
    """An actor behind our back, with keys of their own."""

    def __init__(self, endpoint_url: str, dice: random.Random, wait: Callable[[], None]) -> None:
        session = boto3.Session(*STRANGER, region_name="us-east-1")
        config = Config(proxies={}, retries={"total_max_attempts": 1})
        self.asg = session.client("autoscaling", endpoint_url=endpoint_url, config=config)
        self.ec2 = session.client("ec2", endpoint_url=endpoint_url, config=config)
        self.dice = dice
        self.wait = wait

    def group(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.asg.describe_auto_scaling_groups(AutoScalingGroupNames=[name])
        row: dict[str, Any] = found["AutoScalingGroups"][0]
        return row

    def truth(self, name: str) -> str:
        """Everything of a group that a change of it may be bound to."""
        row = self.group(name)
        seen = {k: row.get(k) for k in _BOUND}
        seen["Tags"] = sorted((t["Key"], t["Value"]) for t in row["Tags"])
        seen["Instances"] = sorted(
            (i["InstanceId"], i["InstanceType"], i["AvailabilityZone"], i["ProtectedFromScaleIn"], _place(i))
            for i in row["Instances"]
            if not i["LifecycleState"].startswith("Detach")
        )
        return json.dumps(seen, sort_keys=True, default=str)

    # what they do; each answers how it may be called

    def sizes(self, name: str) -> None:
        row = self.group(name)
        what = self.dice.choice(("MinSize", "MaxSize", "DesiredCapacity"))
        new = row[what] + self.dice.choice((-1, 1))
        low, high = row["MinSize"], row["MaxSize"]
        fits = {"MinSize": 0 <= new <= row["DesiredCapacity"], "MaxSize": row["DesiredCapacity"] <= new <= 30}
        if fits.get(what, low <= new <= high):
            self.asg.update_auto_scaling_group(AutoScalingGroupName=name, **{what: new})

    def mix(self, name: str) -> None:
        row = self.group(name)
        policy = row.get("MixedInstancesPolicy")
        if not policy:
            return self.tag(name)
        split = policy["InstancesDistribution"]
        what = self.dice.choice(("base", "share", "strategy", "types", "version"))
        if what == "base":
            split["OnDemandBaseCapacity"] = self.dice.randrange(4)
        elif what == "share":
            split["OnDemandPercentageAboveBaseCapacity"] = self.dice.choice((0, 10, 50, 100))
        elif what == "strategy":
            split["SpotAllocationStrategy"] = self.dice.choice(STRATEGIES)
        elif what == "types":
            self.dice.shuffle(policy["LaunchTemplate"]["Overrides"])
        else:
            policy["LaunchTemplate"]["LaunchTemplateSpecification"]["Version"] = self.dice.choice(
                ("1", "2", "$Default")
            )
        policy["LaunchTemplate"]["LaunchTemplateSpecification"].pop("LaunchTemplateName", None)
        self.asg.update_auto_scaling_group(AutoScalingGroupName=name, MixedInstancesPolicy=policy)
        return None

    def tag(self, name: str) -> None:
        self._tags(name, self.dice.choice(("team", "env", "cost-center")), f"v{self.dice.randrange(5)}")

    def untag(self, name: str) -> None:
        tag = {
            "ResourceId": name,
            "ResourceType": "auto-scaling-group",
            "Key": self.dice.choice(("team", "cost-center")),
        }
        self.asg.delete_tags(Tags=[tag])

    def _tags(self, name: str, key: str, value: str) -> None:
        tag = {"ResourceId": name, "ResourceType": "auto-scaling-group", "PropagateAtLaunch": False}
        self.asg.create_or_update_tags(Tags=[tag | {"Key": key, "Value": value}])

    def rebalance(self, name: str) -> None:
        self.asg.update_auto_scaling_group(AutoScalingGroupName=name, CapacityRebalance=self.dice.random() < 0.5)

    def protect_new(self, name: str) -> None:
        on = self.dice.random() < 0.5
        self.asg.update_auto_scaling_group(AutoScalingGroupName=name, NewInstancesProtectedFromScaleIn=on)

    def protect(self, name: str) -> None:
        self.asg.set_instance_protection(
            AutoScalingGroupName=name, InstanceIds=[self._one(name)], ProtectedFromScaleIn=self.dice.random() < 0.5
        )

    def take(self, name: str) -> None:
        """An instance leaves; another one will be launched for it."""
        self.asg.detach_instances(
            AutoScalingGroupName=name, InstanceIds=[self._one(name)], ShouldDecrementDesiredCapacity=False
        )

    def replaced(self, name: str) -> None:
        """One leaves, and another one has come in its place."""
        self.take(name)
        self.wait()

    def end(self, name: str) -> None:
        self.asg.terminate_instance_in_auto_scaling_group(
            InstanceId=self._one(name), ShouldDecrementDesiredCapacity=False
        )

    def standby(self, name: str) -> None:
        row = self.group(name)
        if row["DesiredCapacity"] > row["MinSize"]:
            self.asg.enter_standby(
                AutoScalingGroupName=name, InstanceIds=[self._one(name)], ShouldDecrementDesiredCapacity=True
            )

    def zones(self, name: str) -> None:
        row = self.group(name)
        subnets = sorted(row["VPCZoneIdentifier"].split(","))
        if len(subnets) > 1:
            kept = ",".join(self.dice.sample(subnets, len(subnets) - 1))
            self.asg.update_auto_scaling_group(AutoScalingGroupName=name, VPCZoneIdentifier=kept)

    def come_back(self, name: str) -> None:
        ids = [i["InstanceId"] for i in self.group(name)["Instances"] if i["LifecycleState"] == "Standby"]
        if ids:
            self.asg.exit_standby(AutoScalingGroupName=name, InstanceIds=ids)

    def _one(self, name: str) -> str:
        ids = sorted(i["InstanceId"] for i in self.group(name)["Instances"] if i["LifecycleState"] == "InService")
        return self.dice.choice(ids)

    def make(self, drift: Callable[["Stranger", str], None], name: str) -> None:
        """What AWS refuses, or what there is nothing left for, changes nothing."""
        with contextlib.suppress(ClientError, IndexError):
            drift(self, name)

    # and what changes nothing of it

    def same(self, name: str) -> None:
        row = self.group(name)
        self.asg.update_auto_scaling_group(
            AutoScalingGroupName=name, **{k: row[k] for k in ("MinSize", "MaxSize", "DesiredCapacity")}
        )

    def elsewhere(self, name: str) -> None:
        self._tags(next(g for g in GROUPS if g != name), "team", f"v{self.dice.randrange(1_000)}")

    def nothing(self, name: str) -> None:
        """Not everybody is always there."""


CHANGES: tuple[Callable[[Stranger, str], None], ...] = (
    Stranger.sizes,
    Stranger.mix,
    Stranger.tag,
    Stranger.untag,
    Stranger.rebalance,
    Stranger.protect_new,
    Stranger.protect,
    Stranger.take,
    Stranger.replaced,
    Stranger.end,
    Stranger.standby,
    Stranger.come_back,
    Stranger.zones,
)
IDLE: tuple[Callable[[Stranger, str], None], ...] = (Stranger.same, Stranger.elsewhere, Stranger.nothing)
IDLE_SHARE = 0.06
PASS_EVERY = 4
"""drifts; then a minute and a half goes by"""


def clear(scene: Any) -> None:
    """Two groups and nothing else: every question about the account is then a short one."""
    ec2 = scene.image.stranger("ec2")
    fleets = [f["FleetId"] for f in ec2.describe_fleets()["Fleets"]]
    ec2.delete_fleets(FleetIds=fleets, TerminateInstances=True)
    requests = [r["SpotFleetRequestId"] for r in ec2.describe_spot_fleet_requests()["SpotFleetRequestConfigs"]]
    ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=requests, TerminateInstances=True)
    scene.advance(4_000)


def _place(instance: dict[str, Any]) -> str:
    return "standby" if "Standby" in instance["LifecycleState"] else ""


def batch(house: House, job: dict[str, Any]) -> None:
    """So many drifts, told one line each; what the dice asked for and cannot be is told too."""
    dice = random.Random(job["seed"])
    stranger = Stranger(job["endpoint_url"], dice, lambda: _let_time_pass(house, job["endpoint_url"]))
    refs = {name: find_fleet(house.reader, name).ref for name in GROUPS}
    made = 0
    for number in range(2 * job["count"]):
        if made == job["count"]:
            return
        if number % PASS_EVERY == 0:
            stranger.wait()
        try:
            house.boundaries.tell(**_one(house, stranger, dice, refs, number))
            made += 1
        except SpotError as error:
            house.boundaries.tell(drift=number, skipped=f"{type(error).__name__}: {error.message}")


def _let_time_pass(house: House, endpoint_url: str) -> None:
    """The groups launch what they lack."""
    body = json.dumps({"seconds": 90}).encode()
    request = urllib.request.Request(f"{endpoint_url}/_sim/advance", data=body, method="POST")
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        house.ground.clock.write_text(json.load(answer)["now"])


def _one(house: House, stranger: Stranger, dice: random.Random, refs: dict[str, Any], number: int) -> dict[str, Any]:
    name = dice.choices(GROUPS, (4, 1))[0]
    fleet = house.reader.fleet(refs[name])
    shown = stranger.truth(name)
    saved = house.actuation.propose(_wish(fleet, dice), by=OPERATOR, actor="person", rationale="drift")
    proposal_id = saved.proposal.proposal_id
    house.actuation.answer(proposal_id, answer="approve", by=OPERATOR)
    drift = dice.choice(IDLE if dice.random() < IDLE_SHARE else CHANGES)
    between = dice.random() < 0.25
    seen: list[str] = []

    def happens() -> None:
        stranger.make(drift, name)
        seen.append(stranger.truth(name))

    if between:  # after the first look, before the last one
        house.boundaries.before("Journal.open_intent", happens)
    else:
        happens()
    before = _effects(house)
    try:
        status = house.actuation.act(proposal_id, by=OPERATOR).status
    except SpotError as error:
        status = type(error).__name__
    house.boundaries.before("Journal.open_intent", None)
    done = _effects(house) - before
    told = {"drift": number, "what": drift.__name__, "between": between, "status": status}
    return told | {"moved": bool(seen) and seen[0] != shown, "effects": done}


def _wish(fleet: Any, dice: random.Random) -> ChangeFleet:
    """A change that is one."""
    desired = [n for n in range(fleet.min_size, fleet.max_size + 1) if n != fleet.desired_capacity]
    if fleet.mix is None and not desired:
        raise UsageError(f"{fleet.name}: its limits leave no other size")
    if fleet.mix is None or (dice.random() < 0.2 and desired):
        return ChangeFleet(fleet=fleet.ref, desired_capacity=dice.choice(desired))
    if dice.random() < 0.5:
        other = [s for s in STRATEGIES if s != fleet.mix.spot_allocation_strategy]
        return ChangeFleet(fleet=fleet.ref, spot_allocation_strategy=dice.choice(other))
    base = [n for n in range(5) if n != fleet.mix.on_demand_base_capacity]
    return ChangeFleet(fleet=fleet.ref, on_demand_base_capacity=dice.choice(base))


def _effects(house: House) -> int:
    """Of ours, by the account's log."""
    if not house.ground.effects.exists():
        return 0
    return house.ground.effects.read_text().count(f'"access_key": "{OURS[0]}"')
