"""The daemon's own suggestions on the account: off spot when it is dry, back when it is not, and seldom either."""

import json
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random

import pytest

from agent.autonomy import Daemon
from policies.document import parse_policy
from tests.agent.autonomy_house import HEAD, Post, open_post, open_street
from tools.archive.archive import SqliteArchive
from tools.fleets.steady_rules import SteadyRules
from tools.records import ChangeFleet

KINDS = ("m5.large", "m6a.large", "m5a.large")
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
BASE = "MixedInstancesPolicy.InstancesDistribution.OnDemandBaseCapacity"
DESIRED = 10
LOOK, QUARTER = 600, 900
"""seconds between two rounds"""


def law(*actions, mode="autonomous", limits=""):
    return parse_policy(
        f"""{HEAD}{limits}policies:
  - name: steady
    resource: aws.asg
    filters: [{{"tag:workload": steady}}]
    mode: {{type: {mode}}}
    actions: [{", ".join(actions)}]
""",
        source="steady",
    )


MIX = law("set-purchase-mix")
MIX_AND_TYPES = law("set-purchase-mix", "set-instance-types")


@pytest.fixture
def street():
    """An account of its own, without the tour's fleets: only those of a test are looked at."""
    with open_street() as found:
        groups = found.raw("autoscaling")
        for group in groups.describe_auto_scaling_groups()["AutoScalingGroups"]:
            groups.delete_auto_scaling_group(AutoScalingGroupName=group["AutoScalingGroupName"], ForceDelete=True)
        fleets = found.raw("ec2").describe_fleets()["Fleets"]
        found.raw("ec2").delete_fleets(FleetIds=[f["FleetId"] for f in fleets], TerminateInstances=True)
        yield found


def make_group(street, name, *, desired=DESIRED, base=1, workload="steady", kinds=KINDS):
    template = street.raw("ec2").describe_launch_templates()["LaunchTemplates"][0]["LaunchTemplateId"]
    street.raw("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName=name,
        MinSize=0,
        MaxSize=20,
        DesiredCapacity=desired,
        AvailabilityZones=list(ZONES),
        MixedInstancesPolicy={
            "LaunchTemplate": {
                "LaunchTemplateSpecification": {"LaunchTemplateId": template, "Version": "$Default"},
                "Overrides": [{"InstanceType": k} for k in kinds],
            },
            "InstancesDistribution": {
                "OnDemandBaseCapacity": base,
                "OnDemandPercentageAboveBaseCapacity": 0,
                "SpotAllocationStrategy": "price-capacity-optimized",
            },
        },
        Tags=[
            {
                "Key": "workload",
                "Value": workload,
                "ResourceId": name,
                "ResourceType": "auto-scaling-group",
                "PropagateAtLaunch": False,
            }
        ],
    )
    street.sim.advance(120)


def dry(street, *, on, kinds=KINDS):
    for kind in kinds:
        for zone in ZONES:
            street.sim.dry(kind, zone, dry=on)


@contextmanager
def watching(street, folder, policy=MIX, rules=None):
    with (
        open_post(street, folder, policy) as post,
        SqliteArchive.open(folder / "archive.db", clock=street.sim.clock) as archive,
    ):
        daemon = Daemon(
            post.actuation,
            street.aws.queue(street.sim.queue_url),
            "first",
            archive=archive,
            steady=rules or SteadyRules(),
        )
        yield Post(street, post.journal, post.actuation, daemon, post.switch)


def bases(street, name, after=0):
    """(moment, on-demand base) of every change of a group, by the account's own log."""
    rows = street.did("UpdateAutoScalingGroup", after)
    return [(r["at"], int(r["parameters"][BASE])) for r in rows if r["parameters"]["AutoScalingGroupName"] == name]


def alive_on_demand(street, name, *, base):
    """(on-demand instances, the fewest that may be) after each effect on a group, oldest first.

    Between two changes of the base as many must run as at the first of them, or as the base wants, if that is less.
    """
    bought, told = set(), []
    least = 0
    for row in street.sim.effects():
        of_group = row["parameters"].get("group") == name
        if row["operation"] == "LaunchInstance" and of_group:
            bought |= set(row["ids"]) if row["parameters"]["purchase_option"] == "on-demand" else set()
        elif row["operation"] == "TerminateInstance" and of_group:
            bought -= set(row["ids"])
        elif row["operation"] == "UpdateAutoScalingGroup" and row["parameters"]["AutoScalingGroupName"] == name:
            base = int(row["parameters"][BASE])
        else:
            continue
        least = min(max(least, len(bought)), base)
        told.append((len(bought), least))
    return told


def walk(street, post, rounds, *, fleet="ours", seconds=LOOK):
    """Rounds of the daemon; what it said of a fleet in each: (moment, action or None, held code or None, why)."""
    said = []
    for _ in range(rounds):
        now = street.sim.clock.now()
        told = post.daemon.round()
        step = next((s for s in told.steps if s.fleet == fleet), None)
        held = next((h.held for h in told.held if h.fleet == fleet), None)
        said.append((now, step, held))
        street.sim.advance(seconds)
    return said


