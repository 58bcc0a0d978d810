"""`spotwarden fleets`: what runs, how it is bought, what it costs, how risky it is."""

from collections.abc import Callable
from typing import Annotated, TypeVar

import typer

from tui.config import Settings, settings_of

app = typer.Typer(rich_markup_mode=None)
_CHANGES = 3
T = TypeVar("T")


@app.command()
def fleets(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(help="one fleet, whole")] = None,
    alerts: Annotated[bool, typer.Option("--alerts", help="what is wrong now, and what the monitor saw last")] = False,
) -> None:
    """Inventory of the account and region: mix, pools, dollars per hour, risk. With a NAME, one fleet whole."""
    from tools.errors import UsageError
    from tui.opening import open_house
    from tui.output import emit
    from tui.render import change_lines, escalated_line, fleet_lines, inventory_table, watch_lines

    settings = settings_of(ctx)
    if alerts and name is not None:
        raise UsageError(f"{name}: --alerts tells of every fleet", hint="give either a fleet or --alerts")
    with open_house(settings) as house:
        if alerts:
            seen, failed = house.watch(), _of_journal(settings, house.escalated)
            document = seen.model_dump(mode="json") | {"escalated": [w.model_dump(mode="json") for w in failed]}
            emit(settings, document, lambda: print("\n".join([*map(escalated_line, failed), *watch_lines(seen)])))
        elif name is None:
            inventory = house.inventory()
            emit(settings, inventory, lambda: print(inventory_table(inventory)))
        else:
            fleet = house.fleet(name)
            changes = _of_journal(settings, lambda: house.changes(fleet.ref.label)[:_CHANGES])
            emit(settings, fleet, lambda: print("\n".join([*fleet_lines(fleet), *change_lines(changes)])))


def _of_journal(settings: Settings, read: Callable[[], tuple[T, ...]]) -> tuple[T, ...]:
    """What a journal tells beside the account. Looking makes none, and a broken one hides no fleet."""
    from tools.errors import JournalError
    from tui.output import say

    if not settings.db.exists():
        return ()
    try:
        return read()
    except JournalError as error:
        say(settings, f"what was changed is not known: {error.message}")
        return ()
