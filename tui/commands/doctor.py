"""`spotwarden doctor`: what works and what does not, before anything depends on it. Reads only."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tui.config import Settings, settings_of

if TYPE_CHECKING:
    from tui.opening import House

app = typer.Typer(rich_markup_mode=None)
# what actuation needs beyond the tools' own reads
_ALWAYS_READ = (
    "sts:GetCallerIdentity",
    "ec2:DescribeAvailabilityZones",
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    # what a plan of the rarer operations looks at
    "autoscaling:DescribeInstanceRefreshes",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeInstanceTypeOfferings",
    "ec2:DescribeLaunchTemplateVersions",
    "ec2:DescribeSnapshots",
    "ec2:DescribeTags",
    "elasticloadbalancing:DescribeTargetGroupAttributes",
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeTargetHealth",
)


@app.command()
def doctor(
    ctx: typer.Context,
    iam: Annotated[bool, typer.Option("--iam", help="print least-privilege IAM documents: read, and write")] = False,
) -> None:
    """Check credentials, prices, policy, model, journal and terminal. Every line says what to do when it fails."""
    from tui.opening import open_house
    from tui.output import emit, plain

    settings = settings_of(ctx)
    if iam:
        print(json.dumps(iam_documents(), indent=2))
        return
    with open_house(settings) as house:
        checks = [_check(name, look) for name, look in _checks(settings, house)]
    lines = [f"{'ok  ' if c['ok'] else 'FAIL'}  {c['check']:<12} {plain(c['saw'])}" for c in checks]
    emit(settings, {"ok": all(c["ok"] for c in checks), "checks": checks}, lambda: print("\n".join(lines)))
    if not all(c["ok"] for c in checks):
        raise typer.Exit(1)


def iam_documents() -> dict[str, Any]:
    """Two IAM policy documents, from the IAM actions that the tools and the effects declare."""
    from tools.catalog import CATALOG
    from tools.fleets.effects import EFFECTS

    read = {a for t in CATALOG for a in t.iam if t.effect == "read"} | set(_ALWAYS_READ)
    write = {a for t in CATALOG for a in t.iam if t.effect == "write"}
    write |= {a for effect in EFFECTS.values() for a in effect.iam}
    return {"read": _document("SpotwardenRead", read), "write": _document("SpotwardenWrite", write - read)}


def _document(sid: str, actions: set[str]) -> dict[str, Any]:
    statement = {"Sid": sid, "Effect": "Allow", "Action": sorted(actions), "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def _checks(settings: Settings, house: "House") -> list[tuple[str, Callable[[], str]]]:
    return [
        ("journal", lambda: _journal(house)),
        ("policy", lambda: f"{house.policy.source}: {house.mode}"),
        ("account", lambda: _account(house)),
        ("fleets", lambda: f"{len(house.account.reader.fleets())} found"),
        ("prices", lambda: _prices(house)),
        ("archive", lambda: _archive(house)),
        ("advisor", lambda: _advisor(house)),
        ("model", lambda: house.model.name),
        ("queue", lambda: settings.queue or ("simulated" if house.queue else "none: --events URL of an SQS queue")),
        ("webhook", lambda: _webhook(settings)),
    ]


def _check(name: str, look: Callable[[], str]) -> dict[str, Any]:
    from tools.errors import SpotError
    from tui.opening import tell

    try:
        return {"check": name, "ok": True, "saw": look()}
    except SpotError as error:
        return {"check": name, "ok": False, "saw": tell(error)}


def _journal(house: "House") -> str:
    from tools.errors import AuditBroken

    house.journal.head()
    checked = house.verify()
    if not checked.ok:
        raise AuditBroken(checked.reason, hint="spotwarden audit verify tells more")
    return f"{house.settings.db}: {checked.entries} entries, verified"


def _webhook(settings: Settings) -> str:
    """It is not tried: whatever is sent there, people read."""
    from agent.webhook import Webhook

    if settings.webhook is None:
        return "none: nobody is told of interruptions; SPOTWARDEN_WEBHOOK names one"
    return f"set, at {Webhook(settings.webhook).host}; not tried"


def _archive(house: "House") -> str:
    from tools.errors import DataError

    if house.archive.unavailable is not None:
        raise DataError(house.archive.unavailable)
    return str(house.settings.archive_file)


def _advisor(house: "House") -> str:
    from tools.errors import NotFound

    region = house.account.reader.account().region
    bands = house.advisor.bands(region)
    if not bands:
        raise NotFound(f"the Spot Advisor does not know {region}", hint="risk is told without its bands")
    return f"{len(bands)} types of {region}, as of {bands[0].as_of:%Y-%m-%d}: {bands[0].source}"


def _account(house: "House") -> str:
    who = house.account.reader.account()
    return f"{who.account_id} {who.region} as {who.arn}" + (" (simulated)" if house.simulated else "")


def _prices(house: "House") -> str:
    from tools.errors import NoPriceHistory
    from tools.market.pricebook import read_price_book

    types = next((f.instance_types for f in house.account.reader.fleets() if f.instance_types), ("m6i.large",))
    book = read_price_book(house.account.reader, house.clock, types[:2])
    if book.oldest is None:
        raise NoPriceHistory(f"no spot price for {', '.join(types[:2])}", hint="is the region right?")
    return f"spot prices of {', '.join(types[:2])}; on-demand {book.on_demand(types[0]) or 'unknown'}"