@pytest.mark.accepts("P-10", "EB-07")
def test_dry_pools_bring_on_demand_and_capacity_brings_spot_back_step_by_step(street, tmp_path):
    make_group(street, "ours")
    rules = SteadyRules(dry_minutes=20, return_minutes=40, cooldown_minutes=20, min_net_saving_usd_per_day=0)
    with watching(street, tmp_path, rules=rules) as post:
        walk(street, post, 2)
        dry(street, on=True)
        for victim in street.spot("ours", 3):
            street.sim.interrupt(victim)
        street.sim.advance(300)
        said = walk(street, post, 4)
        (raised,) = [s for _, s, _ in said if s is not None]
        assert raised.outcome.status == "done"
        assert "fallback: EC2 refused spot in m5.large/use1-az1" in raised.rationale
        fleet = street.fleet("ours")
        assert (len(fleet.spot), len(fleet.on_demand), fleet.mix.on_demand_base_capacity) == (6, 4, 4)
        dry(street, on=False)
        said = walk(street, post, 16)
        waited = {h.code for _, _, h in said if h is not None}
        assert waited <= {"cooldown", "waiting", "dry"}
        assert [b for _, b in bases(street, "ours")] == [4, 3, 2, 1], "and no lower than it stood before"
        fleet = street.fleet("ours")
        assert (len(fleet.spot), len(fleet.on_demand)) == (9, 1)
        assert all(count >= least for count, least in alive_on_demand(street, "ours", base=1))
        assert len(post.journal.proposals(status="done")) == 4


@pytest.mark.accepts("P-09", "P-11", "IN-10")
def test_a_fleet_whose_pools_are_dry_gets_types_that_were_not_refused_and_no_dry_one(street, tmp_path):
    make_group(street, "ours")
    make_group(street, "other", workload="else", desired=2, kinds=("m6i.large",))
    with watching(street, tmp_path, MIX_AND_TYPES, SteadyRules(cooldown_minutes=5)) as post:
        walk(street, post, 2)
        dry(street, on=True, kinds=(*KINDS, "m6i.large"))
        for victim in (*street.spot("ours", 3), *street.spot("other", 1)):
            street.sim.interrupt(victim)
        street.sim.advance(300)
        said = walk(street, post, 5)
        steps = [s for _, s, _ in said if s is not None]
        assert [s.action for s in steps] == ["set-purchase-mix", "set-instance-types"]
        assert "was dry at" in steps[1].rationale
        added = set(street.fleet("ours").instance_types) - set(KINDS)
        assert added
        assert "m6i.large" not in added, "the other fleet was refused it"
        assert street.fleet("ours").instance_types[: len(KINDS)] == KINDS


@pytest.mark.accepts("P-11")
def test_what_a_template_sets_back_is_held_and_told_once(street, tmp_path):
    make_group(street, "ours")
    lowest = {"InstancesDistribution": {"SpotAllocationStrategy": "lowest-price"}}

    def apply_template():
        street.raw("autoscaling").update_auto_scaling_group(AutoScalingGroupName="ours", MixedInstancesPolicy=lowest)

    with watching(street, tmp_path, law("set-allocation-strategy")) as post:
        apply_template()
        ((_, step, _),) = walk(street, post, 1)
        assert step.outcome.status == "done"
        apply_template()
        said = walk(street, post, 6)
        assert {(s, h.code) for _, s, h in said} == {(None, "undone")}
        told = [json.loads(e.payload) for e in post.journal.entries(kinds=("escalation",))]
        assert [(t["fleet"], t["code"]) for t in told] == [("asg/ours", "undone")]
        post.daemon.release()
    with watching(street, tmp_path, law("set-allocation-strategy")) as post:  # after a restart too
        walk(street, post, 1)
        assert len(post.journal.entries(kinds=("escalation",))) == 1
    strategies = [
        r["parameters"]["MixedInstancesPolicy.InstancesDistribution.SpotAllocationStrategy"]
        for r in street.did("UpdateAutoScalingGroup", 0)
    ]
    assert strategies == ["lowest-price", "price-capacity-optimized", "lowest-price"]


@pytest.mark.accepts("P-11")
def test_what_waits_for_an_answer_is_withdrawn_when_it_is_no_longer_suggested(street, tmp_path):
    make_group(street, "ours")
    with watching(street, tmp_path, law("set-purchase-mix", mode="approve")) as post:
        walk(street, post, 2)
        dry(street, on=True)
        for victim in street.spot("ours", 2):
            street.sim.interrupt(victim)
        street.sim.advance(300)
        walk(street, post, 4, seconds=300)
        (asked,) = post.journal.proposals(status="pending")
        assert asked.proposal.action.on_demand_base_capacity == 3
        dry(street, on=False)
        street.sim.advance(300)
        walk(street, post, 1)
        assert post.journal.proposals(status="pending") == ()
        assert post.journal.proposal(asked.proposal.proposal_id).status == "refused"
    assert bases(street, "ours") == []


