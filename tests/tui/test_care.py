"""What becomes of a change is told while it runs, a change is set back by a key, and what failed is in sight."""

import pytest

from tests.forked_accounts import started
from tests.tui import care_records, records
from tests.tui.care_records import watched
from tests.tui.driving import ask, noticed, opened, seen, until, until_seen
from tests.tui.house import PaperHouse, asking
from tests.tui.records import HOSTILE
from tests.tui.test_hostile_text import clean
from tools.errors import UsageError
from tools.records import ItemOutcome
from tui.config import Settings
from tui.opening import open_house
from tui.screens.approval import ApprovalCard
from tui.widgets.talk import OutcomeLine

pytestmark = [pytest.mark.accepts("P-14"), pytest.mark.accepts("DC-03")]
ENDS = (
    ("passed", {}, "VERIFIED"),
    ("rolled-back", {"rollback_id": "U-1", "told": "capacity: 9 of 12; set back by U-1"}, "SET BACK"),
    ("escalated", {"told": "capacity: 9 of 12; it cannot be set back"}, "ESCALATED"),
)


async def changed(pilot, house: PaperHouse) -> None:
    """A change was approved in the chat and carried out."""
    house.talk.answers = [asking(records.proposal(), records.decision())]
    house.watched_now = (watched(verdict=care_records.verdict("settling", "capacity: 11 of 12 in service")),)
    await ask(pilot, "make ml-train safe")
    await until(pilot, lambda: getattr(pilot.app.screen, "armed", False))
    await pilot.press("y")
    await until_seen(pilot, "DONE ")


@pytest.mark.parametrize(("status", "more", "word"), ENDS)
async def test_the_chat_follows_a_change_until_it_is_known_what_it_did(status, more, word):
    house = PaperHouse()
    async with opened(house) as pilot:
        await changed(pilot, house)
        await until_seen(pilot, "SETTLING  3 of 20 min: capacity: 11 of 12 in service")
        assert "VERIFYING" in seen(pilot)
        await pilot.press(*"why")
        assert "why" in seen(pilot), "the prompt takes keys meanwhile"
        house.watched_now = (watched(status, **more),)
        pilot.app.look()
        await until_seen(pilot, f"{word:<9} capacity:")
        assert f"{word}: ml-train" in noticed(pilot)


async def test_what_failed_and_stays_is_told_everywhere_until_a_person_acts():
    house = PaperHouse(watched_now=(watched("escalated", told="capacity: 9 of 12; it cannot be set back"),))
    async with opened(house) as pilot:
        await until_seen(pilot, "ESCALATED ml-train: P-7K2 failed its verification: capacity: 9 of 12")
        assert "! not set back: ml-train" in seen(pilot)
        await pilot.press("2")
        await until_seen(pilot, "! ml-train: P-7K2 failed and is not set back: capacity: 9 of 12")
        assert "! failed" in seen(pilot)
        await pilot.press("down", "down", "enter")
        await until_seen(pilot, "tags (theirs)")
        assert "! ml-train: P-7K2 failed and is not set back" in seen(pilot)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_fleet_tells_its_changes_and_what_came_of_them(size):
    async with opened(PaperHouse(), size) as pilot:
        await fleet_open(pilot)
        await pilot.press("h")
        await until_seen(pilot, "on_demand_base_capacity")
        page = seen(pilot)
        for words in ("3 of 20 min", "verified", "set back", "not watched", "2 → 1", "WATCHING  3 of 20 min: capacity"):
            assert words in page, words


async def fleet_open(pilot) -> None:
    await pilot.press("2")
    await until_seen(pilot, "batch")
    await pilot.press("down", "down", "enter")
    await until_seen(pilot, "USD per")


@pytest.mark.parametrize(("keys", "undone"), [(("u",), "P-7K2"), (("ㅕ",), "P-7K2"), (("h", "down", "u"), "P-7J1")])
async def test_u_draws_up_what_sets_a_change_back_and_the_card_asks(keys, undone):
    house = PaperHouse()
    async with opened(house) as pilot:
        await fleet_open(pilot)
        await pilot.press(*keys)
        await until(pilot, lambda: getattr(pilot.app.screen, "armed", False))
        assert f"undoes {undone}" in seen(pilot)
        assert not house.answers
        await pilot.press("y")
        await until(pilot, lambda: house.answers)
        assert house.answers == [(f"U-{undone}", "approve", "minji")]


