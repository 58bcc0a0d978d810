"""`spotwarden demo`: the product on a simulated account. No AWS account, no API key, nothing leaves the machine."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tui.config import Settings, settings_of

if TYPE_CHECKING:
    from tools.simulation.client import SimulatedAccount

app = typer.Typer(rich_markup_mode=None)
_KEEP_JOURNALS = 5


@app.command()
def demo(
    ctx: typer.Context,
    headless: Annotated[bool, typer.Option("--headless", help="run the tour without a terminal")] = False,
    scenario: Annotated[str, typer.Option(help="which account to simulate")] = "tour",
    seed: Annotated[int, typer.Option(help="one seed, one account and one tour")] = 7,
    speed: Annotated[float, typer.Option(help="simulated seconds per second", min=0.1, max=3600)] = 20.0,
    prices: Annotated[Path | None, typer.Option(help="a real spot price file instead of the generator")] = None,
    lang: Annotated[str | None, typer.Option(help="en or ko")] = None,
    serve: Annotated[bool, typer.Option("--serve", help="only start the account, and say how to reach it")] = False,
) -> None:
    """Open the terminal app on a simulated account; or run the whole tour with --headless."""
    from tools.errors import UsageError
    from tools.simulation.client import SimulatedAccount

    settings = settings_of(ctx)
    if lang not in {None, "en", "ko"}:
        raise UsageError(f"--lang {lang}: not a language of ours", hint="en or ko")
    if prices is not None and not prices.exists():
        raise UsageError(f"--prices {prices}: no such file")
    settings = replace(
        settings,
        db=_own_journal(settings),
        lang=lang or settings.lang,
        endpoint_url=None,
        policy=settings.policy if settings.explicit_policy else None,  # a project's policy is for its own account
    )
    with SimulatedAccount.start(scenario=scenario, seed=seed, speed=speed, stepped=headless, prices=prices) as account:
        if serve:
            _serve(account, settings)
        elif headless:
            _tour(settings, account, scenario=scenario, seed=seed)
        else:
            _open_terminal(settings, account)


def _own_journal(settings: Settings) -> Path:
    """A journal of its own for each demo, never the real one; the newest few are kept for looking back."""
    if settings.explicit_db:
        return settings.db
    folder = settings.state_dir / "demo"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ended = [path for path in sorted(folder.glob("demo-*.db")) if not _is_running(path)]
    for old in ended[: -_KEEP_JOURNALS + 1]:
        for part in folder.glob(f"{old.name}*"):
            part.unlink(missing_ok=True)
    return folder / f"demo-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}.db"


def _is_running(journal: Path) -> bool:
    """The process whose number its name ends with still lives: somebody looks at it."""
    number = journal.stem.rpartition("-")[2]
    try:
        os.kill(int(number), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def _tour(settings: Settings, account: "SimulatedAccount", *, scenario: str, seed: int) -> None:
    from tui.opening import open_house
    from tui.output import emit, say
    from tui.tour import Tour, narrate

    with open_house(settings, account) as house:
        say(settings, f"simulated account {account.account_id} in {account.region} · journal {settings.db}")
        tour = Tour(house, account, scenario=scenario, seed=seed, lang=settings.lang or "en")
        for step in tour.run():
            narrate(step, lambda line: say(settings, line))
        result = tour.result()
    emit(settings, result, lambda: print(f"audit verified: {result['audit']['entries']} entries"))
    if not result["audit"]["verified"]:
        raise typer.Exit(5)


def _open_terminal(settings: Settings, account: "SimulatedAccount") -> None:
    from tui.background import DemoBackground
    from tui.commands.chat import open_app
    from tui.opening import open_house

    with open_house(settings, account) as house, DemoBackground(house, account):
        open_app(house, settings)


def _serve(account: "SimulatedAccount", settings: Settings) -> None:
    """Keep the account up until Ctrl+C, and print what other terminals need."""
    import signal

    from tui.output import say

    print(f"export SPOTWARDEN_ENDPOINT_URL={account.endpoint_url} SPOTWARDEN_DB={settings.db}", flush=True)
    say(settings, "simulated account is up: paste the line above into another terminal; Ctrl+C ends it")
    signal.pause()
