"""The app: screens by their keys, answers that stream, stops that stop, troubles that are told."""

import re
import unicodedata

import pytest
from textual.widgets import Static

from tests.tui import records
from tests.tui.driving import ask, noticed, opened, seen, until, until_seen
from tests.tui.house import Checked, PaperHouse, SavedPaper, answered, busy_house, open_intent
from tools.errors import Unreachable
from tui.screens.chat import ChatScreen
from tui.screens.fleet import FleetScreen
from tui.screens.fleets import FleetsScreen
from tui.screens.help import HelpCard
from tui.widgets.prompt import Prompt
from tui.widgets.talk import ToolLine

pytestmark = [pytest.mark.accepts("DC-03"), pytest.mark.accepts("P-28")]


async def test_the_number_keys_open_the_four_screens():
    async with opened(busy_house()) as pilot:
        for key, words in (("2", "ml-train"), ("3", "Unanswered ones expire"), ("4", "VERIFIED"), ("1", "Ask")):
            await pilot.press(key)
            await until_seen(pilot, words)


async def test_a_digit_inside_a_question_is_text():
    async with opened(PaperHouse()) as pilot:
        await pilot.press("a", "2", "?")
        assert isinstance(pilot.app.screen, ChatScreen)
        assert pilot.app.screen.query_one(Prompt).value == "a2?"


async def test_an_answer_streams_with_its_tools_and_can_be_expanded():
    async with opened(PaperHouse()) as pilot:
        await ask(pilot, "where is the money?")
        await until_seen(pilot, "The money is in three places")
        await until(pilot, lambda: not pilot.app.screen.running)
        page = "\n".join(str(s.render()) for s in pilot.app.screen.query("ToolLine > Static"))
        assert "✓ list_fleets  0.4 s  5 fleets, 60 instances" in page
        assert "✗ list_fleets ml-train, 168  1.2 s  failed: no prices for c7g.2xlarge" in page
        line = pilot.app.screen.query(ToolLine).first()
        line.focus()
        await pilot.press("enter")
        assert '"desired_capacity": 8' in str(line.query_one(".detail", Static).render())


async def test_a_tool_that_runs_says_so():
    house = PaperHouse()
    house.talk.answers = [[answered("x")[0], answered("x")[-1]]]
    house.talk.go.clear()
    async with opened(house) as pilot:
        await ask(pilot, "go")
        await until_seen(pilot, "list_fleets  running")
        house.talk.go.set()


async def test_escape_cancels_the_running_answer():
    house = PaperHouse()
    house.talk.go.clear()
    async with opened(house) as pilot:
        await ask(pilot, "hello")
        await until(pilot, lambda: pilot.app.screen.running)
        await ask(pilot, "again")
        assert "Still answering" in noticed(pilot)
        await pilot.press("escape")
        await until_seen(pilot, "CANCELLED  stopped by you")
        assert not pilot.app.screen.running
        assert house.talk.heard == [("ask", "hello")]


async def test_history_goes_up_and_suggestions_go_down():
    async with opened(PaperHouse()) as pilot:
        prompt = pilot.app.screen.query_one(Prompt)
        await pilot.press("down")
        assert prompt.value == "Where is the money going?"
        await pilot.press("enter")
        await until(pilot, lambda: not pilot.app.screen.running)
        assert prompt.value == ""
        await pilot.press("up")
        assert prompt.value == "Where is the money going?"


async def test_a_korean_question_arrives_whole():
    house = PaperHouse()
    async with opened(house) as pilot:
        await ask(pilot, "돈이 어디에 쓰여?")
        await until(pilot, lambda: house.talk.heard)
        assert house.talk.heard == [("ask", "돈이 어디에 쓰여?")]


async def test_an_error_of_ours_is_told_with_the_way_out():
    house = PaperHouse()
    house.talk.answers = [Unreachable("api.example:443 does not answer", hint="check the network, or go on offline")]
    async with opened(house) as pilot:
        await ask(pilot, "hello")
        await until_seen(pilot, "api.example:443 does not answer")
        assert "check the network, or go on offline" in seen(pilot)
        await ask(pilot, "again")
        await until_seen(pilot, "The money is in three places")


