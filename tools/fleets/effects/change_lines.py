"""A change of a fleet as people read it: the diff, and what to know before saying yes. Pure."""

from tools.fleets.launches import Movement, desired_after, mix_after, weights
from tools.records import ChangeFleet, FieldChange, Fleet, InstanceRequirements, PurchaseMix

_OF_MIX = (
    "on_demand_base_capacity",
    "on_demand_percentage_above_base",
    "on_demand_allocation_strategy",
    "spot_allocation_strategy",
)
_OF_FLEET = ("min_size", "max_size", "capacity_rebalance", "new_instances_protected")


def change_lines(action: ChangeFleet, fleet: Fleet) -> tuple[FieldChange, ...]:
    """A line a field that moves; empty where the fleet is already so."""
    now, then = fleet.mix, mix_after(action, fleet)
    pairs: list[tuple[str, object, object]] = []
    if now is not None and then is not None:
        pairs = [(f, getattr(now, f), getattr(then, f)) for f in _OF_MIX]
    pairs.append(("desired_capacity", fleet.desired_capacity, desired_after(action, fleet)))
    for field in _OF_FLEET:
        wanted = getattr(action, field)
        pairs.append((field, getattr(fleet, field), getattr(fleet, field) if wanted is None else wanted))
    if action.launch_template_version is not None and fleet.launch_template is not None:
        pairs.append(("launch_template_version", fleet.launch_template.version, str(action.launch_template_version)))
    lines = [FieldChange(sign="~", field=f, before=_said(a), after=_said(b)) for f, a, b in pairs if a != b]
    return (*lines, *_type_lines(now, then)) if now is not None and then is not None else tuple(lines)


def _type_lines(now: PurchaseMix, then: PurchaseMix) -> list[FieldChange]:
    was, has = {o.instance_type: o for o in now.overrides}, {o.instance_type: o for o in then.overrides}
    lines = [FieldChange(sign="-", field="instance_types", before=t, after="") for t in was if t not in has]
    lines += [FieldChange(sign="+", field="instance_types", before="", after=t) for t in has if t not in was]
    lines += [
        FieldChange(
            sign="~",
            field=f"weight of {t}",
            before=_said(was[t].weighted_capacity),
            after=_said(has[t].weighted_capacity),
        )
        for t in has
        if t in was and (was[t].weighted_capacity or 1) != (has[t].weighted_capacity or 1)
    ]
    if was.keys() == has.keys() and list(was) != list(has):
        lines.append(FieldChange(sign="~", field="instance_types (order)", before=", ".join(was), after=", ".join(has)))
    if now.instance_requirements != then.instance_requirements:
        lines.append(
            FieldChange(
                sign="~" if now.instance_requirements else "+",
                field="instance_requirements",
                before=requirements_said(now.instance_requirements),
                after=requirements_said(then.instance_requirements),
            )
        )
    return lines


def requirements_said(wanted: InstanceRequirements | None) -> str:
    """4–8 vCPU, 16384–32768 MiB, m6*.*; "" = none."""
    if wanted is None:
        return ""
    said = [
        f"{wanted.min_vcpus}–{wanted.max_vcpus or '∞'} vCPU",
        f"{wanted.min_memory_mib}–{wanted.max_memory_mib or '∞'} MiB",
        ", ".join(wanted.allowed_instance_types),
        f"not {', '.join(wanted.excluded_instance_types)}" if wanted.excluded_instance_types else "",
        ", ".join(wanted.cpu_manufacturers),
        ", ".join(wanted.instance_generations),
    ]
    return "; ".join(s for s in said if s)


def _said(value: object) -> str:
    return "none" if value is None else str(value)


def change_warnings(action: ChangeFleet, fleet: Fleet, moved: Movement) -> tuple[str, ...]:
    said: list[str] = []
    if moved.ends:
        first = ", new ones before old" if moved.launches else ""
        said.append(
            f"AWS will terminate {len(moved.ends)} of {len(fleet.instances)} instances{first};"
            " these are the likeliest, AWS chooses"
        )
    if fleet.ref.kind != "asg" and any(i.purchase_option == "on-demand" for i in moved.ends):
        said.append(
            "EC2 documents that a smaller target ends spot instances, not that it ends on-demand ones: these may run"
            " on, and are billed, until somebody ends them"
        )
    mix = mix_after(action, fleet)
    removed = {*(fleet.mix.instance_types if fleet.mix else ())} - {*(mix.instance_types if mix else ())}
    staying = [i for i in fleet.instances if i.instance_type in removed and i not in moved.ends]
    if staying:
        said.append(f"{len(staying)} running instances of removed types stay until something else replaces them")
    if fleet.mix and mix and mix.spot_allocation_strategy != fleet.mix.spot_allocation_strategy and not moved.ends:
        said.append("a new allocation strategy holds for new launches only: no running instance is replaced")
    if action.launch_template_version is not None:
        said.append("running instances keep their launch template version: an instance refresh replaces them")
    if action.capacity_rebalance:
        said.append("with capacity rebalancing AWS may go over max size by 10 % while it replaces")
    if any(w != 1 for w in weights(mix).values()):
        said.append("the fleet counts by weights: capacity is in units, and instance counts are estimates")
    if any(option == "spot" for _, _, option in moved.launches):
        said.append("where new spot instances land is EC2's choice: costed as an even spread over the pools")
    if fleet.ref.kind == "spot-fleet":
        said.append("Spot Fleet is legacy and gets no investment: AWS advises EC2 Fleet or an Auto Scaling group")
    return tuple(said)
