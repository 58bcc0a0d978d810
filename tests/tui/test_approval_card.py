"""The approval card: y approves what is shown, everything else does not, and nothing typed ahead counts."""

from datetime import timedelta

import pytest

from tests.tui import records
from tests.tui.driving import ask, noticed, opened, seen, until, until_seen
from tests.tui.house import PaperHouse, SavedPaper, asking, busy_house
from tools.errors import StalePlan
from tui.screens.approval import ApprovalCard

pytestmark = [pytest.mark.accepts("P-19"), pytest.mark.accepts("P-28")]

NEVER = 3600.0
"""seconds of quiet, where a test says itself when it is over"""


async def card_up(pilot, *, quiet: bool = True) -> ApprovalCard:
    await pilot.press("3")
    await until_seen(pilot, "pending")
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, ApprovalCard))
    card = pilot.app.screen
    if quiet:
        await until(pilot, lambda: card.armed)
    return card


def house_with(proposal, verdict: str = "ask", status: str = "pending") -> PaperHouse:
    return PaperHouse(saved=[SavedPaper(proposal=proposal, decision=records.decision(verdict), status=status)])


async def test_the_card_shows_what_must_be_weighed():
    async with opened(busy_house(), (120, 45)) as pilot:
        card = await card_up(pilot)
        page = seen(pilot)
        for words in (
            "asg/ml-train  set-purchase-mix, set-allocation-strategy, set-instance-types",
            "expires in 30:00",
            "~   spot_allocation_strategy  lowest-price → price-capacity-optimized",
            "+   instance_types",
            "-/+ AWS will replace 2 of 12 instances",
            "i-0a000000000000000, i-0a000000000000001",
            "contracted     $6.42 →     $6.29 /h   Δ -$3.10/day",
            "high → ▄ medium",
            "! ask   ml-approve/mode: mode approve: a person must say yes",
            "changing a purchase mix replaces running instances",
            "by agent:offline planner",
            "the proposer's words, not checked",
            f"proposal {card.proposal.digest[:12]} state {card.proposal.preview.state_fingerprint[:12]}",
        ):
            assert words in page, words


@pytest.mark.parametrize("key", ["y", "ㅛ"])
async def test_y_approves_once(key):
    house = busy_house()
    async with opened(house) as pilot:
        await card_up(pilot)
        await pilot.press(key)
        await until(pilot, lambda: house.answers)
        assert house.answers == [("P-7K2", "approve", "minji")]


@pytest.mark.parametrize("key", ["n", "ㅜ", "enter"])
async def test_n_and_enter_deny_and_say_so(key):
    house = busy_house()
    async with opened(house) as pilot:
        await card_up(pilot)
        await pilot.press(key)
        await until(pilot, lambda: house.answers)
        assert house.answers == [("P-7K2", "deny", "minji")]
        assert "Denied" in noticed(pilot)


async def test_enter_denies_wherever_the_focus_is():
    house = busy_house()
    async with opened(house) as pilot:
        await card_up(pilot)
        await pilot.press("tab", "enter")
        await pilot.pause()
        assert ("P-7K2", "approve", "minji") not in house.answers


async def test_escape_leaves_it_pending():
    house = busy_house()
    async with opened(house) as pilot:
        await card_up(pilot)
        await pilot.press("escape")
        await pilot.pause()
        assert not house.answers
        assert "Left pending" in noticed(pilot)


@pytest.mark.parametrize("typed", ["y", "n", "yes", "approve y"])
async def test_keys_typed_ahead_answer_nothing(typed):
    house = busy_house()
    async with opened(house, quiet=NEVER) as pilot:
        card = await card_up(pilot, quiet=False)
        await pilot.press(*typed, "enter", "escape")
        assert not card.armed
        assert pilot.app.screen is card
        assert not house.answers
        card._arm()
        await pilot.press("n")
        await until(pilot, lambda: house.answers)
        assert house.answers == [("P-7K2", "deny", "minji")]


async def test_typing_on_keeps_the_card_deaf():
    async with opened(busy_house(), quiet=NEVER) as pilot:
        card = await card_up(pilot, quiet=False)
        for _ in range(4):
            waiting = card._timer
            await pilot.press("y")
            assert pilot.app.screen is card
            assert card._timer is not waiting, "the quiet time begins anew"


