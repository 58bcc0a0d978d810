"""The proving ground with the house's one way to write: real journal, real law, stepped time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.actuation import Actuation
from agent.journal.journal import Journal
from policies.document import parse_policy
from tests.contract.conftest import World, opened
from tests.forked_accounts import started
from tools.records import ACTION_TYPES, Action, Fleet, FleetKind, FleetRef, Outcome

POLICY = parse_policy(
    f"""
version: 1
accounts: [{{id: "123456789012", regions: [us-east-1], write_role: current}}]
protect: {{scale_in_protected: ask}}
policies:
  - name: ask
    resource: any
    mode: {{type: approve}}
    actions: [{", ".join(ACTION_TYPES)}]
""",
    source="test",
)
PERSON = "person:kim"


@contextmanager
def open_ground() -> Iterator[World]:
    with (
        started(scenario="proving-ground", stepped=True) as sim,
        opened(sim) as account,
    ):
        found = World(sim, account)
        yield found
        for client in found.clients.values():
            client.close()


@dataclass
class Hand:
    """Proposes, approves and acts."""

    world: World
    actuation: Actuation

    def approved(self, action: Action) -> str:
        saved = self.actuation.propose(action, by=PERSON, actor="person", rationale="of a test")
        assert saved.decision.verdict == "ask", saved.decision.reasons
        self.actuation.answer(saved.proposal.proposal_id, answer="approve", by=PERSON)
        return saved.proposal.proposal_id

    def act(self, proposal_id: str) -> Outcome:
        return self.actuation.act(proposal_id, by=PERSON)

    def do(self, action: Action) -> Outcome:
        return self.act(self.approved(action))

    def settled(self) -> Outcome | None:
        """What looking says of the one intent that is open; None = none is."""
        told = self.actuation.reconcile()
        assert len(told) < 2
        return told[0][1] if told else None


@contextmanager
def open_hand(world: World, folder: Path) -> Iterator[Hand]:
    with Journal.open(folder / "journal.db", clock=world.clock) as journal:
        yield Hand(
            world,
            Actuation(
                reader=world.reader,
                writer=world.writer,
                journal=journal,
                policy=lambda: POLICY,
                clock=world.clock,
                halted=lambda: False,
                audit_verified=lambda: True,
            ),
        )


def ref(world: World, kind: FleetKind, fleet_id: str) -> FleetRef:
    return FleetRef(kind=kind, fleet_id=fleet_id, account_id=world.sim.account_id, region=world.sim.region)


def group(world: World, name: str = "trainers") -> Fleet:
    return world.reader.fleet(ref(world, "asg", name))


def row_of(world: World, name: str = "trainers") -> dict[str, Any]:
    """The group as Auto Scaling tells it."""
    answer = world.raw("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])
    return answer["AutoScalingGroups"][0]


def writes(world: World, after: int) -> list[str]:
    """Operations of ours that took effect, without what the account does by itself."""
    services = ("autoscaling", "ec2", "s3", "elasticloadbalancing")
    return [row["operation"] for row in world.sim.effects(after=after) if row["service"] in services]
