"""What `market risk --instances` recommends goes the one way to write as it stands: each action is judged, none fails."""

import itertools

import pytest

from tests.forked_accounts import started
from tools.records import ACTION, ChangeFleet, ReplaceInstances, RequestCheckpoint
from tools.risk.instances import assess_instances
from tui.config import Settings
from tui.opening import open_house

POLICY = """
version: 1
accounts: [{id: "123456789012", regions: [us-east-1], write_role: current}]
policies:
  - name: ask
    resource: any
    mode: {type: approve}
    actions: [set-allocation-strategy, set-purchase-mix, replace-instances, request-checkpoint]
"""

MOST = 18
"""fewer than may wait for an answer at once"""


@pytest.fixture(scope="module")
def account():
    with started(stepped=True, seed=7) as running:
        yield running


def pressed(house, account):
    """Every fleet with an instance that EC2 takes and one that it recommends to rebalance."""
    for fleet in house.account.reader.fleets():
        if len(fleet.spot) > 1:
            account.interrupt(fleet.spot[0].instance_id)
            account.rebalance(fleet.spot[1].instance_id)
            found = house.ask(assess_instances, fleet=fleet.ref.fleet_id)
            for one in found.instances:
                yield from ((fleet, one, r.action) for r in one.recommended if r.action is not None)


def judged(house, account):
    for _, _, action in pressed(house, account):
        same = ACTION.validate_json(action.model_dump_json())
        yield house.actuation.propose(same, by="kim", actor="person", rationale="risk")


@pytest.mark.accepts("MO-05")
@pytest.mark.parametrize(("mode", "verdict"), [("observe", "deny"), ("approve", "ask")])
def test_every_recommended_action_is_judged_and_none_is_impossible(account, tmp_path, mode, verdict) -> None:
    law = tmp_path / "law.yaml"
    law.write_text(POLICY.replace("approve", mode))
    settings = Settings(db=tmp_path / "journal.db", state_dir=tmp_path, actor="kim", policy=law)
    with open_house(settings, account) as house:
        saved = list(itertools.islice(judged(house, account), MOST))
    assert {type(s.proposal.action) for s in saved} == {RequestCheckpoint, ReplaceInstances, ChangeFleet}
    assert {s.decision.verdict for s in saved} == {verdict}
    assert all(s.proposal.preview.changes for s in saved)
