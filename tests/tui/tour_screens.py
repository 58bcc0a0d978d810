"""`make screenshots`: the screens of the demo, from the real app on the simulated account, as PNG for the README.

    python -m tests.tui.tour_screens OUTDIR
Needs rsvg-convert and pngquant (Debian: librsvg2-bin, pngquant) and fonts with Hangul; without them it writes SVG.
"""

import asyncio
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from agent.autonomy import Daemon
from tests.tui.driving import ask, opened, seen, until, until_seen
from tools.simulation.client import SimulatedAccount
from tui.config import Settings
from tui.opening import House, open_house
from tui.screens.approval import ApprovalCard

SIZES = ((120, 40), (80, 24))


async def walk(house: House, account: SimulatedAccount, size: tuple[int, int], out: Path) -> None:
    """Ask, be asked, see it verified, look at the fleets, set it back, look at the log; one picture each."""
    suffix = f"{size[0]}x{size[1]}"

    def picture(pilot: Pilot[Any], name: str) -> None:
        save(pilot.app.export_screenshot(title="spotwarden"), out / f"{name}-{suffix}")

    async with opened(house, size) as pilot:
        chat = pilot.app.screen
        await ask(pilot, "Where is the money?")
        await until(pilot, lambda: not chat.running)
        picture(pilot, "chat")
        await ask(pilot, "Diversify ml-train and lower its on-demand base to 1")
        await until(pilot, lambda: isinstance(pilot.app.screen, ApprovalCard) and pilot.app.screen.armed)
        picture(pilot, "approval")
        await pilot.press("y")
        await until(pilot, lambda: not isinstance(pilot.app.screen, ApprovalCard))
        await until(pilot, lambda: not chat.running)
        account.advance(300)
        await looked(pilot, "WATCHING  5 of 20 min")
        account.advance(900)
        await looked(pilot, "VERIFIED")
        picture(pilot, "verified")
        await pilot.press("2")
        await until_seen(pilot, "web-canary")
        await pilot.press("down", "down", "enter")
        await until_seen(pilot, "USD per hour")
        picture(pilot, "fleets")
        await pilot.press("f")
        await until_seen(pilot, "chance that an instance is interrupted")
        picture(pilot, "risk")
        await pilot.press("h")
        await until_seen(pilot, "draws up what sets it back")
        picture(pilot, "changes")
        await pilot.press("u")
        await until(pilot, lambda: isinstance(pilot.app.screen, ApprovalCard) and pilot.app.screen.armed)
        picture(pilot, "undo")
        await pilot.press("escape", "escape", "4")
        await until_seen(pilot, "VERIFIED")
        picture(pilot, "audit")
        interrupt(house, account, "batch")
        await pilot.press("5")
        await until_seen(pilot, "working")
        picture(pilot, "jobs")
        await pilot.press("6")
        await until_seen(pilot, "ORPHAN ")
        picture(pilot, "volumes")


def interrupt(house: House, account: SimulatedAccount, fleet: str) -> None:
    """EC2 takes an instance of a fleet, and the daemon brings its job back."""
    daemon = Daemon(house.actuation, house.queue, holder="tour", archive=house.archive, steady=house.steady)
    account.interrupt(min(i.instance_id for i in house.fleet(fleet).spot))
    daemon.answer_notices(wait_seconds=0)
    for _ in range(8):
        account.advance(10)
        daemon.bring_back()
    daemon.release()


async def looked(pilot: Pilot[Any], words: str) -> None:
    """Poll as the app does, until something is seen."""

    def seen_now() -> bool:
        pilot.app.look()  # type: ignore[attr-defined]
        return words in seen(pilot)

    await until(pilot, seen_now)


def save(svg: str, path: Path) -> None:
    """SVG, or a small PNG where the converters are there."""
    if not (shutil.which("rsvg-convert") and shutil.which("pngquant")):
        path.with_suffix(".svg").write_text(svg, encoding="utf-8")
        return
    # rsvg drops runs of blanks that browsers keep
    kept = svg.replace("<text ", '<text xml:space="preserve" ')
    drawn = subprocess.run(["rsvg-convert", "-w", "1200"], input=kept.encode(), capture_output=True, check=True)
    small = subprocess.run(["pngquant", "48", "-"], input=drawn.stdout, capture_output=True, check=True)
    path.with_suffix(".png").write_bytes(small.stdout)


def main() -> None:
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder, SimulatedAccount.start(stepped=True, seed=7) as account:
            settings = Settings(db=Path(folder) / "demo.db", state_dir=Path(folder), actor="you")
            with open_house(settings, account) as house:
                house.warm()
                asyncio.run(walk(house, account, size, out))


if __name__ == "__main__":
    main()
