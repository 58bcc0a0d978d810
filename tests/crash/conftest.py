"""A simulated account that outlives the product, and a zygote that forks and kills the product."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.asking import POLICY
from tests.forked_accounts import started
from tools.simulation.client import SimulatedAccount


@dataclass
class Ran:
    exit: int
    stdout: str
    stderr: str
    sites: list[str]

    @property
    def json(self):
        return json.loads(self.stdout)


class Zygote:
    def __init__(self, account: SimulatedAccount, folder: Path) -> None:
        self.folder, self.db = folder, folder / "journal.db"
        (folder / "policy.yaml").write_text(POLICY)
        environment = {
            **os.environ,
            "HOME": str(folder),
            "XDG_STATE_HOME": str(folder / "state"),
            "SPOTWARDEN_ENDPOINT_URL": account.endpoint_url,
            "SPOTWARDEN_DB": str(self.db),
            "SPOTWARDEN_POLICY": str(folder / "policy.yaml"),
            "SPOTWARDEN_ACTOR": "operator",
        }
        script = Path(__file__).with_name("zygote.py")
        self.process = subprocess.Popen(
            [sys.executable, script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=script.parents[2],
        )

    def run(self, *argv: str, kill_at: int | None = None) -> Ran:
        self.process.stdin.write(json.dumps({"argv": argv, "kill_at": kill_at}) + "\n")
        self.process.stdin.flush()
        return Ran(**json.loads(self.process.stdout.readline()))

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def account():
    with started(stepped=True, seed=7) as running:
        yield running


@pytest.fixture(scope="module")
def product(account, tmp_path_factory):
    zygote = Zygote(account, tmp_path_factory.mktemp("product"))
    yield zygote
    zygote.close()


@pytest.fixture(scope="module")
def second_product(account, product):
    """Another process on the same journal."""
    zygote = Zygote(account, product.folder)
    yield zygote
    zygote.close()


@pytest.fixture(scope="module")
def behind_our_back(account):
    """Another operator with their own client: sets a group's desired capacity directly."""
    import boto3

    client = boto3.client(
        "autoscaling",
        endpoint_url=account.endpoint_url,
        region_name=account.region,
        aws_access_key_id="AKIASOMEBODYELSE0000",
        aws_secret_access_key="other",
    )

    def change(group: str, desired: int) -> None:
        client.set_desired_capacity(AutoScalingGroupName=group, DesiredCapacity=desired)

    yield change
    client.close()
