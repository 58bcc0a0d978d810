"""Jobs and their recoveries on the screen: every number is the one that `jobs status --json` gives."""

import json
import re
from dataclasses import replace

import pytest

from tests.agent.autonomy_house import open_post, open_street
from tests.agent.recovery_house import interrupted, looked
from tests.tui import job_records
from tests.tui.driving import noticed, opened, seen, until, until_seen
from tests.tui.house import PaperHouse
from tests.tui.records import HOSTILE
from tools.errors import CloudError
from tui.config import Settings
from tui.opening import open_house

pytestmark = pytest.mark.accepts("RC-07")
SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda s: f"{s[0]}x{s[1]}")


def row(page: str, words: str) -> list[str]:
    """The first line that begins with these words, in cells."""
    line = next(line.strip() for line in page.splitlines() if line.strip().startswith(words))
    return re.split(r"  +", line)


@SIZES
async def test_each_job_has_a_line_and_what_nobody_knows_is_called_unknown(size):
    async with opened(PaperHouse(), size) as pilot:
        await pilot.press("5")
        await until_seen(pilot, "RECOVERING")
        page = seen(pilot)
        assert "4 jobs · 1 being recovered · 1 LATE" in page
        wide = size == (120, 40)
        known = ["ml-train"] if wide else []
        due = ["11-19 13:14"] if wide else []
        assert row(page, "nightly") == [
            "nightly",
            *known,
            "62%",
            "7 min",
            "11-18 19:20",
            *due,
            "17.7 h",
            "7 min",
            "recovering",
        ]
        assert row(page, "야간 재")[-3:] == ["LATE 21.1 h", "62 min", "recovered"]
        assert row(page, "render")[1 + wide : 4 + wide] == ["unknown"] * 3
        assert row(page, "render")[-3:] == ["no deadline", "unknown", "GAVE UP"]


async def test_j_opens_it_from_the_fleets_and_is_a_letter_where_a_person_types():
    async with opened(PaperHouse(), (80, 24)) as pilot:
        await pilot.press("j")
        assert pilot.app.screen.query_one("#prompt").value == "j"
        await pilot.press("backspace", "2")
        await until_seen(pilot, "web-canary")
        await pilot.press("j")
        await until_seen(pilot, "RECOVERING")


@SIZES
async def test_a_recovery_that_goes_on_tells_its_seconds_and_what_it_waits_for(size):
    async with opened(PaperHouse(), size) as pilot:
        await pilot.press("5")
        await until_seen(pilot, "RECOVERING  i-0a11ce0a11ce0a11c · 42 s since the notice")
        lines = [line.strip() for line in seen(pilot).splitlines()]
        told = [re.sub(r"[─•]+", "", line).split() for line in lines if line[:1] in {"✓", "◌", "·"}]
        assert [line[1:4] for line in told[:4]] == [
            ["notice", "0", "s"], ["saved", "8", "s"], ["checkpoint", "9", "s"], ["replacement", "35", "s"],
        ]  # fmt: skip
        assert [line[:3] for line in told[4:]] == [["◌", "restored", "asked"], ["·", "working", "waits"]]
        assert "36 s after the notice: on i-0b0b" in seen(pilot)


async def test_the_timeline_goes_on_while_somebody_looks_and_the_job_is_read_again_when_it_ended():
    house = PaperHouse()
    async with opened(house) as pilot:
        await pilot.press("5")
        await until_seen(pilot, "42 s since the notice")
        house.clock.forward(8)
        pilot.app.look()
        await until_seen(pilot, "50 s since the notice")
        of = house.jobs_now.jobs[0].job
        house.newest_now = {"nightly": (job_records.whole(of, name="r-0001"),)}
        house.jobs_now = house.jobs_now.with_(
            jobs=(job_records.state(of, job_records.whole(of, name="r-0001"), share=0.71), *house.jobs_now.jobs[1:])
        )
        pilot.app.look()
        await until_seen(pilot, "RECOVERED")
        await until(pilot, lambda: row(seen(pilot), "nightly")[2] == "71%")


@SIZES
async def test_what_failed_comes_with_what_to_do(size):
    async with opened(PaperHouse(), size) as pilot:
        await pilot.press("5")
        await until_seen(pilot, "RECOVERING")
        await pilot.press("down", "down")
        await until_seen(pilot, "gave up: replace: no replacement in 30 min")
        page = seen(pilot)
        assert "spotwarden jobs recover render --dry-run shows what is missing" in page
        assert page.count("FAILED") == 2
        assert "not needed" in page
        assert page.count("not reached") == (2 if size == (120, 40) else 0)  # below, where it scrolls to


async def test_a_step_that_waits_for_a_person_points_to_the_card():
    house = PaperHouse()
    of = house.jobs_now.jobs[0].job
    waits = job_records.recovery(of, replace=("pending", 3, "waits for a person: spotwarden approve P-7"))
    house.jobs_now = house.jobs_now.with_(jobs=(job_records.state(of, waits),))
    async with opened(house, (80, 24)) as pilot:
        await pilot.press("5")
        await until_seen(pilot, "key 3 has the card")