async def test_an_unexpected_error_is_told_and_the_app_lives():
    house = PaperHouse(trouble=KeyError("InstanceType"))
    async with opened_without_pulse(house) as pilot:
        await until(pilot, lambda: "failed unexpectedly: KeyError" in noticed(pilot))
        assert "spotwarden doctor" in noticed(pilot)
        assert "Traceback" not in noticed(pilot)
        house.trouble = None
        await pilot.press("2", "r")
        await until_seen(pilot, "ml-train")


async def test_fleets_that_cannot_be_read_are_said_and_read_again():
    house = PaperHouse(trouble=Unreachable("no answer from autoscaling.us-east-1", hint="is the network up?"))
    async with opened(house) as pilot:
        await pilot.press("2")
        await until_seen(pilot, "could not be read")
        house.trouble = None
        await pilot.press("r")
        await until_seen(pilot, "web-canary")


async def test_a_fleet_opens_with_its_pools_and_chart():
    calm = busy_house()
    calm.watch_now = records.watch(alerts=())
    async with opened(calm, (80, 24)) as pilot:
        await pilot.press("2")
        await until_seen(pilot, "ml-train")
        await pilot.press("enter")
        await until_seen(pilot, "on-demand")
        assert isinstance(pilot.app.screen, FleetScreen)
        assert "team=비전팀" in seen(pilot)
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, FleetsScreen)


async def test_the_audit_follows_and_shows_an_entry():
    house = busy_house()
    async with opened(house) as pilot:
        await pilot.press("4")
        await until_seen(pilot, "23 entries")
        house.entries = records.audit(25)
        await until_seen(pilot, "25 entries")
        await pilot.press("enter")
        await until_seen(pilot, "prev ")
        assert house.entries[0].hash in seen(pilot) or house.entries[2].hash in seen(pilot)


async def test_a_broken_chain_is_said_in_words():
    house = PaperHouse(checked=Checked(ok=False, entries=23, head="0", first_bad=7, reason="the hash does not match"))
    async with opened(house) as pilot:
        await pilot.press("4")
        await until_seen(pilot, "✗ NOT VERIFIED from #7  the hash does not match")


async def test_what_a_crash_left_open_is_told_on_the_first_screen():
    proposal = records.proposal()
    house = PaperHouse(
        left_open=(open_intent(proposal),), saved=[SavedPaper(proposal=proposal, decision=records.decision())]
    )
    async with opened(house, (80, 24)) as pilot:
        await until_seen(pilot, "UNKNOWN")
        assert "it may have happened" in seen(pilot)
        assert "1 proposal waits" in seen(pilot)
        assert "DEMO" in seen(pilot)


async def test_the_kill_switch_asks_first_and_can_be_lifted():
    house = PaperHouse()
    async with opened(house) as pilot:
        await pilot.press("f8")
        await until_seen(pilot, "STOP ALL CHANGES?")
        await pilot.press("enter")
        assert not house.stopped
        await pilot.press("f8", "y")
        await until_seen(pilot, "HALTED")
        assert house.stopped
        await pilot.press("f8")
        await until_seen(pilot, "LIFT THE STOP?")
        await pilot.press("ㅛ")
        await until(pilot, lambda: not house.stopped)


async def test_help_lists_the_keys_and_control_c_twice_quits():
    async with opened(PaperHouse()) as pilot:
        await pilot.press("?")
        assert isinstance(pilot.app.screen, HelpCard)
        await pilot.press("escape", "ctrl+c")
        assert "Ctrl+C again quits" in noticed(pilot)
        await pilot.press("ctrl+c")
        assert pilot.app.return_value == 130


async def test_the_palette_finds_our_commands():
    async with opened(PaperHouse()) as pilot:
        await pilot.press("ctrl+p")
        await pilot.pause(0.1)
        await pilot.press(*"audit")
        await until_seen(pilot, "What happened, and the proof")
        await pilot.press("enter")
        await until_seen(pilot, "VERIFIED")