async def test_d_shows_every_instance_and_w_every_clause():
    house = house_with(records.proposal(replaced=9))
    async with opened(house, (120, 50)) as pilot:
        await card_up(pilot)
        assert "and 6 more" in seen(pilot)
        await pilot.press("ㅇ")
        await until_seen(pilot, "i-0a000000000000008")
        await pilot.press("ㅈ")
        await until_seen(pilot, "autoscaling:UpdateAutoScalingGroup")
        assert "protect/tags: no protected tag" in seen(pilot)


async def test_replacing_much_of_a_fleet_wants_its_name():
    house = house_with(records.proposal(replaced=5))
    async with opened(house, quiet=NEVER) as pilot:
        card = await card_up(pilot, quiet=False)
        card._arm()
        await pilot.press("y", *"ml-trai", "enter")
        await until_seen(pilot, "not the fleet's name")
        assert pilot.app.screen is card
        await pilot.press("n", "y", "y")
        assert not house.answers, "keys in one breath with the name approve nothing"
        card._arm()
        await pilot.press("y")
        await until(pilot, lambda: house.answers)
        assert house.answers == [("P-7K2", "approve", "minji")]


async def test_an_expired_proposal_cannot_be_approved():
    house = busy_house()
    async with opened(house) as pilot:
        card = await card_up(pilot)
        house.clock.forward(timedelta(minutes=31).total_seconds())
        await pilot.press("y")
        assert pilot.app.screen is card
        await until_seen(pilot, "EXPIRED")
        assert not house.answers


@pytest.mark.parametrize(("verdict", "status"), [("deny", "denied"), ("ask", "done"), ("deny", "pending")])
async def test_what_is_denied_or_over_cannot_be_approved(verdict, status):
    house = house_with(records.proposal(), verdict, status)
    async with opened(house) as pilot:
        await pilot.press("3")
        await until_seen(pilot, status)
        await pilot.press("enter")
        await until(pilot, lambda: getattr(pilot.app.screen, "armed", False))
        await pilot.press("y")
        await pilot.pause()
        assert isinstance(pilot.app.screen, ApprovalCard)
        assert not house.answers


async def test_nobody_approves_on_a_screen_too_small_to_read():
    house = busy_house()
    async with opened(house) as pilot:
        await card_up(pilot)
        await pilot.resize_terminal(40, 20)
        await pilot.press("y")
        await pilot.pause()
        assert not house.answers


@pytest.mark.parametrize("size", [(80, 24), (60, 16)])
async def test_the_answers_are_in_sight_on_a_small_terminal(size):
    async with opened(house_with(records.proposal(replaced=5)), size) as pilot:
        await card_up(pilot)
        page = seen(pilot)
        assert "n  Deny" in page
        assert "y  Approve" in page
        await pilot.press("y")
        await until_seen(pilot, "type the fleet's name")
        assert "n  Deny" in seen(pilot)


async def test_the_chat_asks_and_goes_on_with_the_answer():
    house = PaperHouse()
    house.talk.answers = [asking(records.proposal(), records.decision())]
    async with opened(house) as pilot:
        await ask(pilot, "make ml-train safe")
        await until(pilot, lambda: getattr(pilot.app.screen, "armed", False))
        await pilot.press("y")
        await until_seen(pilot, "DONE      the fleet is as you approved it, read back")
        assert house.talk.heard[-1] == ("answer", "P-7K2", "approve", "minji")
        assert not house.answers, "the session was answered, not the house behind its back"


async def test_a_plan_that_went_stale_is_told():
    class Moved(PaperHouse):
        def answer(self, proposal_id, answer, *, by, reason=""):
            raise StalePlan("ml-train changed since it was shown", hint="ask again for a fresh plan")

    house = Moved(saved=busy_house().saved)
    async with opened(house) as pilot:
        await card_up(pilot)
        await pilot.press("y")
        await until(pilot, lambda: "ml-train changed since it was shown" in noticed(pilot))
        assert "ask again for a fresh plan" in noticed(pilot)
