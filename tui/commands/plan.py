"""`spotwarden plan`: preview a change, judge it, save it. Nothing is changed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tui.config import settings_of

if TYPE_CHECKING:
    from tools.records import Action
    from tui.opening import House

app = typer.Typer(rich_markup_mode=None)
EXIT_CHANGES, EXIT_DENIED = 2, 3
_OPTIONS = {
    "on_demand_base_capacity": "--on-demand-base",
    "on_demand_percentage_above_base": "--on-demand-percentage",
    "on_demand_allocation_strategy": "--on-demand-strategy",
    "spot_allocation_strategy": "--strategy",
    "instance_types": "--types",
    "weights": "--weights",
    "instance_requirements": "--vcpus, --memory-mib",
    "desired_capacity": "--desired",
    "min_size": "--min-size",
    "max_size": "--max-size",
    "capacity_rebalance": "--capacity-rebalance",
    "new_instances_protected": "--protect-new",
    "launch_template_version": "--template-version",
}


@app.command()
def plan(
    ctx: typer.Context,
    fleet: Annotated[
        str, typer.Argument(help="fleet, i-…, vol-… or snap-… to change; the new name for create-fleet and run")
    ],
    on_demand_base: Annotated[int | None, typer.Option(help="on-demand base capacity")] = None,
    on_demand_percentage: Annotated[int | None, typer.Option(help="on-demand percentage above the base")] = None,
    strategy: Annotated[str | None, typer.Option(help="spot allocation strategy")] = None,
    on_demand_strategy: Annotated[str | None, typer.Option(help="prioritized or lowest-price")] = None,
    types: Annotated[str | None, typer.Option(help="all instance types after the change, with commas")] = None,
    weights: Annotated[str | None, typer.Option(help="a weight for each of --types, with commas")] = None,
    vcpus: Annotated[str | None, typer.Option(help="types by attributes: 4-8, or 4- for no upper bound")] = None,
    memory_mib: Annotated[str | None, typer.Option(help="types by attributes: 16384-32768")] = None,
    desired: Annotated[int | None, typer.Option(help="desired capacity")] = None,
    min_size: Annotated[int | None, typer.Option(help="smallest size of the group")] = None,
    max_size: Annotated[int | None, typer.Option(help="largest size of the group")] = None,
    capacity_rebalance: Annotated[
        bool | None, typer.Option("--capacity-rebalance/--no-capacity-rebalance", help="replace on recommendations")
    ] = None,
    protect_new: Annotated[
        bool | None, typer.Option("--protect-new/--no-protect-new", help="new instances, from scale-in")
    ] = None,
    template_version: Annotated[int | None, typer.Option(help="launch template version, a number")] = None,
    do: Annotated[
        str | None,
        typer.Option(
            help="an operation instead: stop, hibernate, start, terminate, enter-standby, exit-standby,"
            " protect-from-scale-in, unprotect-from-scale-in, start-instance-refresh, cancel-instance-refresh,"
            " create-fleet, delete-fleet, run, new-template-version, deregister, register, keep-volumes,"
            " delete-volumes, snapshot, snapshot-volume, restore-volume, attach-volume, delete-volume,"
            " delete-snapshot, tag"
        ),
    ] = None,
    instances: Annotated[str | None, typer.Option(help="ids, with commas")] = None,
    lower_desired: Annotated[bool, typer.Option("--lower-desired", help="launch nothing in their place")] = False,
    terminate: Annotated[bool, typer.Option("--terminate", help="delete-fleet: its instances too")] = False,
    min_healthy: Annotated[int | None, typer.Option(help="refresh: percent in service at any time (90)")] = None,
    warmup_seconds: Annotated[int | None, typer.Option(help="refresh: until a new instance counts (300)")] = None,
    every_instance: Annotated[bool, typer.Option("--every-instance", help="refresh: also those that match")] = False,
    template: Annotated[str | None, typer.Option(help="lt-…, or lt-…:VERSION")] = None,
    subnets: Annotated[str | None, typer.Option(help="subnet ids, with commas")] = None,
    fleet_type: Annotated[str | None, typer.Option(help="maintain, instant or request")] = None,
    count: Annotated[int | None, typer.Option(help="run: how many")] = None,
    buy: Annotated[str | None, typer.Option(help="run: spot or on-demand")] = None,
    image: Annotated[str | None, typer.Option(help="new-template-version: ami-…")] = None,
    target_group: Annotated[str | None, typer.Option(help="deregister, register: its ARN")] = None,
    devices: Annotated[str | None, typer.Option(help="volumes: device names, with commas; without: all")] = None,
    no_boot: Annotated[bool, typer.Option("--no-boot", help="snapshot: all but the root volume")] = False,
    volume: Annotated[str | None, typer.Option(help="attach-volume: vol-…; restore-volume: from its newest")] = None,
    snapshot: Annotated[str | None, typer.Option(help="restore-volume: snap-…")] = None,
    zone: Annotated[str | None, typer.Option(help="restore-volume: where, such as us-east-1b")] = None,
    volume_type: Annotated[str | None, typer.Option(help="restore-volume: gp3, io2, …; as it was, else gp3")] = None,
    size_gib: Annotated[int | None, typer.Option(help="restore-volume: at least the snapshot's")] = None,
    iops: Annotated[int | None, typer.Option(help="restore-volume: of gp3, io1, io2")] = None,
    throughput: Annotated[int | None, typer.Option(help="restore-volume: MiB/s of gp3")] = None,
    encrypted: Annotated[bool, typer.Option("--encrypted", help="restore-volume: under the default KMS key")] = False,
    tag: Annotated[list[str] | None, typer.Option(help="KEY=VALUE, repeatable")] = None,
    untag: Annotated[list[str] | None, typer.Option(help="KEY, repeatable")] = None,
    keep_serving: Annotated[
        str | None, typer.Option(help="on-demand base from an objective: this much serves when all spot is taken, 50%")
    ] = None,
    served: Annotated[str | None, typer.Option(help="or: so much of all demand is served over time, 99.9%")] = None,
    losses_per_day: Annotated[float | None, typer.Option(help="for --served: how often all spot is taken")] = None,
    minutes_lost: Annotated[float | None, typer.Option(help="for --served: until other capacity serves")] = None,
    step: Annotated[str | None, typer.Option(help="go only so far now, such as 10% of desired capacity")] = None,
    verify: Annotated[str | None, typer.Option(help="watch it so long after it is applied, such as 20m")] = None,
    rollback_on_fail: Annotated[
        bool, typer.Option("--rollback-on-fail", help="set it back when the watch fails (20m unless --verify)")
    ] = False,
    why: Annotated[str, typer.Option(help="your reason, kept in the audit log")] = "asked for on the command line",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="save the plan for `apply`")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="ask AWS too, where it has one; saves nothing")] = False,
    detailed_exitcode: Annotated[bool, typer.Option(help="exit 2 when there is something to change")] = False,
) -> None:
    """Show what a change would do: diff, instances AWS replaces, dollars on three bases, risk, the policy's verdict.

    \b
    spotwarden plan ml-train --on-demand-base 2 --step 10% -o plan.json
    spotwarden apply plan.json --verify 20m --rollback-on-fail
    spotwarden plan web-canary --do enter-standby --instances i-0123456789abcdef0 --lower-desired
    spotwarden plan snap-0123456789abcdef0 --do restore-volume --zone us-east-1b
    spotwarden plan i-0123456789abcdef0 --do attach-volume --volume vol-0123456789abcdef0 --devices /dev/sdf
    spotwarden plan vol-0123456789abcdef0 --do delete-volume
    """
    from tools.errors import UsageError
    from tui.opening import open_house
    from tui.output import emit, say
    from tui.plan_words import aftercare_from, floor_from, settings_from, step_percent, typed_from
    from tui.render import proposal_lines, saved_json

    settings = settings_of(ctx)
    options = dict(ctx.params)
    percent, aftercare = step_percent(step), aftercare_from(verify, rollback=rollback_on_fail)
    if do is None and (tag or untag):
        do = "tag"
    with open_house(settings) as house:
        if do is not None:
            if percent is not None:
                raise UsageError("--step is for settings, not for --do", hint="name fewer --instances at a time")
            action = _operation(house, fleet, do, typed_from(options))
            steps = 1
        else:
            wanted = settings_from(options)
            if keep_serving is not None or served is not None:
                floor = floor_from(options, house.fleet(fleet).desired_capacity)
                say(settings, f"on-demand base {floor.units}: {floor.by}")
                wanted["on_demand_base_capacity"] = floor.units
            action, steps = _change(house, fleet, wanted, percent)
        answer = house.account.writer.try_out(action) if dry_run else ""
        if dry_run:
            _tell_dry_run(settings, house, action, answer)
            return
        saved = house.actuation.propose(action, by=house.person, actor="person", rationale=why, aftercare=aftercare)
    if steps > 1 and saved.decision.verdict != "deny":
        say(settings, f"step 1 of {steps}: apply it, then plan the same again for the next step")
    if out is not None:
        from tui.commands.plan_file import write_plan

        write_plan(out, saved)
        denied = saved.decision.verdict == "deny"
        say(settings, f"saved to {out}: {'the policy denies it' if denied else f'spotwarden apply {out}'}")
    document = saved_json(saved) | {"steps": steps}
    emit(settings, document, lambda: print("\n".join(proposal_lines(saved.proposal, saved.decision))))
    if saved.decision.verdict == "deny":
        raise typer.Exit(EXIT_DENIED)
    if detailed_exitcode and saved.proposal.preview.changes:
        raise typer.Exit(EXIT_CHANGES)


def _operation(house: "House", fleet: str, operation: str, typed: Any) -> "Action":
    from tools.fleets.draw_up import draw_up

    return draw_up(house.desk.reader, fleet, operation, typed)


def _change(house: "House", name: str, wanted: dict[str, Any], percent: int | None) -> "tuple[Action, int]":
    """The change, or its first step, and how many steps there are.

    Raises  UsageError: names the option as it was typed, and what was seen
    """
    from pydantic import ValidationError

    from tools.errors import UsageError
    from tools.fleets.effects import effect_of
    from tools.fleets.find import find_fleet
    from tools.fleets.preview import check_offered
    from tools.fleets.steps import first_step
    from tools.records import ChangeFleet

    found = find_fleet(house.desk.reader, name)
    try:
        action = ChangeFleet.model_validate({"fleet": found.ref, **wanted})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        said = first["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
        option = _OPTIONS.get(str(first["loc"][0])) if first["loc"] else None
        raise UsageError(
            f"{option} {first['input']!r}: {said}" if option else said, hint="spotwarden plan --help"
        ) from None
    effect_of(action).check(action, found)
    check_offered(house.desk.reader, action, found)
    return first_step(action, found, percent) if percent is not None else (action, 1)


def _tell_dry_run(settings: Any, house: "House", action: "Action", answer: str) -> None:
    """What would happen, by our own preview and by AWS's DryRun; nothing is written down."""
    from tools.fleets.effects import effect_of
    from tools.fleets.preview import draw_preview
    from tui.output import emit
    from tui.render import preview_lines

    fleet = effect_of(action).subject(house.desk.reader, action)
    seen = draw_preview(house.desk.reader, house.clock, action, fleet)
    told = answer or "AWS has no DryRun for this call: only our own preview"
    document = {"preview": seen.model_dump(mode="json"), "aws_dry_run": answer or None}
    emit(settings, document, lambda: print("\n".join([*preview_lines(seen), told])))
