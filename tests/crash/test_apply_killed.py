"""What people see of `apply` after a crash, a drift and a race, judged by the account's own effect log.

Kills at every I/O, and everything else that a crash may meet, are in tests/torture.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest

STRATEGIES = ("price-capacity-optimized", "capacity-optimized")
BEYOND = 1_000_000


def plan(product) -> str:
    """A change that is always a change, and replaces no instance: toggle the allocation strategy."""
    now = product.run("fleets", "ml-train", "--json").json["mix"]["spot_allocation_strategy"]
    ran = product.run("plan", "ml-train", "--strategy", next(s for s in STRATEGIES if s != now), "--json")
    assert ran.exit == 0, ran.stderr
    return ran.json["proposal"]["proposal_id"]


def updates(account, after: int) -> list[dict]:
    return [e for e in account.effects(after) if e["operation"] == "UpdateAutoScalingGroup"]


def last_seq(account) -> int:
    return max((e["seq"] for e in account.effects()), default=0)


@pytest.fixture(scope="module")
def sites(account, product):
    """Every line of the write path, in the order in which a whole `apply` reaches it."""
    ran = product.run("apply", plan(product), "--yes", "--json", kill_at=BEYOND)
    assert ran.exit == 0, ran.stderr
    return ran.sites


@pytest.mark.accepts("P-20", "U-05")
def test_a_fleet_that_somebody_else_changed_is_refused_with_the_drift_and_no_write(account, product, behind_our_back):
    proposal, before = plan(product), last_seq(account)
    assert product.run("approve", proposal, "--no-apply").exit == 0
    behind_our_back("ml-train", 13)
    mine = last_seq(account)
    ran = product.run("apply", proposal, "--json")
    assert ran.exit == 6
    assert "desired_capacity: 12 → 13" in ran.stderr
    assert updates(account, mine) == []
    assert mine > before


@pytest.mark.accepts("U-05")
def test_two_processes_approving_one_proposal_make_one_effect(account, product, second_product):
    proposal, before = plan(product), last_seq(account)
    with ThreadPoolExecutor(2) as both:
        ran = list(both.map(lambda p: p.run("approve", proposal, "--json"), (product, second_product)))
    assert len(updates(account, before)) == 1
    assert min(r.exit for r in ran) == 0
    assert product.run("apply", proposal, "--json").json["outcome"]["status"] == "done"
    assert len(updates(account, before)) == 1


def test_an_open_intent_is_told_first_and_the_same_change_is_not_sent_again(account, product, sites):
    at = next(i for i, s in enumerate(sites) if s.startswith("tools/aws/writer.py") and i > 100)
    proposal, before = plan(product), last_seq(account)
    assert product.run("apply", proposal, "--yes", kill_at=at).exit == -9
    again = product.run("apply", proposal)
    assert again.exit == 1
    assert "left open by an earlier run" in again.stderr
    assert "unknown" in again.stdout
    assert updates(account, before) == []
    assert product.run("run", "--status", "--json").json["open_intents"]
    account.advance(361)
    assert product.run("apply", proposal, "--json").json["outcome"]["status"] == "failed"