async def test_what_is_set_back_already_or_has_no_way_back_says_so():
    house = PaperHouse()
    async with opened(house) as pilot:
        await fleet_open(pilot)
        await pilot.press("h", "down", "down", "u")
        await until(pilot, lambda: "P-7H4 is set back already." in noticed(pilot))
        house.trouble = UsageError("P-7A0 has no way back", hint="plan the values that you want")
        await pilot.press("down", "u")
        await until(pilot, lambda: "P-7A0 has no way back" in noticed(pilot))
        assert not house.saved


async def test_a_fleet_that_nobody_changed_has_nothing_to_set_back():
    house = PaperHouse(changes_now=(), held_now="its pools are dry: looked at again at 02:10Z")
    async with opened(house, (120, 40)) as pilot:
        await fleet_open(pilot)
        assert "rules wait     its pools are dry" in seen(pilot)
        await pilot.press("u")
        await until(pilot, lambda: "No change of it is known" in noticed(pilot))


def test_an_outcome_in_part_names_what_did_not_happen():
    items = (
        ItemOutcome(item="i-0a1", ok=True),
        ItemOutcome(
            item="arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/0123", ok=False, code="X"
        ),
    )
    told = OutcomeLine(house_outcome().with_(status="partial", items=items))
    words = str(told.render())
    assert words.startswith("PARTIAL")
    assert "targetgroup/web/0123: did not happen: X" in words
    assert "i-0a1" not in words


def house_outcome():
    from tests.tui.house import outcome

    return outcome("done", "1 of 2 deregistered")


async def test_hostile_words_in_changes_and_watches_are_shown_and_obeyed_by_nobody():
    watch = watched("escalated", fleet=f"asg/{HOSTILE[0]}", told="; ".join(HOSTILE))
    changes = tuple(
        one.__class__(
            one.change.with_(before={HOSTILE[6]: text}, after={HOSTILE[6]: [text, HOSTILE[3]]}), text, watch, None
        )
        for one, text in zip(care_records.changes(), HOSTILE, strict=False)
    )
    house = PaperHouse(watched_now=(watch,), changes_now=changes, held_now=HOSTILE[0] + HOSTILE[2])
    async with opened(house, notices=True) as pilot:
        await until_seen(pilot, "ESCALATED")
        clean(pilot)
        await fleet_open(pilot)
        for _ in changes:
            await pilot.press("h", "down")
            await pilot.pause()
            clean(pilot)


async def test_a_change_is_verified_and_set_back_in_the_terminal_on_the_real_house(tmp_path):
    settings = Settings(db=tmp_path / "journal.db", state_dir=tmp_path, actor="minji")
    with (
        started(scenario="tour", seed=7, stepped=True) as account,
        open_house(settings, account) as house,
    ):
        async with opened(house) as pilot:
            await ask(pilot, "lower the on-demand base of ml-train by a step")
            await approved(pilot)
            await until_seen(pilot, "DONE  ")
            account.advance(300)
            await looked(pilot, "WATCHING  5 of 20 min")
            account.advance(900)
            await looked(pilot, "VERIFIED  capacity: 12 of 12 in service")
            await pilot.press("2")
            await until_seen(pilot, "web-canary")
            await pilot.press("down", "down", "enter")
            await until_seen(pilot, "USD per")
            await pilot.press("h")
            await until_seen(pilot, "2 → 1")
            await pilot.press("u")
            await approved(pilot)
            await until_seen(pilot, "set back by p-")
            mix = house.fleet("ml-train").mix
            assert mix is not None
            assert mix.on_demand_base_capacity == 2
            done = [e["operation"] for e in account.effects() if e["service"] == "autoscaling"]
            assert done == ["UpdateAutoScalingGroup"] * 2


async def approved(pilot) -> None:
    """The person reads the card and says yes."""
    await until(pilot, lambda: isinstance(pilot.app.screen, ApprovalCard) and pilot.app.screen.armed)
    await pilot.press("y")
    await until(pilot, lambda: not isinstance(pilot.app.screen, ApprovalCard))


async def looked(pilot, words: str) -> None:
    """Poll as the app does, until something is seen."""

    def seen_now() -> bool:
        pilot.app.look()
        return words in seen(pilot)

    await until(pilot, seen_now)
