"""The changes of the tour by command: plan, apply and watch, set back; each with its diff, verdict and verification."""

from pathlib import Path
from types import SimpleNamespace

import pytest

import policies

pytestmark = pytest.mark.accepts("P-09", "P-14", "P-17")


@pytest.fixture
def by_command(run, home, account, monkeypatch):
    """Runs a command under the tour's policy; its JSON, and the exit code it must have. While it waits, time passes."""
    tour = Path(policies.__file__).parent / "presets" / "tour.yaml"
    (home / "policy.yaml").write_text(tour.read_text())
    monkeypatch.setattr("tui.commands.apply.time", SimpleNamespace(sleep=lambda _seconds: account.advance(100)))

    def json_of(*arguments: str):
        told = run(*arguments, "--json")
        assert told.exit == 0, told.err
        return told.json

    return json_of


def carried_out(by_command, planned) -> dict:
    applied = by_command("apply", planned["proposal"]["proposal_id"], "--yes")
    assert applied["outcome"]["status"] == "done"
    assert applied["verification"]["status"] == "passed", applied["verification"]
    return applied


def test_ml_train_is_diversified_lowered_by_a_step_and_rolled_back(by_command, run, account):
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
    told = run("fleets", "ml-train").out
    assert f"set-purchase-mix: done, set back by {back['proposal_id']}" in told
    assert "set-allocation-strategy, set-instance-types: done, passed" in told
    done = [e["operation"] for e in account.effects() if e["service"] == "autoscaling"]
    assert done == ["UpdateAutoScalingGroup"] * 3


def diff(planned) -> list[tuple[str, str, str]]:
    return [(c["field"], c["before"], c["after"]) for c in planned["proposal"]["preview"]["changes"]]
