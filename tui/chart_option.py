"""`--chart FILE`: the same on every command that can draw what it prints."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tui.config import Settings

Chart = Annotated[
    Path | None,
    typer.Option("--chart", metavar="FILE", help="also draw it: FILE.svg or FILE.png; needs spotwarden[charts]"),
]


def check(chart: Path | None) -> None:
    """Before long work. Raises  UsageError: another suffix, no such folder, matplotlib is not installed"""
    if chart is not None:
        from tui.charts import check_chart

        check_chart(chart)


def told(settings: "Settings", chart: Path) -> None:
    from tui.output import plain, say

    say(settings, f"chart in {plain(chart)}")
