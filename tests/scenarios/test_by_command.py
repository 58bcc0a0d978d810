"""The changes of the tour by command: plan, apply and watch, set back; each with its diff, verdict and verification."""

import json

import pytest

from tests.forked_accounts import started
from tests.scenarios.test_tour import spotwarden

pytestmark = pytest.mark.accepts("P-09", "P-14", "P-17")
SPEED = 300.0
"""simulated seconds per second: the policy's watch of twenty minutes is over in four"""


@pytest.fixture
def by_command(tmp_path):
    """Runs a command on an account that lives on between them; its JSON, and the exit code it must have."""
    with started(scenario="tour", seed=7, speed=SPEED) as account:
        at = {"SPOTWARDEN_ENDPOINT_URL": account.endpoint_url, "SPOTWARDEN_DB": str(tmp_path / "j.db")}

        def run(*arguments: str, exits: int = 0):
            ran = spotwarden(tmp_path, *arguments, "--json", **at)
            assert ran.returncode == exits, ran.stderr
            return json.loads(ran.stdout)

        def text(*arguments: str) -> str:
            return spotwarden(tmp_path, *arguments, **at).stdout

        run.effects, run.text = account.effects, text
        yield run


def carried_out(run, planned) -> dict:
    applied = run("apply", planned["proposal"]["proposal_id"], "--yes")
    assert applied["outcome"]["status"] == "done"
    assert applied["verification"]["status"] == "passed", applied["verification"]
    return applied


def test_ml_train_is_diversified_lowered_by_a_step_and_rolled_back(by_command):
    types = "g5.xlarge,g4dn.xlarge,g6.xlarge,g5.2xlarge,g4dn.2xlarge"
    wider = by_command("plan", "ml-train", "--strategy", "price-capacity-optimized", "--types", types)
    assert [c["sign"] for c in wider["proposal"]["preview"]["changes"]] == ["~", "+", "+", "+"]
    assert wider["decision"]["verdict"] == "ask"
    carried_out(by_command, wider)
    lower = by_command("plan", "ml-train", "--on-demand-base", "1", "--step", "10%")
    assert diff(lower) == [("on_demand_base_capacity", "2", "1")]
    carried_out(by_command, lower)
    back = by_command("apply", "--rollback", lower["proposal"]["proposal_id"], "--yes")
    assert back["outcome"]["status"] == "done"
    assert back["outcome"]["after"] == {"on_demand_base_capacity": 2}
    assert back["verification"]["status"] == "passed"
    told = by_command.text("fleets", "ml-train")
    assert f"set-purchase-mix: done, set back by {back['proposal_id']}" in told
    assert "set-allocation-strategy, set-instance-types: done, passed" in told
    done = [e["operation"] for e in by_command.effects() if e["service"] == "autoscaling"]
    assert done == ["UpdateAutoScalingGroup"] * 3


def diff(planned) -> list[tuple[str, str, str]]:
    return [(c["field"], c["before"], c["after"]) for c in planned["proposal"]["preview"]["changes"]]
