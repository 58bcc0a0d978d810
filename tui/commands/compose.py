"""`spotwarden jobs compose`: a Compose service with guard in front of its command."""

import sys
from typing import Annotated

import typer

from tui.config import settings_of


def compose(
    ctx: typer.Context,
    image: Annotated[str, typer.Option(help="the image that it runs")],
    command: Annotated[list[str] | None, typer.Argument(help="after --: what runs in the container")] = None,
    name: Annotated[str, typer.Option(help="the service's name")] = "job",
    checkpoints: Annotated[str | None, typer.Option(help="VOLUME:PATH or /HOST/PATH:PATH where it saves")] = None,
    store: Annotated[str | None, typer.Option(help="s3://BUCKET/JOB: outlives the instance")] = None,
    grace: Annotated[int, typer.Option(min=1, max=3_600, help="seconds to save at a stop")] = 120,
    attempts: Annotated[int, typer.Option(min=1, max=100, help="restarts after a crash")] = 3,
    delay: Annotated[int, typer.Option(min=0, max=3_600, help="seconds between them (Swarm only)")] = 5,
) -> None:
    """Render a Compose file: guard as the entrypoint, restart on failure, time to save; nothing is started.

    \b
    spotwarden jobs compose --image model:1.4 -- python train.py
    spotwarden jobs compose --image model:1.4 --checkpoints ckpt:/ckpt --store s3://acme-ckpt/nightly -- python train.py

    A restart on the same host helps against crashes, never against a reclaim: the instance is gone. What brings the
    job back is its group and `spotwarden jobs`. Put spotwarden_guard.pyz (make pyz) beside the file.
    """
    from tools.recovery.compose import WARNING, compose_plan, render_compose
    from tui.output import emit

    settings = settings_of(ctx)
    plan = compose_plan(
        image, tuple(command or ()), service=name, checkpoints=checkpoints, store=store,
        grace_seconds=grace, max_attempts=attempts, delay_seconds=delay,
    )  # fmt: skip
    text = render_compose(plan)
    if not settings.quiet:
        print(f"spotwarden: warning: {WARNING}", file=sys.stderr)
    emit(settings, {"plan": plan, "compose": text, "warning": WARNING}, lambda: print(text, end=""))
