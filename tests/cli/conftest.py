"""The product as a user drives it, on one simulated account a module, in a home of its own."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.asking import POLICY
from tests.forked_accounts import started
from tools.simulation.client import SimulatedAccount
from tui.cli import main

ROOT = Path(__file__).resolve().parents[2]
# what a terminal obeys or hides: C0 but line feed, DEL, C1, zero-width, line separators, bidi
UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")


@dataclass
class Told:
    """What one command answered."""

    exit: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def refuses(self, code: int, *said: str) -> None:
        """One message on stderr with a way out, safe for a terminal; nothing but it."""
        assert self.exit == code, self
        lines = self.err.splitlines()
        assert sum(line.startswith("spotwarden: ") for line in lines) == 1, self.err
        assert "\n  → " in self.err, self.err
        assert "Traceback" not in self.err
        assert "unexpected" not in self.err
        assert len(self.err) < 10_000
        assert not UNSAFE.search(self.out + self.err)
        for text in said:
            assert text in self.err


Run = Callable[..., Told]


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """An empty home, and nothing of the machine's own set-up."""
    settle_in(tmp_path, monkeypatch)
    return tmp_path


def settle_in(folder: Path, patch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n.startswith(("AWS_", "SPOTWARDEN_", "OPENAI_", "XDG_"))]:
        patch.delenv(name)
    ours = {"HOME": folder, "XDG_STATE_HOME": folder / "state", "AWS_EC2_METADATA_DISABLED": "true"}
    for name, value in ours.items():
        patch.setenv(name, str(value))
    patch.chdir(folder)


@pytest.fixture
def alone(home, capsys) -> Run:
    """One command without an account."""

    def run(*argv: str) -> Told:
        code = main(list(argv))
        return Told(code, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def account():
    with started(stepped=True) as running:
        yield running


@pytest.fixture
def environment(account, home, monkeypatch) -> None:
    """Somebody who works on the simulated account."""
    work_on(account, home, monkeypatch)


def work_on(account: SimulatedAccount, folder: Path, patch: pytest.MonkeyPatch) -> None:
    (folder / "policy.yaml").write_text(POLICY)
    ours = {
        "SPOTWARDEN_ENDPOINT_URL": account.endpoint_url,
        "SPOTWARDEN_DB": str(folder / "journal.db"),
        "SPOTWARDEN_POLICY": str(folder / "policy.yaml"),
        "SPOTWARDEN_ACTOR": "operator",
    }
    for name, value in ours.items():
        patch.setenv(name, value)


@pytest.fixture
def run(environment, alone, account):
    """One command on the account. What was ordered to fail is mended afterwards."""
    yield alone
    account.mend()


@pytest.fixture
def untouched(account):
    """The account's own log: nothing was changed while the test ran."""
    before = len(account.effects())
    yield
    assert account.effects()[before:] == []


@contextmanager
def strangers_client(account, service: str) -> Iterator[Any]:
    """Somebody else's client, for the tests that change what we look at."""
    import boto3

    client = boto3.client(
        service,
        endpoint_url=account.endpoint_url,
        region_name=account.region,
        aws_access_key_id="AKIASOMEBODYELSE0000",
        aws_secret_access_key="other",
    )
    yield client
    client.close()


@pytest.fixture(scope="module")
def asg(account):
    """Somebody else's client for Auto Scaling."""
    with strangers_client(account, "autoscaling") as client:
        yield client


def process(*argv: str, **options: Any) -> "subprocess.Popen[str]":
    """The product as a process of its own; the variables of this one are handed on."""
    command = [sys.executable, "-c", "from tui.cli import run; run()", *argv]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, **{**pipes, **options})
