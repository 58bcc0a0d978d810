"""start-instance-refresh and cancel-instance-refresh: a group's instances replaced in batches."""

from datetime import timedelta
from typing import Any

from tools.cloud import CloudReader, CloudWriter, Receipt
from tools.errors import UsageError
from tools.fleets.effects.effect import Effect, instances_bound
from tools.fleets.launches import Movement, replacements
from tools.market.pricebook import PriceBook
from tools.records import (
    CancelInstanceRefresh,
    FieldChange,
    Fleet,
    Instance,
    InstanceRefresh,
    Intent,
    StartInstanceRefresh,
)

_KNOWN = 20
"""refreshes that an intent remembers; older ones are told by their start"""
_SKEW = timedelta(minutes=1)
"""how far our clock may be ahead of Auto Scaling's"""


class StartInstanceRefreshEffect(Effect[StartInstanceRefresh]):
    """Auto Scaling takes no token for it: that it happened is told by a refresh that was not known before, begun since
    the intent, with our preferences. It cannot be told from one that somebody else began in that time with the very
    same preferences; only one runs at a time, so AWS then refused ours, and theirs does the same.
    """

    iam = ("autoscaling:StartInstanceRefresh",)

    def seen(self, reader: CloudReader, action: StartInstanceRefresh, fleet: Fleet) -> dict[str, Any]:
        """Also what runs: a refresh that somebody began since then is a drift."""
        if fleet.ref.kind != "asg":
            return fleet.state
        running = sorted(r.refresh_id for r in reader.instance_refreshes(fleet.ref) if r.runs)
        return {**fleet.state, "instance_refreshes_running": running}

    def check(self, action: StartInstanceRefresh, fleet: Fleet) -> None:
        _check_kind(fleet)

    def check_now(self, reader: CloudReader, action: StartInstanceRefresh, fleet: Fleet) -> None:
        running = next((r for r in reader.instance_refreshes(fleet.ref) if r.runs), None)
        if running is not None:
            done = "" if running.percentage_complete is None else f", {running.percentage_complete} % done"
            raise UsageError(
                f"{fleet.name}: instance refresh {running.refresh_id} is {running.status}{done}; one runs at a time",
                hint=f"wait until it has ended, or cancel it: cancel-instance-refresh {running.refresh_id}",
            )

    def lines(self, action: StartInstanceRefresh, fleet: Fleet) -> tuple[FieldChange, ...]:
        going = replaced(action, fleet)
        kept = f"{action.min_healthy_percentage} % in service, {action.instance_warmup_seconds} s of warm-up"
        before = f"{len(going)} of {len(fleet.instances)}"
        return (FieldChange(sign="-/+", field="instances", before=before, after=f"new ones; {kept}"),) if going else ()

    def calls(self, action: StartInstanceRefresh) -> tuple[str, ...]:
        return ("autoscaling:StartInstanceRefresh",)

    def movement(self, action: StartInstanceRefresh, fleet: Fleet, book: PriceBook) -> Movement:
        going = replaced(action, fleet)
        return Movement(going, replacements(fleet, going, book))

    def warnings(self, action: StartInstanceRefresh, fleet: Fleet, moved: Movement | None) -> tuple[str, ...]:
        said = []
        if action.skip_matching and not _tells_matches(fleet):
            said.append(f"which instances match is AWS's to tell ({_why_not(fleet)}): these are the most")
        spared = [i for i in fleet.instances if i.protected_from_scale_in or i.in_standby]
        if spared:
            said.append(f"{len(spared)} instances that are protected from scale-in or in standby stay as they are")
        if any(option == "spot" for _, _, option in (moved or Movement()).launches):
            said.append("where new spot instances land is EC2's choice: costed as an even spread over the pools")
        return tuple(said)

    def expect_and_want(
        self, reader: CloudReader, action: StartInstanceRefresh, fleet: Fleet
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Which refreshes are known, and that one more shall have begun; with nothing to replace, there is no need."""
        known = [r.refresh_id for r in reader.instance_refreshes(fleet.ref)[:_KNOWN]]
        expect = {"known": known, "begun": False}
        return expect, {**expect, "begun": True} if replaced(action, fleet) else dict(expect)

    def carry_out(self, writer: CloudWriter, intent: Intent, action: StartInstanceRefresh, fleet: Fleet) -> Receipt:
        return writer.start_refresh(intent, action)

    def observe(self, reader: CloudReader, intent: Intent, action: StartInstanceRefresh) -> dict[str, Any]:
        known = intent.expect["known"]
        found = reader.instance_refreshes(action.fleet)
        return {"known": known, "begun": any(_ours(r, intent, action) for r in found if r.refresh_id not in known)}


class CancelInstanceRefreshEffect(Effect[CancelInstanceRefresh]):
    """Auto Scaling cancels whichever runs; that it is the one which is meant is looked at just before."""

    iam = ("autoscaling:CancelInstanceRefresh",)
    moves = False

    def seen(self, reader: CloudReader, action: CancelInstanceRefresh, fleet: Fleet) -> dict[str, Any]:
        bound = instances_bound(fleet, ())
        return bound if fleet.ref.kind != "asg" else {**bound, **_states(reader, action)}

    def check(self, action: CancelInstanceRefresh, fleet: Fleet) -> None:
        _check_kind(fleet)

    def check_now(self, reader: CloudReader, action: CancelInstanceRefresh, fleet: Fleet) -> None:
        state = _states(reader, action)["instance_refreshes"][action.instance_refresh_id]
        if state in {_RUNS, _CANCELLED}:
            return
        running = [r.refresh_id for r in reader.instance_refreshes(fleet.ref) if r.runs]
        raise UsageError(
            f"{fleet.name}: instance refresh {action.instance_refresh_id} {state}, so it cannot be cancelled",
            hint=f"{running[0]} runs" if running else "no instance refresh runs",
        )

    def lines(self, action: CancelInstanceRefresh, fleet: Fleet) -> tuple[FieldChange, ...]:
        field = f"instance refresh {action.instance_refresh_id}"
        return (FieldChange(sign="~", field=field, before=_RUNS, after=_CANCELLED),)

    def calls(self, action: CancelInstanceRefresh) -> tuple[str, ...]:
        return ("autoscaling:CancelInstanceRefresh",)

    def warnings(self, action: CancelInstanceRefresh, fleet: Fleet, moved: Movement | None) -> tuple[str, ...]:
        return ("what it has replaced stays replaced, and what is being replaced is brought to its end",)

    def expect_and_want(
        self, reader: CloudReader, action: CancelInstanceRefresh, fleet: Fleet
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        return _states(reader, action), {"instance_refreshes": {action.instance_refresh_id: _CANCELLED}}

    def carry_out(self, writer: CloudWriter, intent: Intent, action: CancelInstanceRefresh, fleet: Fleet) -> Receipt:
        return writer.cancel_refresh(intent, action)

    def observe(self, reader: CloudReader, intent: Intent, action: CancelInstanceRefresh) -> dict[str, Any]:
        return _states(reader, action)


_RUNS, _CANCELLED = "runs", "cancelled"


def _check_kind(fleet: Fleet) -> None:
    if fleet.ref.kind != "asg":
        raise UsageError(
            f"{fleet.name} is no Auto Scaling group, and only groups have instance refreshes",
            hint="a fleet of type maintain launches from its new settings whatever it loses",
        )


def replaced(action: StartInstanceRefresh, fleet: Fleet) -> tuple[Instance, ...]:
    """The most that a refresh replaces: where it is not known that an instance matches, it is counted."""
    return tuple(
        i
        for i in fleet.instances
        if not (i.protected_from_scale_in or i.in_standby) and not (action.skip_matching and _matches(i, fleet))
    )


def _matches(instance: Instance, fleet: Fleet) -> bool:
    return (
        _tells_matches(fleet)
        and instance.launch_template == fleet.launch_template
        and instance.instance_type in fleet.instance_types
    )


def _tells_matches(fleet: Fleet) -> bool:
    """Whether the group names its template's version by number, and its types by name."""
    by_attributes = fleet.mix is not None and fleet.mix.instance_requirements is not None
    return fleet.launch_template is not None and fleet.launch_template.version.isdigit() and not by_attributes


def _why_not(fleet: Fleet) -> str:
    if fleet.launch_template is None:
        return "the group uses no launch template"
    if not fleet.launch_template.version.isdigit():
        return f"the group uses version {fleet.launch_template.version} of its template"
    return "the group chooses types by attributes"


def _ours(refresh: InstanceRefresh, intent: Intent, action: StartInstanceRefresh) -> bool:
    said = (refresh.min_healthy_percentage, refresh.instance_warmup_seconds, refresh.skip_matching)
    wanted = (action.min_healthy_percentage, action.instance_warmup_seconds, action.skip_matching)
    begun = refresh.started_at is None or refresh.started_at >= intent.opened_at - _SKEW
    return begun and said == wanted


def _states(reader: CloudReader, action: CancelInstanceRefresh) -> dict[str, Any]:
    found = {r.refresh_id: r for r in reader.instance_refreshes(action.fleet)}
    return {"instance_refreshes": {action.instance_refresh_id: _state(found.get(action.instance_refresh_id))}}


def _state(refresh: InstanceRefresh | None) -> str:
    """How far it is gone is left out: it moves by itself."""
    if refresh is None:
        return "is not there"
    if refresh.status in {"Cancelling", "Cancelled"}:
        return _CANCELLED
    return _RUNS if refresh.runs else f"has ended: {refresh.status}"
