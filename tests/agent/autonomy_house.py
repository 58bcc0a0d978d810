"""A daemon on the simulated account: real journal, real law, real queue, stepped time, no model anywhere."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from agent.actuation import Actuation
from agent.autonomy import Daemon
from agent.journal.journal import Journal
from agent.journal.verify import verify
from policies.document import Policy, parse_policy, preset
from tests.forked_accounts import started
from tools.aws.session import AwsAccount, open_account
from tools.records import Fleet, utc_text
from tools.simulation.client import SimulatedAccount

CREDENTIALS = ("AKIASIMULATED0000000", "simulated")

HEAD = """
version: 1
accounts: [{id: "123456789012", regions: [us-east-1], write_role: current}]
"""
REFLEX = """
  - name: answer
    resource: any
    mode: {type: autonomous, on: interruption-notice}
    actions: [request-checkpoint, deregister-targets, replace-instances]
"""
WIDE = parse_policy(f"{HEAD}policies:{REFLEX}", source="wide")
"""the reflex may do anything, and nobody else may do a thing"""
ASKS = parse_policy(
    f"""{HEAD}policies:
  - name: ask
    resource: aws.asg
    mode: {{type: approve}}
    actions: [set-allocation-strategy, request-checkpoint, replace-instances]
""",
    source="asks",
)
ALONE = parse_policy(
    f"""{HEAD}policies:
  - name: alone
    resource: aws.asg
    mode: {{type: autonomous}}
    actions: [set-allocation-strategy]
""",
    source="alone",
)
TOUR = preset("tour")

_DETAIL = {
    "interruption": "EC2 Spot Instance Interruption Warning",
    "rebalance": "EC2 Instance Rebalance Recommendation",
}


@dataclass
class Street:
    """The account, seen from outside and from behind; one a module."""

    sim: SimulatedAccount
    aws: AwsAccount
    clients: dict[str, Any] = field(default_factory=dict)

    def raw(self, service: str) -> Any:
        if service not in self.clients:
            self.clients[service] = boto3.client(
                service,
                endpoint_url=self.sim.endpoint_url,
                region_name=self.sim.region,
                aws_access_key_id=CREDENTIALS[0],
                aws_secret_access_key=CREDENTIALS[1],
            )
        return self.clients[service]

    def fleet(self, name: str) -> Fleet:
        return next(f for f in self.aws.reader.fleets() if f.name == name)

    def spot(self, name: str, count: int = 1) -> list[str]:
        """Ids of spot instances in service, as many; replacements get their time to start."""
        up = self._spot(name)
        if len(up) < count:
            self.sim.advance(300)
            up = self._spot(name)
        assert len(up) >= count
        return up[:count]

    def _spot(self, name: str) -> list[str]:
        state = next(f for f in self.sim.state()["fleets"] if f["name"] == name)
        up = [
            i["instance_id"]
            for i in state["instances"]
            if i["purchase_option"] == "spot" and i["state"] == "running" and _in_service(i)
        ]
        return sorted(up)

    def seen(self) -> int:
        return max((row["seq"] for row in self.sim.effects()), default=0)

    def did(self, operation: str, after: int) -> list[dict[str, Any]]:
        """What took effect, by the account's own log."""
        return [row for row in self.sim.effects(after) if row["operation"] == operation]

    def detached(self, after: int) -> list[list[str]]:
        """Instance ids of each detach call."""
        return [[i for i in r["ids"] if i.startswith("i-")] for r in self.did("DetachInstances", after)]

    def markers(self, after: int) -> list[str]:
        """Keys of «save now» markers written."""
        return [r["parameters"]["Key"] for r in self.did("PutObject", after) if "/requests/" in r["parameters"]["Key"]]

    def ours(self, after: int) -> list[str]:
        """Every effect that came over the wire: none of the account's own."""
        return [r["operation"] for r in self.sim.effects(after) if r["service"] in ("autoscaling", "ec2", "s3")]

    def post(self, kind: str, instance_id: str, *, body: str | None = None) -> None:
        """Put a notice, or any text, into the queue by hand."""
        detail = {"instance-id": instance_id}
        if kind == "interruption":
            detail["instance-action"] = "terminate"
        event = {"source": "aws.ec2", "detail-type": _DETAIL.get(kind), "detail": detail}
        text = body if body is not None else json.dumps(event | {"time": utc_text(self.sim.clock.now())})
        self.raw("sqs").send_message(QueueUrl=self.sim.queue_url, MessageBody=text)

    def waiting_messages(self) -> int:
        """Messages in the queue, those in somebody's hands included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.raw("sqs").get_queue_attributes(QueueUrl=self.sim.queue_url, AttributeNames=names)
        return sum(int(answer["Attributes"][n]) for n in names)

    def clear(self) -> None:
        """No fault stands and no message waits."""
        self.sim.mend()
        queue = self.aws.queue(self.sim.queue_url)
        while messages := queue.receive(wait_seconds=0):
            queue.acknowledge([m.receipt for m in messages])

    def deliver_again(self, receipt: str) -> None:
        """As when the time is over that the queue gives for answering a message."""
        self.raw("sqs").change_message_visibility(
            QueueUrl=self.sim.queue_url, ReceiptHandle=receipt, VisibilityTimeout=0
        )


def _in_service(instance: dict[str, Any]) -> bool:
    return instance.get("lifecycle_state", "InService") == "InService"


@contextmanager
def open_street(scenario: str = "tour") -> Iterator[Street]:
    with (
        started(scenario=scenario, stepped=True) as sim,
        open_account(
            profile=None,
            region=sim.region,
            endpoint_url=sim.endpoint_url,
            clock=sim.clock,
            credentials=CREDENTIALS,
        ) as aws,
    ):
        street = Street(sim, aws)
        yield street
        for client in street.clients.values():
            client.close()


@dataclass
class Post:
    """One daemon's process: its journal, its switch, itself."""

    street: Street
    journal: Journal
    actuation: Actuation
    daemon: Daemon
    switch: dict[str, bool]

    def answer(self):
        return self.daemon.answer_notices(wait_seconds=0)

    def kinds(self) -> list[str]:
        return [e.kind for e in self.journal.entries()]


@contextmanager
def open_post(
    street: Street,
    folder: Path,
    policy: Policy | Callable[[], Policy] = TOUR,
    *,
    holder: str = "first",
    halted: Callable[[], bool] | None = None,
) -> Iterator[Post]:
    """Opened anew each time, as a new process would; the same folder is the same journal."""
    path, switch = folder / "journal.db", {"on": False}
    with Journal.open(path, clock=street.sim.clock) as journal:
        actuation = Actuation(
            reader=street.aws.reader,
            writer=street.aws.writer,
            journal=journal,
            policy=policy if callable(policy) else (lambda: policy),
            clock=street.sim.clock,
            halted=halted or (lambda: switch["on"]),
            audit_verified=lambda: True,
        )
        daemon = Daemon(actuation, street.aws.queue(street.sim.queue_url), holder)
        yield Post(street, journal, actuation, daemon, switch)
        for message in daemon._held:
            street.deliver_again(message.receipt)
    assert verify(path).ok
