"""`spotwarden fleets`: what runs, how it is bought, what it costs, how risky it is."""

from typing import Annotated

import typer

from tui.config import settings_of

app = typer.Typer(rich_markup_mode=None)


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
    from tui.render import fleet_lines, inventory_table, watch_lines

    settings = settings_of(ctx)
    if alerts and name is not None:
        raise UsageError(f"{name}: --alerts tells of every fleet", hint="give either a fleet or --alerts")
    with open_house(settings) as house:
        if alerts:
            seen = house.watch()
            emit(settings, seen, lambda: print("\n".join(watch_lines(seen))))
        elif name is None:
            inventory = house.inventory()
            emit(settings, inventory, lambda: print(inventory_table(inventory)))
        else:
            fleet = house.fleet(name)
            emit(settings, fleet, lambda: print("\n".join(fleet_lines(fleet))))
