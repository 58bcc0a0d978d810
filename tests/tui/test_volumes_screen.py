"""Volumes on the screen: what each costs and how old its copy is, what outlived its instance, and its clean-up."""

import json
import re

import pytest

from tests.forked_accounts import started
from tests.tui import volume_records as told
from tests.tui.driving import noticed, opened, seen, until, until_seen
from tests.tui.house import PaperHouse
from tests.tui.records import HOSTILE
from tools.errors import Denied, Unreachable
from tools.records import Tag
from tui.config import Settings
from tui.opening import open_house
from tui.screens.approval import ApprovalCard
from tui.screens.volumes import MOST_ROWS

pytestmark = [pytest.mark.accepts("DC-03"), pytest.mark.accepts("P-13")]


def row(page: str, words: str) -> list[str]:
    """The first line that begins with these words, in cells."""
    line = next(line.strip() for line in page.splitlines() if line.strip().startswith(words))
    return re.split(r"  +", line)


def whole(pilot) -> str:
    """What is told of the row at the cursor, however its lines were broken."""
    return " ".join(str(pilot.app.screen.query_one("#volume-words").render()).split())


async def test_each_volume_and_snapshot_has_a_line_and_what_nobody_knows_is_called_unknown(monkeypatch):
    copied = []
    async with opened(PaperHouse(), (80, 24)) as pilot:
        monkeypatch.setattr(pilot.app, "copy_to_clipboard", copied.append)
        await pilot.press("2", "e")
        await until_seen(pilot, "3 ORPHANS <=$226.60")
        assert "4 volumes · 3 snapshots · 3 ORPHANS <=$226.60 · monthly cost unknown" in seen(pilot)
        assert "2 more schedules" in seen(pilot)
        lines(seen(pilot))
        await pilot.resize_terminal(120, 40)
        await until_seen(pilot, "asg/web-canary: every 6 h, keep 4: OVERDUE by 3 h")
        lines(seen(pilot), fleet=["asg/ml-train"], of=["gp3"], copy=["snapshot"])
        assert "no snapshot: what it holds is in one zone only" in whole(pilot)
        await pilot.press("down", "down", "down")
        await until(pilot, lambda: "DeleteOnTermination: outlives the instance" in whole(pilot))
        assert f"{told.NEWEST}, 2 h old, completed; application-consistent: frozen from 23:14:20Z" in whole(pilot)
        assert f"{told.NEWEST} 11-17 23:14Z, {told.OLDER} 11-17 17:14Z" in whole(pilot)
        assert "schedule every 6 h, keep 4: due in 4 h" in whole(pilot)
        assert "data=학습 데이터 (theirs)" in whole(pilot)
        await pilot.press("c")
        await until(pilot, lambda: copied)
        assert json.loads(copied[0])["volume"]["volume_id"] == told.TRAIN


def lines(page: str, *, fleet=(), of=(), copy=()) -> None:
    """What each row says; the columns that a narrow terminal has no room for are told apart."""
    assert row(page, told.TRAIN) == [told.TRAIN, *fleet, *of, "500 GiB", "$40.00", "2.0 h", "app", "in-use"]
    assert row(page, told.NEWEST) == [told.NEWEST, *fleet, *copy, "500 GiB", "<=$25.00", "2.0 h", "app", "completed"]
    assert row(page, told.CANARY)[-5:] == ["8 GiB", "unknown", "none", "-", "in-use"]
    assert row(page, told.LOST)[-4:] == ["$200.00", "none", "-", "ORPHAN"]
    assert row(page, told.KEPT)[-1] == "orphan, kept"
    assert row(page, told.STRAY)[-3:] == ["100.0 d", "crash", "ORPHAN"]
    assert page.index(told.LOST) < page.index(told.STRAY) < page.index(told.TRAIN) < page.index(told.NEWEST)
    assert "asg/batch: every 6 h, keep 4: TROUBLE: snap-0bad" in page


async def test_enter_on_an_orphan_draws_up_its_clean_up_and_what_is_used_or_kept_stays():
    house = PaperHouse()
    async with opened(house) as pilot:
        await pilot.press("6")
        await until_seen(pilot, "Enter  draws up a copy of it, and then its deletion")
        house.trouble = Denied("mode observe: nothing is proposed", hint="allow delete-volume in the policy")
        await pilot.press("enter")
        await until(pilot, lambda: "allow delete-volume in the policy" in noticed(pilot))
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: f"{told.KEPT} stays: the tag keep=true is protected" in noticed(pilot))
        await pilot.press("down", "enter")
        await until(pilot, lambda: f"{told.TRAIN} stays: it is in use" in noticed(pilot))
        assert not house.saved
        house.trouble = None
        await pilot.press("up", "up", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ApprovalCard) and pilot.app.screen.armed)
        assert [s.proposal.proposal_id for s in house.saved] == [f"D-{told.STRAY}"]
        await pilot.press("y")
        await until(pilot, lambda: house.answers)
        assert house.answers == [(f"D-{told.STRAY}", "approve", "minji")]


