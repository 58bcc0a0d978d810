"""One fleet three ways, what is wrong with it, and the fleets' alerts: what a person sees of the records."""

import re
import threading

import pytest

from tests.tui import records
from tests.tui.driving import noticed, opened, seen, until, until_seen
from tests.tui.house import PaperHouse, SpotError, busy_house

pytestmark = pytest.mark.accepts("MO-01")


async def open_fleet(pilot) -> None:
    await pilot.press("2")
    await until_seen(pilot, "web-canary")
    await pilot.press("down", "down", "enter")
    await until_seen(pilot, "USD per hour")


async def test_interruptions_of_the_pool_at_the_cursor_are_marked_over_its_prices():
    async with opened(busy_house()) as pilot:
        await open_fleet(pilot)
        await until_seen(pilot, "▼ 2 interruptions, ◇ 1 rebalance")
        marks = next(line for line in seen(pilot).splitlines() if "EC2" in line and "▼" in line)
        assert (marks.count("▼"), marks.count("◇")) == (2, 1)
        await pilot.press("down")
        await until_seen(pilot, "▼ 1 interruption ")


@pytest.mark.accepts("P-02", "U-08")
@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda s: f"{s[0]}x{s[1]}")
async def test_the_risk_of_each_pool_has_its_interval_its_signs_and_their_dates(size):
    async with opened(busy_house(), size) as pilot:
        await open_fleet(pilot)
        await pilot.press("f")
        await until_seen(pilot, "14 % (<0.1 % to 57 %)")
        page = seen(pilot)
        assert "├" in page
        assert "●" in page
        assert "65 % (1.0 % to >99.9 %)" in page
        if size == (120, 40):
            assert "Advisor 10-15%" in page
            assert "placement 4/10" in page
            assert "2026-11-17" in page
            assert "not known: own interruption records of this pool" in page


@pytest.mark.accepts("U-08")
async def test_a_pool_of_unknown_risk_says_so_in_words_and_draws_no_bar():
    async with opened(busy_house()) as pilot:
        await open_fleet(pilot)
        await pilot.press("f")
        await until_seen(pilot, "65 % (")
        await pilot.press("down", "down")
        await until_seen(pilot, "unknown: the Advisor knows no band")
        page = seen(pilot)
        assert page.count("unknown: the Advisor knows no band") == 1
        assert len(re.findall(r" (1 h|6 h|24 h|2 days)  unknown$", page, re.MULTILINE)) == 4
        assert "├" not in page
        assert "Advisor unknown" in page
        assert "placement score unknown" in page


async def test_the_choice_lists_the_pools_with_advice_and_why():
    async with opened(busy_house()) as pilot:
        await open_fleet(pilot)
        await pilot.press("w")
        await until_seen(pilot, "a useful hour on spot costs less")
        page = seen(pilot)
        for words in ("USEFUL H", "0 TO 100 %", "avoid", "assumed: a restart takes 10 min", "commitments: none"):
            assert words in page


@pytest.mark.parametrize(("key", "words"), [("ㄹ", "14 % (<0.1 %"), ("ㅈ", "a useful hour"), ("ㅔ", "USD per hour")])
async def test_the_views_open_while_a_korean_keyboard_writes_hangul(key, words):
    async with opened(busy_house()) as pilot:
        await open_fleet(pilot)
        await pilot.press("f")
        await until_seen(pilot, "[f Risk]")
        await pilot.press(key)
        await until_seen(pilot, words)


async def test_every_view_fits_a_narrow_ascii_terminal_without_other_glyphs():
    async with opened(busy_house(), (80, 24), ascii_only=True) as pilot:
        await open_fleet(pilot)
        await until_seen(pilot, "v 2 interruptions, r 1 rebalance")
        for key, words in (("p", "USD per hour"), ("f", "14 % (<0.1 %"), ("w", "57 % (1.0 %")):
            await pilot.press(key)
            await until_seen(pilot, words)
            page = seen(pilot).replace("비전팀", "")
            assert page.isascii(), {c for c in page if not c.isascii()}
            assert max(map(len, page.splitlines())) <= 80


async def test_a_view_that_takes_long_shows_the_pools_and_says_that_it_reads():
    class Slow(PaperHouse):
        go = threading.Event()

        def forecast(self, fleet):
            self.go.wait(10)
            return super().forecast(fleet)

    house = Slow()
    async with opened(house) as pilot:
        await open_fleet(pilot)
        await pilot.press("f")
        await until_seen(pilot, "forecast: reading ...")
        assert "g4dn.xlarge/use1-az2" in seen(pilot)
        house.go.set()
        await until_seen(pilot, "14 % (<0.1 %")


async def test_a_view_that_cannot_be_read_says_so_and_reads_again():
    house = busy_house()
    async with opened(house) as pilot:
        await open_fleet(pilot)
        house.trouble = SpotError("EC2 did not answer", hint="wait a little")
        await pilot.press("f")
        await until_seen(pilot, "not read. r tries again")
        assert "EC2 did not answer" in noticed(pilot)
        house.trouble = None
        await pilot.press("r")
        await until_seen(pilot, "14 % (<0.1 %")


async def test_copying_gives_what_the_view_shows():
    async with opened(busy_house()) as pilot:
        await open_fleet(pilot)
        await pilot.press("f")
        await until_seen(pilot, "14 % (<0.1 %")
        await pilot.press("c")
        assert '"horizon_minutes":60.0' in pilot.app.clipboard


@pytest.mark.accepts("MO-03")
async def test_open_alerts_stand_beside_their_fleet_on_every_screen():
    async with opened(busy_house()) as pilot:
        await until_seen(pilot, "! ml-train: one pool")  # the chat's panel
        await pilot.press("2")
        await until_seen(pilot, "! one pool")
        rows = seen(pilot).splitlines()
        assert ["! one pool" in row for row in rows if row.startswith((" batch", " ml-train"))] == [False, True]
        await pilot.press("down", "down", "enter")
        await until_seen(pilot, "g5.xlarge/use1-az1: one event can take them all")


async def test_alerts_of_a_fleets_pools_count_for_it_and_those_that_are_over_do_not():
    price = records.alert("price", "g5.xlarge/use1-az1", severity="critical")
    over = records.alert("capacity", "asg/batch").with_(cleared_at=records.NOW)
    house = busy_house()
    house.watch_now = records.watch((records.alert(), price, over))
    async with opened(house) as pilot:
        await pilot.press("2")
        await until_seen(pilot, "! 2 alerts")
        assert "! capacity" not in seen(pilot)


async def test_before_anybody_looked_no_fleet_is_called_calm():
    class Unwatched(PaperHouse):
        def watch(self):
            raise SpotError("the archive cannot be read", hint="delete it")

    async with opened(Unwatched()) as pilot:
        await pilot.press("2")
        await until_seen(pilot, "ALERTS")
        row = next(line for line in seen(pilot).splitlines() if line.startswith(" batch"))
        assert row.split()[-2:] == ["..", "-"]


async def test_an_alert_that_opens_while_somebody_sits_here_is_told():
    house = busy_house()
    house.watch_now = records.watch(())
    async with opened(house) as pilot:
        await until(pilot, lambda: pilot.app.pulse.watch is not None)
        assert "8 of 10" not in noticed(pilot)
        house.watch_now = records.watch()
        pilot.app.look_at_alerts()
        await until(pilot, lambda: "8 of 10" in noticed(pilot))
