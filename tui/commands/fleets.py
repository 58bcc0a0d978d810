"""`spotwarden fleets`: what runs, how it is bought, what it costs, how risky it is."""

from typing import Annotated

import typer

from tui.config import settings_of

app = typer.Typer(rich_markup_mode=None)


@app.command()
def fleets(ctx: typer.Context, name: Annotated[str | None, typer.Argument(help="one fleet, whole")] = None) -> None:
    """Inventory of the account and region: mix, pools, dollars per hour, risk. With a NAME, one fleet whole."""
    from tui.opening import open_house
    from tui.output import emit
    from tui.render import fleet_lines, inventory_table

    settings = settings_of(ctx)
    with open_house(settings) as house:
        if name is None:
            inventory = house.inventory()
            emit(settings, inventory, lambda: print(inventory_table(inventory)))
        else:
            fleet = house.fleet(name)
            emit(settings, fleet, lambda: print("\n".join(fleet_lines(fleet))))