async def test_quitting_does_not_wait_for_an_answer():
    house = PaperHouse()
    house.talk.go.clear()
    async with opened(house) as pilot:
        await ask(pilot, "hello")
        await until(pilot, lambda: pilot.app.screen.running)
        await pilot.press("ctrl+q")
        assert house.talk.cancelled.is_set()


async def test_copying_puts_the_row_on_the_clipboard():
    async with opened(PaperHouse()) as pilot:
        await pilot.press("2")
        await until_seen(pilot, "ml-train")
        await pilot.press("c")
        assert '"fleet_id":"api-core"' in pilot.app.clipboard


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (120, 40), (60, 16)])
async def test_every_screen_stands_at_every_size(size):
    async with opened(busy_house(), size) as pilot:
        for key, words in (("2", "web-canary"), ("3", "pending"), ("4", "VERIFIED"), ("1", "Ask")):
            await pilot.press(key)
            await until_seen(pilot, words)
            assert all(len(line) <= size[0] for line in seen(pilot).splitlines())


async def test_the_side_panel_is_there_when_there_is_room():
    async with opened(busy_house(), (120, 40)) as wide:
        assert "ALERTS" in seen(wide)
    async with opened(busy_house(), (80, 24)) as narrow:
        assert "ALERTS" not in seen(narrow)


async def test_forty_columns_get_a_kind_sentence_and_resizing_heals():
    async with opened(busy_house(), (40, 20)) as pilot:
        assert "This terminal is 40x20" in seen(pilot)
        await pilot.resize_terminal(80, 24)
        await until_seen(pilot, "Ask, in English or Korean")
        assert "This terminal is" not in seen(pilot)


async def test_behind_the_sentence_no_key_acts_but_the_stop_and_the_way_out():
    house = busy_house()
    async with opened(house) as pilot:
        await pilot.press("2")
        await until_seen(pilot, "ml-train")
        await pilot.resize_terminal(40, 20)
        await until_seen(pilot, "This terminal is 40x20")
        await pilot.press("enter", "3", "question_mark", *"yes")
        await pilot.pause()
        assert isinstance(pilot.app.screen, FleetsScreen)
        await pilot.press("f8")
        await until_seen(pilot, "STOP ALL CHANGES?")
        await pilot.press("y")
        await until(pilot, lambda: house.stopped and isinstance(pilot.app.screen, FleetsScreen))
        await pilot.resize_terminal(100, 30)
        await until_seen(pilot, "Read again")
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, FleetScreen))


async def test_no_color_draws_only_greys(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    async with opened(busy_house()) as pilot:
        await pilot.press("2")
        await until_seen(pilot, "high")
        picture = pilot.app.export_screenshot()
        colours = {c for c in _hex_colours(picture) if not c[1:3] == c[3:5] == c[5:7]}
        assert colours <= {"#ff5f57", "#febc2e", "#28c840", "#c5c8c6"}, "window buttons and title are the only colours"


async def test_ascii_has_no_glyph_of_ambiguous_width():
    async with opened(busy_house(), (80, 24), ascii_only=True) as pilot:
        await ask(pilot, "where is the money?")
        await until(pilot, lambda: not pilot.app.screen.running)
        await pilot.press("escape")
        pages = [seen(pilot)]
        for key, words in (("2", "web-canary"), ("3", "pending"), ("4", "VERIFIED")):
            await pilot.press(key)
            await until_seen(pilot, words)
            pages.append(seen(pilot))
        await pilot.press("3", "enter")
        await pilot.pause(0.1)
        pages.append(seen(pilot))
        await pilot.press("escape")
        wide = {c for page in pages for c in page if unicodedata.east_asian_width(c) == "A"}
        assert not wide


def _hex_colours(svg: str) -> set[str]:
    return {c.lower() for c in re.findall(r"#[0-9a-fA-F]{6}", svg)}


def opened_without_pulse(house: PaperHouse):
    from tui.app import SpotwardenApp

    return SpotwardenApp(house, poll_seconds=3600).run_test(size=(120, 40))
