"""`spotwarden ray`: cluster files for Ray on spot: faults found and explained, and better ones written."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tui.config import Settings, settings_of

if TYPE_CHECKING:
    from tools.recovery.ray.findings import Finding, Review
    from tools.recovery.ray.plan import ClusterPlan

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)
_COLOURS = {"error": "1;31", "warning": "33", "info": "36"}
GUARD = "dist/spotwarden_guard.pyz"
_WORDS = {"info": "note"}
_LISTS = ("subnets", "head_security_groups", "worker_security_groups", "types", "packages")


@app.callback()
def ray() -> None:
    """Ray on spot: cluster files checked and written, with the reason of everything.

    \b
    lint  find the faults of a cluster file, a script, a guide, a driver: spotwarden ray lint cluster.yaml
    plan  write a cluster file: spotwarden ray plan --name etl --subnet … --out cluster.yaml

    Ray's own schema and parser are asked too where Ray is installed: pip install 'spotwarden[cluster]'.
    """


@app.command()
def lint(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="cluster YAML, shell script, Markdown with code blocks, or a driver")],
    strict: Annotated[bool, typer.Option("--strict", help="warnings are errors too")] = False,
    parse: Annotated[bool, typer.Option("--parse/--no-parse", help="start Ray's own parser, where it is there")] = True,
    gp3_usd: Annotated[
        float | None, typer.Option(min=0, help="USD per GiB and month of gp3, for what root volumes cost")
    ] = None,
) -> None:
    """Find what fails or costs on spot: each fault with its line, what was seen, why it matters, and the way out.

    \b
    spotwarden ray lint cluster.yaml
    spotwarden ray lint guide.md --gp3-usd 0.08
    spotwarden ray lint driver.py --strict
    spotwarden ray lint make-cluster.sh --json

    Nothing is run and no account is asked. Of secrets only the kind is told. Exit 1: errors (with --strict: warnings).
    """
    from tools.recovery.ray.lint import Asked, lint_file
    from tui.output import emit

    settings = settings_of(ctx)
    review = lint_file(file, Asked(storage_usd_per_gib_month=gp3_usd, parse=parse))
    emit(settings, review, lambda: print("\n".join(_review_lines(settings, review))))
    if review.errors or (strict and review.warnings):
        raise typer.Exit(1)


def _review_lines(settings: Settings, review: "Review") -> list[str]:
    from tui.output import plain

    lines: list[str] = []
    told_before: set[tuple[str, str]] = set()
    for finding in review.findings:
        lines += _finding_lines(settings, review.file, finding, told_before)
    infos = len(review.findings) - review.errors - review.warnings
    counts = ((review.errors, "error"), (review.warnings, "warning"), (infos, "note"))
    told = ", ".join(f"{n} {word}{'' if n == 1 else 's'}" for n, word in counts)
    lines += [f"{plain(review.file)}: {told}"]
    return [*lines, *(f"  checked: {plain(line)}" for line in review.checked)]


def _finding_lines(
    settings: Settings, file: str, finding: "Finding", told_before: set[tuple[str, str]]
) -> Iterator[str]:
    """told_before  reasons and ways out that stand above already, by rule: they are not repeated"""
    from tui.output import plain, style

    severity = style(settings, _WORDS.get(finding.severity, finding.severity), _COLOURS[finding.severity])
    row = f" ({finding.row})" if finding.row else ""
    head = f"{plain(file)}:{finding.line}: {severity} {finding.rule}{row}: {plain(finding.seen)}"
    yield head
    for mark, text in (("", finding.why), ("→ ", finding.fix)):
        if (finding.rule, text) not in told_before:
            told_before.add((finding.rule, text))
            yield f"    {mark}{plain(text)}"


@app.command()
def plan(
    ctx: typer.Context,
    name: Annotated[str, typer.Option(help="the cluster's name")] = "",
    subnet: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="subnet-…; again for each zone, two zones or more")
    ] = None,
    head_sg: Annotated[list[str] | None, typer.Option(metavar="ID", help="security group of the head")] = None,
    worker_sg: Annotated[list[str] | None, typer.Option(metavar="ID", help="security group of the workers")] = None,
    head_profile: Annotated[str, typer.Option(help="instance profile: EC2 launches, iam:PassRole, S3")] = "",
    worker_profile: Annotated[str, typer.Option(help="instance profile: S3, nothing of EC2")] = "",
    x86_ami: Annotated[str, typer.Option(help="image for x86_64 groups")] = "",
    arm_ami: Annotated[str, typer.Option(help="image for arm64 groups; without it there are none")] = "",
    spill: Annotated[str, typer.Option(help="s3://BUCKET/PREFIX for spilled objects")] = "",
    types: Annotated[str, typer.Option(help="spot types with commas, best first; default ranked by the market")] = "",
    vcpus: Annotated[str, typer.Option(metavar="RANGE", help="of a worker, when types are ranked")] = "8",
    memory: Annotated[str, typer.Option(metavar="RANGE", help="GiB of a worker, when types are ranked")] = "32..64",
    types_each: Annotated[int, typer.Option(help="types of each architecture, when they are ranked")] = 3,
    max_workers: Annotated[int, typer.Option(help="spot nodes at most, over all groups")] = 16,
    head_type: Annotated[str, typer.Option(help="the head's instance type, on demand")] = "m7i.xlarge",
    on_demand_type: Annotated[str, typer.Option(help="behind the spot groups; default the best group's type")] = "",
    on_demand_min: Annotated[int, typer.Option(help="on-demand workers that always run")] = 1,
    on_demand_max: Annotated[int, typer.Option(help="on-demand workers at most")] = 4,
    pip: Annotated[
        list[str] | None, typer.Option(metavar="PIN", help="installed on every node; again for more")
    ] = None,
    ray_version: Annotated[str, typer.Option(help="of the cluster; default the one that is installed here")] = "",
    python: Annotated[str, typer.Option(help="of the cluster, such as 3.12")] = "3.12",
    root_gib: Annotated[int, typer.Option(help="of every node's gp3 root")] = 100,
    ssh_user: Annotated[str, typer.Option(help="of the images")] = "ec2-user",
    idle_minutes: Annotated[int, typer.Option(help="until an idle worker goes")] = 5,
    tag: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="on instances and volumes; again for more")
    ] = None,
    guard: Annotated[str, typer.Option(help="spotwarden_guard.pyz here, for the watcher")] = GUARD,
    old: Annotated[Path | None, typer.Option("--from", help="an old cluster file, or a guide with one")] = None,
    out: Annotated[Path | None, typer.Option(help="write it there; default stdout")] = None,
    force: Annotated[bool, typer.Option("--force", help="replace the file of --out")] = False,
) -> None:
    """Write a cluster file: on-demand head, spot groups over types and zones, an on-demand group, drain on notice.

    \b
    spotwarden ray plan --name etl --subnet subnet-0aaa… --subnet subnet-0bbb… --head-sg sg-0ccc… \\
      --worker-sg sg-0ddd… --head-profile ray-head --worker-profile ray-worker --x86-ami ami-0eee… \\
      --arm-ami ami-0fff… --spill s3://acme-spill/etl --out cluster.yaml
    spotwarden ray plan --from old-cluster.yaml --subnet … --pip pandas==2.3.3 --out cluster.yaml

    Region, zones, offered types and their ranking come from the account. With --from what is right in the old file is
    kept (names, subnets, profiles, types), its faults are not. What is missing is refused by its option's name. The
    comments in the file say why. It lints clean; launch it with: ray up cluster.yaml -y
    """
    from tools.choice.survey import Doors
    from tools.clusters import ranked_by
    from tools.recovery.ray.plan import plan_cluster
    from tools.recovery.ray.wanted import Wanted
    from tui.opening import open_house

    settings = settings_of(ctx)
    _check_out(out, force=force)
    given: dict[str, Any] = {
        "name": name, "subnets": subnet, "head_security_groups": head_sg, "worker_security_groups": worker_sg,
        "head_profile": head_profile, "worker_profile": worker_profile, "x86_image": x86_ami, "arm_image": arm_ami,
        "spill": spill, "types": types.split(","), "vcpus": vcpus, "memory_gib": memory, "types_each": types_each,
        "most_workers": max_workers, "head_type": head_type, "on_demand_type": on_demand_type,
        "on_demand_least": on_demand_min, "on_demand_most": on_demand_max, "packages": pip, "ray_version": ray_version,
        "python": python, "root_gib": root_gib, "ssh_user": ssh_user, "idle_minutes": idle_minutes, "guard": guard,
        "tags": tuple(_tag(text) for text in tag or ()),
    }  # fmt: skip
    given |= {key: _words(given[key]) for key in _LISTS}
    wanted = Wanted(**given)
    with open_house(settings) as house:
        desk = house.desk
        rank = ranked_by(Doors(desk.reader, desk.clock, desk.archive, desk.advisor))
        planned = plan_cluster(desk.reader, desk.clock, rank, wanted, old=old)
    _tell(settings, planned, out, guard=guard)


def _words(values: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for word in values or () if word.strip()))


def _tag(text: str) -> tuple[str, str]:
    from tools.errors import UsageError

    key, equals, value = text.partition("=")
    if not (key and equals):
        raise UsageError(f"--tag {text[:60]!r}: not KEY=VALUE", hint="such as --tag team=data")
    return key, value


def _check_out(out: Path | None, *, force: bool) -> None:
    """Before the account is asked. Raises UsageError: it is there already, or cannot be written."""
    from tools.errors import UsageError
    from tools.whole_file import check_writable

    if out is None:
        return
    check_writable(out)
    if out.exists() and not force:
        raise UsageError(f"{out}: it is there already", hint="name another file, or replace it with --force")


def _tell(settings: Settings, planned: "ClusterPlan", out: Path | None, *, guard: str) -> None:
    from tools.whole_file import write_whole
    from tui.output import emit, plain, say

    if out is not None:
        write_whole(out, [planned.text])
    for note in planned.notes:
        say(settings, plain(note))
    if not Path(guard).expanduser().exists():
        say(settings, f"{plain(guard)} is not here yet, and ray up copies it to the nodes: make pyz, or --guard FILE")
    spot = [g for g in planned.groups if g.on_spot]
    zones = {zone for g in spot for zone in g.zones}
    told = f"{plain(out)}: {len(spot)} spot groups over {len(zones)} zones, {len(planned.groups) - len(spot)} on demand"
    emit(settings, planned, lambda: print(planned.text if out is None else told, end="" if out is None else "\n"))
