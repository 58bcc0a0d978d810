"""The screens as pictures: a change of layout is seen in review. `--snapshot-update` draws them anew."""

import pytest

from tests.tui.house import busy_house
from tests.tui.screenshots import PICTURES
from tui.app import SpotwardenApp
from tui.widgets.prompt import Prompt

pytestmark = pytest.mark.accepts("DC-03")


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("chat", (120, 40)),
        ("fleet", (80, 24)),
        ("fleets", (80, 24)),
        ("forecast", (80, 24)),
        ("choice", (120, 40)),
        ("approval", (80, 24)),
        ("audit", (80, 24)),
        ("jobs", (120, 40)),
        ("stuck_job", (80, 24)),
        ("volumes", (80, 24)),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value[0]}x{value[1]}",
)
def test_the_screen_looks_as_it_was_drawn(snap_compare, name, size):
    async def steps(pilot):
        await PICTURES[name](pilot)
        for prompt in pilot.app.screen.query(Prompt):
            prompt.cursor_blink = False

    assert snap_compare(SpotwardenApp(busy_house(), poll_seconds=3600), terminal_size=size, run_before=steps)