async def test_markup_and_control_codes_in_names_and_words_stay_text():
    house = PaperHouse()
    states = []
    for number, text in enumerate(HOSTILE):
        of = job_records.job(text, f"fleet-{number}").with_(store_id=text)
        told = job_records.given_up(of).with_(told=text)
        for step in ("save", "replace", "restore"):
            told = told.with_step(step, words=text)
        states.append(job_records.state(of, told, job_records.whole(of)))
    house.jobs_now = house.jobs_now.with_(jobs=tuple(states), missing=HOSTILE)
    async with opened(house) as pilot:
        await pilot.press("5")
        await until_seen(pilot, "[@click=app.approve('A-1')]x[/]")
        for _ in HOSTILE:
            page = seen(pilot)
            assert not set(page) & set("\x1b\x9b\x07\u202e\u202c\u200b\u200d\u2066\u2069")
            assert "GAVE UP" in page
            await pilot.press("down")


async def test_without_jobs_it_says_how_to_tell_of_one_and_trouble_says_what_to_do():
    house = PaperHouse()
    house.jobs_now = house.jobs_now.with_(jobs=())
    async with opened(house, (80, 24)) as pilot:
        await pilot.press("5")
        await until_seen(pilot, "spotwarden jobs register NAME --fleet FLEET")
    async with opened(replace(PaperHouse(), trouble=CloudError("no credentials", hint="aws sso login"))) as pilot:
        await pilot.press("5")
        await until_seen(pilot, "The jobs could not be read. r tries again.")
        await until(pilot, lambda: "no credentials" in noticed(pilot))


async def test_a_job_is_copied_as_its_json(monkeypatch):
    house, copied = PaperHouse(), []
    async with opened(house) as pilot:
        monkeypatch.setattr(pilot.app, "copy_to_clipboard", copied.append)
        await pilot.press("5")
        await until_seen(pilot, "RECOVERING")
        await pilot.press("c")
        await until(pilot, lambda: copied)
        assert json.loads(copied[0])["job"]["job_id"] == "nightly"


async def test_a_real_recovery_is_shown_with_the_seconds_of_its_json(tmp_path):
    with open_street() as street, open_post(street, tmp_path) as post:
        street.sim.advance(60)
        interrupted(street, post.daemon)
        looked(street, post.daemon.recoveries, until="recovered")
        settings = Settings(db=tmp_path / "journal.db", state_dir=tmp_path, actor="minji")
        with open_house(settings, street.sim) as house:
            told = json.loads(house.jobs().canonical())
            state = next(s for s in told["jobs"] if s["job"]["job_id"] == "ml-train")
            line = state["recoveries"][0]["timeline"]
            async with opened(house) as pilot:
                await pilot.press("5")
                await until_seen(pilot, "ml-train *")
                await pilot.press("down")
                await until_seen(pilot, "RECOVERED")
                page = re.sub(r"[─•]+", "", seen(pilot))
                shown = dict(re.findall(r"✓ +(\w+) +(\d+) s", page))
                assert shown == {
                    "notice": "0",
                    "saved": f"{line['saved_seconds']:.0f}",
                    "replacement": f"{line['replaced_seconds']:.0f}",
                    "checkpoint": shown["checkpoint"],
                    "restored": f"{line['restored_seconds']:.0f}",
                    "working": f"{line['verified_seconds']:.0f}",
                }
                assert (
                    f"durable    {state['progress']['share'] * 100:.0f} %, step {state['progress']['step']:,}" in page
                )


async def test_whoever_comes_back_to_it_sees_how_the_jobs_stand_now():
    house = PaperHouse()
    async with opened(house) as pilot:
        await pilot.press("5")
        await until_seen(pilot, "4 jobs")
        await pilot.press("2")
        await until_seen(pilot, "5 fleets")
        house.jobs_now = house.jobs_now.with_(jobs=house.jobs_now.jobs[1:])
        await pilot.press("5")
        await until_seen(pilot, "3 jobs")


async def test_queues_stand_beside_the_jobs_where_there_are_any_the_worst_first():
    house = PaperHouse()
    async with opened(house) as pilot:
        await pilot.press("5")
        await until_seen(pilot, "4 jobs")
        assert "QUEUES" not in seen(pilot)
        house.queues_now = job_records.queues(trouble=HOSTILE[2])
        await pilot.press("r")
        await until_seen(pilot, "renders          1,204 waiting · 8 in flight, oldest 4 min · 0 dead · 8 workers")
        page = seen(pilot)
        assert row(page, "thumbnails") == ["thumbnails", "3 waiting · unknown in flight · 2 DEAD · 1 worker"]
        assert "NOT READ: \\u{1b}]52" in page
        assert "\x1b" not in page
        assert "야간 인코딩      5 waiting" in page
        await pilot.resize_terminal(80, 24)
        await until_seen(pilot, "and 2 more queues: spotwarden queues")
        assert row(seen(pilot), "mail")[1].startswith("NOT READ")
