"""A change that can be made harmful: `batch` asks for more than its pools have. Stepped time, real everything."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

from agent.aftercare import Keeper
from agent.journal.verify import verify
from agent.journal.watches import WatchedChange
from policies.records import Aftercare
from tools.records import ChangeFleet, Outcome
from tools.simulation.client import SimulatedAccount
from tui.config import Settings
from tui.opening import House, open_house

ROOT = Path(__file__).resolve().parents[2]
FLEET, SIZE, MORE = "batch", 24, 27
TYPES = ("c5.2xlarge", "c6i.2xlarge", "m5.2xlarge")
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
ROLLBACK = Aftercare(verify_seconds=1_200, on_fail="rollback")
ESCALATE = Aftercare(verify_seconds=1_200, on_fail="escalate")
POLICY = """
version: 1
accounts: [{{id: "123456789012", regions: [us-east-1], write_role: current}}]
policies:
  - name: sizes
    resource: aws.asg
    mode: {{type: {mode}}}
    actions: [{action}]
"""


def policy(folder: Path, mode: str = "autonomous", action: str = "set-desired-capacity") -> Path:
    file = folder / "policy.yaml"
    file.write_text(POLICY.format(mode=mode, action=action))
    return file


@contextmanager
def opened(account: SimulatedAccount, folder: Path, *, actor: str = "kim") -> Iterator[House]:
    """As a new process would; the same folder is the same journal."""
    file = folder / "policy.yaml"
    settings = Settings(
        db=folder / "journal.db", state_dir=folder, actor=actor, policy=file if file.exists() else policy(folder)
    )
    with open_house(settings, account) as house:
        yield house
    assert verify(folder / "journal.db").ok


def change(
    house: House, desired: int = MORE, *, aftercare: Aftercare | None = ROLLBACK, by: str = "kim"
) -> tuple[str, Outcome]:
    """Ask for another size, say yes where it is asked for, and make it: the proposal's id, the outcome."""
    action = ChangeFleet(fleet=house.fleet(FLEET).ref, desired_capacity=desired)
    saved = house.actuation.propose(action, by=by, actor="person", rationale="more work", aftercare=aftercare)
    proposal_id = saved.proposal.proposal_id
    if saved.status == "pending":
        house.actuation.answer(proposal_id, answer="approve", by=by)
    return proposal_id, house.actuation.act(proposal_id, by=by)


def dry(account: SimulatedAccount, *, dry: bool = True) -> None:
    for kind in TYPES:
        for zone in ZONES:
            account.dry(kind, zone, dry=dry)


def keep_looking(account: SimulatedAccount, keeper: Keeper, proposal_id: str, minutes: int) -> WatchedChange:
    """A look every three minutes, until it is over or so many minutes passed."""
    for _ in range(-(-minutes // 3)):
        account.advance(180)
        seen = keeper.look_at(proposal_id)
        if seen.status not in {"watching", "failed"}:
            break
    return seen


def sizes(account: SimulatedAccount, after: int) -> list[int]:
    """Desired capacities that we wrote, by the account's own log."""
    return [
        int(row["parameters"]["DesiredCapacity"])
        for row in account.effects(after)
        if row["operation"] == "UpdateAutoScalingGroup"
    ]


def seen(account: SimulatedAccount) -> int:
    return max((row["seq"] for row in account.effects()), default=0)


def stranger(account: SimulatedAccount) -> Any:
    """Somebody else's client for Auto Scaling."""
    return boto3.client(
        "autoscaling",
        endpoint_url=account.endpoint_url,
        region_name=account.region,
        aws_access_key_id="AKIASOMEBODYELSE0000",
        aws_secret_access_key="other",
    )


def reset(account: SimulatedAccount) -> None:
    """As it was laid out: whole, wet, no fault."""
    account.mend()
    dry(account, dry=False)
    client = stranger(account)
    client.set_desired_capacity(AutoScalingGroupName=FLEET, DesiredCapacity=SIZE)
    client.close()
    account.advance(900)


KILLED = f"""
import os, signal, sys, threading
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from tests.agent.aftercare_house import opened
from agent.aftercare import Keeper
from tools.simulation.client import SimulatedAccount

endpoint, folder, proposal_id, where, nth = sys.argv[1:]
left = [int(nth)]

def on_call(frame, event, argument):
    if event == "call" and frame.f_code.co_name == where:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

threading.setprofile(on_call)
sys.setprofile(on_call)
with opened(SimulatedAccount.attach(endpoint), Path(folder)) as house:
    print(Keeper(house.actuation, "killed").look_at(proposal_id).status)
"""
