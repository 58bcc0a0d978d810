"""The app on the real house: the simulated account, its journal, the offline planner; judged by the account's log."""

import pytest

from tests.forked_accounts import started
from tests.tui.driving import ask, opened, seen, until, until_seen
from tui.config import Settings
from tui.opening import open_house
from tui.screens.approval import ApprovalCard

pytestmark = [pytest.mark.accepts("DC-03"), pytest.mark.accepts("P-28")]


@pytest.fixture
def account():
    with started(scenario="tour", seed=7, speed=20.0) as account:
        yield account


async def test_a_proposal_is_asked_for_approved_done_and_in_the_audit(account, tmp_path):
    settings = Settings(db=tmp_path / "journal.db", state_dir=tmp_path, actor="minji")
    with open_house(settings, account) as house:
        async with opened(house) as pilot:
            assert "DEMO" in seen(pilot)
            await ask(pilot, "set the allocation strategy of ml-train to price-capacity-optimized")
            await until(pilot, lambda: isinstance(pilot.app.screen, ApprovalCard) and pilot.app.screen.armed)
            assert not [e for e in account.effects() if e["service"] == "autoscaling"]
            await pilot.press("y")
            if isinstance(pilot.app.screen, ApprovalCard):  # much of it would be replaced: its name is wanted
                card = pilot.app.screen
                await pilot.press(*"ml-train")
                await until(pilot, lambda: card.armed)
                await pilot.press("y")
            await until_seen(pilot, "DONE")
            done = [e for e in account.effects() if e["service"] == "autoscaling"]
            assert [e["operation"] for e in done] == ["UpdateAutoScalingGroup"]
            await pilot.press("4")
            await until_seen(pilot, "✓ VERIFIED")
            await until_seen(pilot, "approve")
