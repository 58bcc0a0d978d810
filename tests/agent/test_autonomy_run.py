"""`spotwarden run` as a process: one round, status, the kill switch, signals."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.journal.journal import Journal
from tests.forked_accounts import started

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 90
"""nothing takes as long, on however busy a machine"""


@pytest.fixture(scope="module")
def account():
    with started(stepped=True) as found:
        yield found


@pytest.fixture
def environment(account, tmp_path):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SPOTWARDEN_", "AWS_", "OPENAI_"))}
    return kept | {
        "HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "PYTHONPATH": str(ROOT),
        "SPOTWARDEN_ENDPOINT_URL": account.endpoint_url,
        "SPOTWARDEN_DB": str(tmp_path / "journal.db"),
        "OPENAI_BASE_URL": "http://127.0.0.1:9",  # nobody listens and no model is named: touching it fails
    }


def command(*arguments):
    return [sys.executable, "-c", "from tui.cli import run; run()", "run", *arguments]


@pytest.fixture
def run(environment, tmp_path):
    def ran(*arguments):
        return subprocess.run(
            command(*arguments), capture_output=True, text=True, check=False, env=environment, cwd=tmp_path
        )

    return ran


@pytest.fixture
def watching(environment, tmp_path):
    """A daemon that has told of its first round."""
    child = subprocess.Popen(
        command("--json", "--interval", "300"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=tmp_path,
    )
    try:
        assert "round" in json.loads(next_line(child))
        yield child
    finally:
        child.kill()
        child.communicate()


def next_line(child):
    assert select.select([child.stdout], [], [], SECONDS)[0], "nothing was told in time"
    return child.stdout.readline()


@pytest.mark.accepts("DC-05")
def test_one_round_status_and_the_kill_switch_speak_json(run):
    once = run("--once", "--json")
    assert once.returncode == 0, once.stderr
    told = json.loads(once.stdout)
    assert told["fleets"] == 5
    assert {s["verdict"] for s in told["steps"]} <= {"allow", "ask", "deny"}
    status = json.loads(run("--status", "--json").stdout)
    assert (status["leader"], status["halted"], status["open_intents"]) == (None, False, [])
    assert status["last_round_at"] is not None
    assert set(status["waiting"]) == {s["proposal_id"] for s in told["steps"] if s["verdict"] == "ask"}
    stopped = run("--stop", "--json")
    assert (stopped.returncode, json.loads(stopped.stdout)["halted"]) == (0, True)
    halted = run("--once", "--json")
    assert (halted.returncode, json.loads(halted.stdout)["error"]["kind"]) == (7, "Halted")
    resumed = run("--resume", "--json")
    assert (resumed.returncode, json.loads(resumed.stdout)["halted"]) == (0, False)


@pytest.mark.parametrize("options", [["--stop", "--resume"], ["--interval", "nan"], ["--interval", "0"]])
def test_options_that_make_no_sense_are_usage_errors(run, options):
    assert run(*options).returncode == 64


@pytest.mark.accepts("DC-05", "P-21")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_watch_cleanly_with_the_lease_free(watching, account, tmp_path, number):
    with Journal.open(tmp_path / "journal.db", clock=account.clock) as journal:
        lease = journal.lease("daemon")
        assert lease.holder.endswith(f":{watching.pid}")
        assert lease.expires_at > account.clock.now()
        watching.send_signal(number)
        _, errors = watching.communicate(timeout=SECONDS)
        assert (watching.returncode, "Traceback" in errors) == (0, False), errors
        assert journal.lease("daemon").expires_at <= account.clock.now()


@pytest.mark.accepts("P-21", "DC-05", "U-11")
def test_a_watching_daemon_leads_alone_answers_and_obeys_the_switch(watching, account, run):
    second = run("--once", "--json")
    assert second.returncode == 7
    assert "another daemon leads" in json.loads(second.stdout)["error"]["message"]
    batch = next(f for f in account.state()["fleets"] if f["name"] == "batch")
    victim = next(i["instance_id"] for i in batch["instances"] if i["purchase_option"] == "spot")
    account.interrupt(victim)
    report = json.loads(next_line(watching))["notices"]
    assert [s["outcome"]["status"] for s in report["steps"]] == ["done", "done"]
    assert any(e["operation"] == "DetachInstances" and victim in e["ids"] for e in account.effects())
    run("--stop")
    watching.communicate(timeout=SECONDS)
    assert watching.returncode == 7


@pytest.mark.accepts("P-21", "P-25")
def test_killed_while_its_call_was_under_way_the_next_daemon_finds_out_and_sends_nothing(watching, account, run):
    seen = max(e["seq"] for e in account.effects()) if account.effects() else 0
    train = next(f for f in account.state()["fleets"] if f["name"] == "ml-train")
    victim = next(i["instance_id"] for i in train["instances"] if i["purchase_option"] == "spot")

    def detached():
        return [e for e in account.effects(seen) if e["operation"] == "DetachInstances" and victim in e["ids"]]

    account.fail("DetachInstances", "timeout-after-effect", seconds=SECONDS)
    account.interrupt(victim)
    deadline = time.monotonic() + SECONDS
    while not detached() and time.monotonic() < deadline:
        select.select([], [], [], 0.05)
    watching.kill()
    watching.communicate()
    assert json.loads(run("--status", "--json").stdout)["open_intents"]
    account.advance(121)  # the dead daemon's lease ends
    once = json.loads(run("--once", "--json").stdout)
    assert [o["status"] for o in once["settled"]] == ["done"]
    assert json.loads(run("--status", "--json").stdout)["open_intents"] == []
    assert len(detached()) == 1
