"""`spotwarden queues`: what waits for spot workers, what they have in their hands, what died."""

from typing import TYPE_CHECKING, Annotated, cast

import typer

from tui.config import Settings, settings_of

if TYPE_CHECKING:
    from tools.records import QueuesReport

app = typer.Typer(rich_markup_mode=None)
_NONE = """no queues are in the settings; write, for example, into spotwarden.toml:

  [[queues]]
  name = "images"
  url = "redis://queue.internal:6379/0"

  [[queues]]
  name = "renders"
  url = "amqps://spot:${RABBIT_PASSWORD}@queue.internal/"    # filled from the environment"""


@app.command()
def queues(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(help="one queue, whole; default every queue")] = None,
) -> None:
    """Work queues of spot workers (Redis, RabbitMQ): waiting, in flight, dead, done, workers. Nothing is taken.

    \b
    spotwarden queues
    spotwarden queues images --json

    Which queues: [[queues]] of the settings file, docs/configuration.md. Exit 1: a server could not be read.

    \b
    Dead items, and back to work, with the one file of guard (make pyz):
    export PYTHONPATH=dist/spotwarden_guard.pyz
    python3 -m spotwarden_guard.queues dead redis://queue.internal:6379/0 images
    python3 -m spotwarden_guard.queues requeue redis://queue.internal:6379/0 images --all
    """
    from tools.queues.describe import describe_queues
    from tui.opening import open_house

    settings = settings_of(ctx)
    with open_house(settings) as house:  # no account is opened: queues are not AWS's
        report = cast("QueuesReport", describe_queues.run(queues=house.queues, clock=house.clock, queue=name))
    _show(settings, report, whole=name is not None)
    if any(state.trouble for state in report.queues):
        raise typer.Exit(1)


def _show(settings: Settings, report: "QueuesReport", *, whole: bool) -> None:
    from tui.output import emit
    from tui.render_queues import queue_lines, queues_table

    lines = [line for state in report.queues for line in queue_lines(state)] if whole else queues_table(report)
    emit(settings, report, lambda: print("\n".join(lines) if report.queues else _NONE))
