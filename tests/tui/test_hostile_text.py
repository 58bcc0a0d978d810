"""Hostile tags, names and prose: shown as they are, obeyed by nobody."""

import html
import re
import unicodedata

import pytest
from textual.widgets import Markdown

from agent.events import Finished, Proposed, Said, ToolRan, ToolStarted
from policies.records import ClauseSaid
from tests.tui import records
from tests.tui.driving import ask, opened, seen, until, until_seen
from tests.tui.house import Checked, PaperHouse, SavedPaper, outcome
from tests.tui.records import HOSTILE
from tools.errors import Rejected
from tui.app import SpotwardenApp
from tui.messages import Trouble
from tui.screens.approval import ApprovalCard
from tui.widgets.talk import NoticeLine, OutcomeLine, ToolLine

pytestmark = pytest.mark.accepts("U-12")


def hostile_house() -> PaperHouse:
    proposal = records.proposal("P-0", name="f" + "".join(HOSTILE)[:200], rationale="\n".join(HOSTILE))
    said = tuple(ClauseSaid(clause=text, verdict="ask", reason=text) for text in HOSTILE)
    decision = records.decision().with_(said=said, policy=HOSTILE[0])
    saved = [SavedPaper(proposal=proposal, decision=decision)]
    return PaperHouse(
        title=" · ".join(HOSTILE),
        saved=saved,
        fleets_now=records.hostile_inventory(),
        fleet_now=records.fleet("x" + HOSTILE[0], tags=tuple((t, t) for t in HOSTILE)),
        prices_now=records.prices("ml-train", names=HOSTILE[:3]),
        forecast_now=hostile_forecast(),
        choice_now=hostile_choice(),
        watch_now=records.watch(tuple(records.alert(subject=t).with_(message=t, alert_id=f"a{t}") for t in HOSTILE)),
        entries=records.audit(30, HOSTILE),
        checked=Checked(ok=False, entries=30, head=HOSTILE[2], first_bad=1, reason=HOSTILE[0]),
    )


def hostile_forecast():
    found = records.forecast()
    pools = tuple(
        one.with_(
            pool=one.pool.with_(instance_type=text),
            within=tuple(i.with_(source=text, abstains=text if i.probability is None else None) for i in one.within),
            missing=HOSTILE,
        )
        for one, text in zip(found.pools, HOSTILE, strict=False)
    )
    return found.with_(pools=pools, source=HOSTILE[0])


def hostile_choice():
    found = records.choice()
    pools = tuple(
        one.with_(pool=one.pool.with_(instance_type=text), reasons=HOSTILE, missing=HOSTILE)
        for one, text in zip(found.opportunities, HOSTILE, strict=False)
    )
    return found.with_(opportunities=pools, commitments=HOSTILE[0], assumptions=HOSTILE, source=HOSTILE[2])


def clean(pilot) -> None:
    """Nothing obeyable is on the screen or in its picture, and nothing on it acts."""
    picture = html.unescape(re.sub(r"<[^>]*>", "", pilot.app.export_screenshot()))
    for page in (seen(pilot), picture):
        obeyed = {c for c in page if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn"} and c != "\n"}
        assert not obeyed
    for strip in pilot.app.screen._compositor.render_strips():
        for segment in strip:
            meta = segment.style.meta if segment.style is not None else {}
            assert "@click" not in meta, segment.text
            assert segment.style is None or segment.style.link is None


async def test_tables_titles_and_panels_show_hostile_text_and_obey_none():
    async with opened(hostile_house()) as pilot:
        clean(pilot)
        for key, words in (("2", "[@click=app"), ("3", "pending"), ("4", "NOT VERIFIED")):
            await pilot.press(key)
            await until_seen(pilot, words)
            clean(pilot)
        await pilot.press("enter")
        await until_seen(pilot, "prev ")
        clean(pilot)


async def test_a_fleet_with_hostile_tags_opens():
    async with opened(hostile_house()) as pilot:
        await pilot.press("2")
        await until_seen(pilot, "[@click=app")
        await pilot.press("enter")
        await until_seen(pilot, "tags (theirs)")
        await until_seen(pilot, "on-demand")
        clean(pilot)
        for key, words in (("f", "chance that an instance"), ("w", "assumed:")):
            await pilot.press(key)
            await until_seen(pilot, words)
            clean(pilot)


async def test_a_card_with_hostile_words_shows_them_whole_and_harmless():
    house = hostile_house()
    async with opened(house, (120, 60)) as pilot:
        await pilot.press("3")
        await until_seen(pilot, "pending")
        await pilot.press("enter")
        await until(pilot, lambda: getattr(pilot.app.screen, "armed", False))
        await pilot.press("w", "d")
        await pilot.pause()
        assert isinstance(pilot.app.screen, ApprovalCard)
        assert "[@click=app.approve('A-1')]x[/]: [@click=app.approve('A-1')]x[/]" in seen(pilot)
        assert r"\u{202e}evil" in seen(pilot)
        clean(pilot)
        await pilot.press("escape")
        assert not house.answers


async def test_a_hostile_conversation_is_shown_and_obeyed_by_nobody():
    house = PaperHouse()
    events = []
    for n, text in enumerate(HOSTILE):
        arguments = {"fleet": text, text: n}
        events.append(ToolStarted(call_id=f"c{n}", tool=(text + "t")[:200], arguments=arguments))
        events.append(ToolRan(call_id=f"c{n}", tool=(text + "t")[:200], ok=n % 2 == 0, summary=text, seconds=0.1))
        events.append(Said(text=text))
    proposal = records.proposal(rationale=HOSTILE[0])
    events.append(Proposed(proposal=proposal, decision=records.decision("deny", HOSTILE[0])))
    events.append(Finished(status="failed", message=HOSTILE[0], hint=HOSTILE[2]))
    house.talk.answers = [events]
    async with opened(house, (120, 90)) as pilot:
        await ask(pilot, "[@click=app.quit]ask[/]")
        await until_seen(pilot, "FAILED")
        for line in pilot.app.screen.query(ToolLine):
            line.action_expand()
        await pilot.pause()
        clean(pilot)
        for block in pilot.app.screen.query(Markdown):
            await pilot.click(block)
        await pilot.pause()
        assert pilot.app.is_running
        clean(pilot)


async def test_notices_and_outcomes_are_harmless():
    async with opened(PaperHouse(), (120, 90), notices=True) as pilot:
        app = pilot.app
        assert isinstance(app, SpotwardenApp)
        for text in HOSTILE:
            app.tell_trouble(Trouble(text, text))
            app.tell(text)
            await app.screen.query_one("#talk").mount(
                NoticeLine("FAILED", text, text), OutcomeLine(outcome("unknown", text))
            )
        await until(pilot, lambda: len(app.screen.query("Toast")) == 2 * len(HOSTILE))
        await pilot.pause()
        clean(pilot)


async def test_an_error_that_quotes_a_hostile_name_is_harmless():
    house = PaperHouse(trouble=None)
    house.talk.answers = [Rejected(f"AWS refused {HOSTILE[0]} {HOSTILE[2]}", hint=HOSTILE[1])]
    async with opened(house) as pilot:
        await ask(pilot, "hello")
        await until_seen(pilot, "AWS refused")
        clean(pilot)


def test_an_outcome_word_is_first_so_that_it_reads_without_colour():
    assert str(OutcomeLine(outcome("unknown", "it may have happened")).render()).startswith("UNKNOWN")
