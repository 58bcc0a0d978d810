"""`python -m tests.tui.screenshots OUTDIR`: SVG pictures of the screens at 80x24 and 120x40."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from tests.tui import job_records, records
from tests.tui.house import ANSWER, answered, asking, busy_house
from tui.app import SpotwardenApp

SIZES = ((80, 24), (120, 40))
Steps = Callable[[Pilot[Any]], Awaitable[None]]


async def settle(pilot: Pilot[Any]) -> None:
    """Until every worker is done and the screen is drawn."""
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    await pilot.pause()


async def welcome(pilot: Pilot[Any]) -> None:
    await settle(pilot)


async def chat(pilot: Pilot[Any]) -> None:
    await settle(pilot)
    await pilot.press(*"Where is the money going?", "enter")
    await settle(pilot)


async def fleets(pilot: Pilot[Any]) -> None:
    await settle(pilot)
    await pilot.press("2", "down", "down")
    await settle(pilot)


async def fleet(pilot: Pilot[Any]) -> None:
    await fleets(pilot)
    await pilot.press("enter")
    await settle(pilot)
    await pilot.press("down")
    await settle(pilot)


async def forecast(pilot: Pilot[Any]) -> None:
    await fleet(pilot)
    await pilot.press("f")
    await settle(pilot)


async def choice(pilot: Pilot[Any]) -> None:
    await fleet(pilot)
    await pilot.press("w")
    await settle(pilot)


async def approvals(pilot: Pilot[Any]) -> None:
    await settle(pilot)
    await pilot.press("3")
    await settle(pilot)


async def approval(pilot: Pilot[Any]) -> None:
    await approvals(pilot)
    await pilot.press("enter")
    await pilot.pause(0.5)


async def why(pilot: Pilot[Any]) -> None:
    await approval(pilot)
    await pilot.press("w")
    await settle(pilot)


async def audit(pilot: Pilot[Any]) -> None:
    await settle(pilot)
    await pilot.press("4")
    await settle(pilot)


async def jobs(pilot: Pilot[Any]) -> None:
    await settle(pilot)
    await pilot.press("5")
    await settle(pilot)


async def late_job(pilot: Pilot[Any]) -> None:
    await jobs(pilot)
    await pilot.press("down")
    await settle(pilot)


async def stuck_job(pilot: Pilot[Any]) -> None:
    await jobs(pilot)
    await pilot.press("down", "down")
    await settle(pilot)


async def queues(pilot: Pilot[Any]) -> None:
    pilot.app.house.queues_now = job_records.queues()  # type: ignore[attr-defined]
    await jobs(pilot)


async def volumes(pilot: Pilot[Any]) -> None:
    await settle(pilot)
    await pilot.press("6")
    await settle(pilot)


async def copies(pilot: Pilot[Any]) -> None:
    await volumes(pilot)
    await pilot.press("down", "down", "down")
    await settle(pilot)


async def entry(pilot: Pilot[Any]) -> None:
    await audit(pilot)
    await pilot.press("down", "enter")
    await settle(pilot)


async def keys(pilot: Pilot[Any]) -> None:
    await settle(pilot)
    await pilot.press("?")
    await settle(pilot)


PICTURES: dict[str, Steps] = {
    step.__name__: step
    for step in (
        welcome,
        chat,
        fleets,
        fleet,
        forecast,
        choice,
        approvals,
        approval,
        why,
        audit,
        entry,
        jobs,
        late_job,
        stuck_job,
        queues,
        volumes,
        copies,
        keys,
    )
}


async def draw(name: str, size: tuple[int, int], *, dark: bool = True, ascii_only: bool = False) -> str:
    """One picture as SVG text."""
    house = busy_house()
    house.talk.answers = [[*answered(ANSWER, "analyze_prices")], asking(records.proposal(), records.decision())]
    app = SpotwardenApp(house, dark=dark, ascii_only=ascii_only, poll_seconds=3600)
    async with app.run_test(size=size) as pilot:
        await PICTURES[name](pilot)
        return app.export_screenshot(title="spotwarden")


def main(folder: Path, only: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in only or PICTURES:
        for size in SIZES:
            path = folder / f"{name}-{size[0]}x{size[1]}.svg"
            path.write_text(asyncio.run(draw(name, size)), encoding="utf-8")
            print(path)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python -m tests.tui.screenshots OUTDIR [PICTURE ...]")
    main(Path(sys.argv[1]), sys.argv[2:])