async def test_names_tags_and_words_of_others_stay_text():
    house, report = PaperHouse(), told.volumes()
    volumes = tuple(
        told.kept_volume(
            told.volume(f"vol-0{n:08x}", state="available", tags=(Tag(key="Name", value=text),)),
            None,
            fleet=text,
            protected_by=text,
        )
        for n, text in enumerate(HOSTILE)
    )
    trouble = (told.schedule("batch", trouble=HOSTILE[2]),)
    house.volumes_now = report.with_(volumes=volumes, snapshots=(), schedules=trouble, missing=HOSTILE)
    async with opened(house) as pilot:
        await pilot.press("6")
        await until_seen(pilot, "10 ORPHANS")
        for _ in HOSTILE:
            assert not set(seen(pilot) + whole(pilot)) & set("\x1b\x9b\x07\u202e\u202c\u200b\u200d\u2066\u2069")
            await pilot.press("down")


async def test_without_colour_or_wide_marks_every_state_is_a_word_and_a_tiny_terminal_says_what_it_needs(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    async with opened(PaperHouse(), (60, 20), ascii_only=True) as pilot:
        await pilot.press("6")
        await until_seen(pilot, "3 ORPHANS")
        page = seen(pilot)
        assert page.isascii()
        for words in ("TROUBLE", "ORPHAN", "orphan, kept", "none"):
            assert words in page
        assert row(page, told.LOST) == [told.LOST, "$200.00", "none", "ORPHAN"]
        tabs = page.splitlines()[1]
        assert tabs.split() == ["1", "Chat", "2", "Fleets", "3", "Appr", "4", "Aud", "5", "Jobs", "6", "Vol"]
        await pilot.click("TabBar", offset=(tabs.index("Fleets"), 0))
        await until_seen(pilot, "web-canary")
        await pilot.press("6")
        await pilot.resize_terminal(40, 20)
        await until_seen(pilot, "This terminal is 40x20.")


async def test_thousands_are_counted_and_the_first_shown_and_what_is_not_done_or_broke_says_so():
    house, report = PaperHouse(), told.volumes()
    pending = told.snapshot(state="pending", progress_percent=40, completed_at=None)
    broken = told.snapshot(told.OLDER, state="error", completed_at=None, description="nightly")
    copies = (told.kept_snapshot(told.snapshot(f"snap-0{n:08x}", hours_ago=n + 20)) for n in range(MOST_ROWS))
    several = (told.kept_snapshot(pending), told.kept_snapshot(broken, "unknown"), *copies)
    house.volumes_now = report.with_(snapshots=several)
    async with opened(house) as pilot:
        await pilot.press("6")
        await until_seen(pilot, f"the first {MOST_ROWS} of {MOST_ROWS + 6} are shown")
        page = seen(pilot)
        assert row(page, told.NEWEST)[-1] == "pending 40%"
        assert row(page, told.OLDER)[-2:] == ["unknown", "ERROR"]


async def test_trouble_says_what_to_do_and_without_volumes_it_says_how_to_keep_some():
    house = PaperHouse()
    empty = {"volumes": (), "snapshots": (), "schedules": ()}
    house.volumes_now = house.volumes_now.with_(**empty, orphan_usd_per_month=None)
    house.trouble = Unreachable("no answer", hint="try again")
    async with opened(house, (80, 24)) as pilot:
        await pilot.press("3", "ㄷ")
        await until_seen(pilot, "The volumes could not be read. r tries again.")
        house.trouble = None
        await pilot.press("r")
        await until_seen(pilot, "[[snapshots]]")


async def test_an_orphan_of_the_account_is_copied_and_then_deleted_each_on_a_persons_word(tmp_path):
    with started(stepped=True, seed=7) as account:
        settings = Settings(db=tmp_path / "journal.db", state_dir=tmp_path, actor="minji")
        with open_house(settings, account) as house:
            orphan = max(house.volumes().volumes, key=lambda v: (v.orphan, v.cost.usd_per_month or 0)).volume.volume_id
            async with opened(house, (80, 24)) as pilot:
                await pilot.press("6")
                await until_seen(pilot, orphan)
                while pilot.app.screen.query_one("#volumes").key_at_cursor != orphan:
                    await pilot.press("down")
                await until(pilot, lambda: "draws up a copy of it" in whole(pilot))
                assert row(seen(pilot), orphan)[-1] == "ORPHAN"
                await approved(pilot)
                await until(pilot, lambda: done(account) == ["CreateSnapshot"])
                account.advance(3_600)
                await pilot.press("r")
                await until(pilot, lambda: "draws up its deletion, as it was copied" in whole(pilot))
                await approved(pilot)
                await until(pilot, lambda: done(account) == ["CreateSnapshot", "DeleteVolume"])
                await pilot.press("r")
                await until(pilot, lambda: orphan not in seen(pilot))


async def approved(pilot) -> None:
    """Draw up what Enter draws up, and say yes to the card."""
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, ApprovalCard) and pilot.app.screen.armed)
    assert re.search(r"list Δ [+-]\$0\.\d\d/day for storage", seen(pilot))
    await pilot.press("y")
    await until(pilot, lambda: not isinstance(pilot.app.screen, ApprovalCard))


def done(account) -> list[str]:
    """What changed a volume or a snapshot, by the account's own log."""
    changing = ("CreateSnapshot", "DeleteVolume", "DeleteSnapshot")
    return [e["operation"] for e in account.effects() if e["operation"] in changing]
