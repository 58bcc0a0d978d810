"""How the tests drive the app: open it, wait for what is expected, read what a person would see."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot

from tests.tui.house import PaperHouse
from tui.app import SpotwardenApp

WAIT_SECONDS = 10.0
BRISK = 0.05
"""the card's quiet time where a test is not about it"""


@asynccontextmanager
async def opened(
    house: PaperHouse,
    size: tuple[int, int] = (120, 40),
    *,
    ascii_only: bool = False,
    quiet: float = BRISK,
    notices: bool = False,
) -> AsyncIterator[Pilot[Any]]:
    """The app with its first look at the house done; `notices` draws them, over what they cover."""
    app = SpotwardenApp(house, ascii_only=ascii_only, poll_seconds=3600, quiet_seconds=quiet)
    async with app.run_test(size=size, notifications=notices) as pilot:
        await until(pilot, lambda: app.pulse is not None)
        await pilot.pause()
        yield pilot


async def until(pilot: Pilot[Any], true: Callable[[], object]) -> None:
    """Wait for what must come; fail with what is on the screen when it does not."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not true():
        assert time.monotonic() < deadline, f"it never came; on the screen:\n{seen(pilot)}"
        await pilot.pause(0.02)
    await pilot.pause()


async def until_seen(pilot: Pilot[Any], words: str) -> None:
    await until(pilot, lambda: words in seen(pilot))


def seen(pilot: Pilot[Any]) -> str:
    """The text on the screen, line by line."""
    return "\n".join(strip.text.rstrip() for strip in pilot.app.screen._compositor.render_strips())


def noticed(pilot: Pilot[Any]) -> str:
    """Every notice that is up."""
    return "\n".join(n.message for n in pilot.app._notifications)


async def ask(pilot: Pilot[Any], text: str) -> None:
    await pilot.press(*text, "enter")