@pytest.mark.accepts("P-10")
def test_a_fallback_that_a_cooldown_of_the_policy_denied_is_made_when_that_is_over(street, tmp_path):
    make_group(street, "ours")
    policy = law("set-purchase-mix", limits="blast_radius: {cooldown_after_change: 40m}\n")
    raised = ChangeFleet(fleet=street.fleet("ours").ref, on_demand_base_capacity=2)
    with watching(street, tmp_path, policy) as post:
        by_hand = post.actuation.propose(raised, by="person:kim", actor="person", rationale="test")
        assert post.actuation.act(by_hand.proposal.proposal_id, by="person:kim").status == "done"
        street.sim.advance(300)
        dry(street, on=True)
        for victim in street.spot("ours", 3):
            street.sim.interrupt(victim)
        said = walk(street, post, 12, seconds=300)
    verdicts = [(s.verdict, s.outcome is not None) for _, s, _ in said if s is not None]
    assert verdicts[0] == ("deny", False)
    assert verdicts[-1] == ("allow", True)
    assert [b for _, b in bases(street, "ours")] == [2, 5]
    (first, _), (second, _) = [(t, b) for t, b in bases(street, "ours")]
    assert timedelta(minutes=40) <= moment(second) - moment(first) <= timedelta(minutes=55)


def moment(text):
    return datetime.fromisoformat(text)


# a long run, beside a rule without memory


@dataclass
class Naive:
    """The same two moves without memory, hysteresis or steps: on demand when refused, back as soon as it is not."""

    street: object
    name: str
    base: int
    asked: object = None
    now: int = 1

    def look(self):
        groups = self.street.raw("autoscaling")
        now, since = self.street.sim.clock.now(), self.asked
        self.asked = now
        rows = groups.describe_scaling_activities(AutoScalingGroupName=self.name)["Activities"]
        refused = any(r["StatusCode"] == "Failed" and (since is None or r["StartTime"] > since) for r in rows)
        want = DESIRED - len([i for i in alive(self.street, self.name) if i["purchase_option"] == "spot"])
        want = want if refused else self.base
        if want != self.now:
            self.now = want
            split = {"InstancesDistribution": {"OnDemandBaseCapacity": want}}
            groups.update_auto_scaling_group(AutoScalingGroupName=self.name, MixedInstancesPolicy=split)


def alive(street, name):
    state = next(f for f in street.sim.state()["fleets"] if f["name"] == name)
    return [i for i in state["instances"] if i["state"] in ("pending", "running")]


def weather(rounds, dice):
    """Whether the pools are dry, round by round: spells of a quarter of an hour to three hours."""
    told, now = [], False
    while len(told) < rounds:
        told += [now] * dice.choice((1, 1, 2, 4, 8, 12))
        now = not now
    return told[:rounds]


@pytest.mark.accepts("P-11", "P-10")
def test_over_six_hours_of_dry_and_wet_pools_it_changes_less_than_a_rule_without_memory(street, tmp_path):
    """Both fleets meet the same market. What fewer changes cost in capacity is bounded too."""
    dice, rounds = Random(11), 26
    make_group(street, "ours")
    make_group(street, "naive", workload="else")
    naive, short = Naive(street, "naive", 1), {"ours": 0, "naive": 0}
    with watching(street, tmp_path) as post:
        walk(street, post, 1, seconds=QUARTER)
        for is_dry in weather(rounds, dice):
            dry(street, on=is_dry)
            for name in short:
                trouble(street, name, dice)
            walk(street, post, 1, seconds=QUARTER)
            naive.look()
            for name in short:
                short[name] += DESIRED - len(alive(street, name))
    ours, theirs = bases(street, "ours"), bases(street, "naive")
    moves = [1, *(b for _, b in ours)]
    assert any(b > a for a, b in pairwise(moves)), "it left spot"
    assert any(b < a for a, b in pairwise(moves)), "and came back"
    assert 3 * len(ours) <= len(theirs), (ours, theirs, short)
    assert short["ours"] <= 2 * short["naive"] + rounds, (ours, theirs, short)
    assert all(count >= least >= 1 for count, least in alive_on_demand(street, "ours", base=1))
    turns = [t for (_, a), (t, b), (_, c) in zip(ours, ours[1:], ours[2:], strict=False) if a > b < c]
    assert len(turns) <= 2, "one turn back to spot in six hours"


def trouble(street, name, dice):
    """EC2 takes some spot instances, and recommends to leave others."""
    up = street._spot(name)
    for victim in dice.sample(up, min(len(up), dice.choice((0, 0, 1, 2)))):
        (street.sim.interrupt if dice.random() < 0.5 else street.sim.rebalance)(victim)
