"""An independent judge of small documents, straight from the words of the design. It shares no code with the engine.

It reads document, action and facts as plain dicts, knows a few clauses only, and is written to be read, not to be fast.
"""

RANK = {"deny": 0, "ask": 1, "allow": 2}
RISKS = ("low", "medium", "high")
CHANGES = {
    "on_demand_base_capacity": "set-purchase-mix",
    "instance_types": "set-instance-types",
    "desired_capacity": "set-desired-capacity",
    "max_size": "set-size-limits",
}
OPERATIONS = {
    "stop": "stop-instances",
    "terminate": "terminate-instances",
    "enter-standby": "enter-standby",
    "exit-standby": "exit-standby",
    "unprotect-from-scale-in": "set-scale-in-protection",
}
LAUNCH_OR_END = {
    "change-fleet", "operate-instances", "start-instance-refresh", "create-fleet", "delete-fleet", "run-instances",
}  # fmt: skip
MAY_END = LAUNCH_OR_END | {"replace-instances"}
MAY_COST = LAUNCH_OR_END | {"create-snapshots", "create-snapshot", "create-volume", "set-delete-on-termination"}
LOSES = {"delete-volume", "delete-snapshot"}


def verdict(document: dict, action: dict, facts: dict) -> str:
    said = [*_ground(document, action, facts), *_policies(document, action, facts)]
    return min(said, key=RANK.__getitem__)


def words(action: dict) -> set[str]:
    match action["kind"]:
        case "change-fleet":
            return {word for field, word in CHANGES.items() if action.get(field) is not None}
        case "operate-instances":
            return {OPERATIONS[action["operation"]]}
        case "set-targets":
            return {"register-targets" if action["registered"] else "deregister-targets"}
        case "set-tags":
            return ({"tag"} if action.get("tags") else set()) | ({"remove-tag"} if action.get("remove") else set())
        case kind:
            return {kind}


def _chosen(facts: dict) -> bool:
    return facts["actor"] != "reflex"


def _leaves_service(action: dict, facts: dict) -> bool:
    return action["kind"] in MAY_END or (action["kind"] == "set-targets" and _chosen(facts))


def _costs(action: dict, facts: dict) -> bool:
    return action["kind"] in MAY_COST or (action["kind"] == "replace-instances" and _chosen(facts))


def _ground(document: dict, action: dict, facts: dict):
    yield {True: "deny", False: "allow", None: "ask"}[facts["kill_switch"]]
    yield {True: "allow", False: "deny", None: "ask"}[facts["audit_verified"]]
    yield from _protected(document.get("protect", {}), action, facts)
    yield from _tags_of_the_law(document, action, facts)
    kept = action["kind"] == "delete-snapshot" and facts["superseded"] is True
    loses = action.get("delete_on_termination") is True or (action["kind"] in LOSES and not kept)
    yield "ask" if loses else "allow"
    blast = document.get("blast_radius", {})
    if "max_actions" in blast:
        done = facts["use"]["actions"].get("1h")
        yield "ask" if done is None else "deny" if done + 1 > blast["max_actions"]["count"] else "allow"
    if _leaves_service(action, facts):
        yield _replaced(blast.get("max_instances_replaced"), action, facts)
    for budget in document.get("budgets", []):
        if _costs(action, facts):
            yield _budget(budget, facts)


def _protected(protect: dict, action: dict, facts: dict):
    for tag in protect.get("tags", []):
        for tags in (facts["tags"], *([facts["volume_tags"]] if action["kind"] == "attach-volume" else [])):
            yield "ask" if tags is None else "deny" if tags.get(tag["key"]) == tag["value"] else "allow"
    if protect.get("instance_ids") and action["kind"] not in {"request-checkpoint", "restore-checkpoint"}:
        named = {*action.get("instance_ids", ()), action.get("instance_id"), *(facts["instance_ids"] or ())}
        if action["fleet"]["kind"] == "instance":
            named.add(action["fleet"]["fleet_id"])
        hit = named & set(protect["instance_ids"])
        yield "deny" if hit else "ask" if facts["instance_ids"] is None else "allow"
    if _leaves_service(action, facts):
        count = facts["scale_in_protected"]
        yield "ask" if count is None else "deny" if count else "allow"
    yield "deny" if set(protect.get("never", ())) & (words(action) | _amounts_to(action)) else "allow"


def _amounts_to(action: dict) -> set[str]:
    group = action["fleet"]["kind"] == "asg"
    ends = action.get("operation") == "terminate" or action.get("terminate_instances") is True
    found = {"terminate-instances"} if ends else set()
    found |= {"terminate-outside-asg"} if ends and not group else set()
    return found | ({"delete-asg"} if action["kind"] == "delete-fleet" and group else set())


def _tags_of_the_law(document: dict, action: dict, facts: dict):
    if action["kind"] not in {"set-tags", "create-fleet", "run-instances", "create-volume"}:
        return
    keys = {t["key"] for t in document.get("protect", {}).get("tags", [])}
    keys |= {k for p in document["policies"] for f in p["filters"] for k in _keys(f)}
    given = {t["key"] for t in action.get("tags", ())} | set(action.get("remove", ()))
    if any(k in keys or k.startswith("spotwarden") for k in given):
        yield "deny" if action["kind"] == "set-tags" and facts["actor"] != "person" else "ask"


def _keys(f: dict):
    for key, value in f.items():
        if key in ("or", "not"):
            yield from (k for g in value for k in _keys(g))
        else:
            yield key.removeprefix("tag:")


def _replaced(limit: dict | None, action: dict, facts: dict) -> str:
    """Unsaid: more than half of a fleet, or than ten instances, in one hour asks; the reflex is not asked."""
    if limit is None and not _chosen(facts):
        return "allow"
    over, limit = ("deny", limit) if limit is not None else ("ask", {"percent": 50, "count": 10})
    count, whole = facts["instances_replaced"], facts["desired_capacity"]
    if count is None:
        return "ask"
    if count == 0:
        return "allow"
    if action["fleet"]["kind"] == "instance":
        most, done = limit.get("count", 10), facts["use"]["instances_replaced"].get("1h everywhere")
    elif "percent" in limit and whole is None:
        return "ask"
    else:
        parts = [limit["count"]] if "count" in limit else []
        parts += [whole * limit["percent"] // 100] if "percent" in limit else []
        most, done = min(parts), facts["use"]["instances_replaced"].get("1h")
    return "ask" if done is None else over if done + count > most else "allow"


def _budget(budget: dict, facts: dict) -> str:
    added = facts["added_cost_usd_per_day"]
    if added is None:
        return "ask"
    if added <= 0:
        return "allow"
    used = facts["use"]["added_cost_usd"].get(budget["name"])
    return "ask" if used is None else "deny" if used + added > budget["limit"] else "allow"


def _policies(document: dict, action: dict, facts: dict):
    wanted, named = words(action), set()
    for policy in document["policies"]:
        hit = wanted & set(policy["actions"])
        matches = _matches(policy["filters"], facts)
        notice = policy["mode"].get("on") is not None
        speaks = policy["resource"] in ("any", facts["resource"]) and notice != _chosen(facts)
        if not hit or matches is False or not speaks:
            continue
        named |= hit
        if matches is None:
            yield "ask"
        else:
            yield from _policy(policy, action, facts)
    if wanted - named:
        yield "deny"


def _matches(filters: list, facts: dict):
    answers = [_match(f, facts) for f in filters]
    return False if False in answers else None if None in answers else True


def _match(f: dict, facts: dict):
    if "not" in f:
        answer = _matches(f["not"], facts)
        return None if answer is None else not answer
    if "or" in f:
        answers = [_match(g, facts) for g in f["or"]]
        return True if True in answers else None if None in answers else False
    if facts["tags"] is None:
        return None
    ((key, value),) = f.items()
    return facts["tags"].get(key.removeprefix("tag:")) == value


def _policy(policy: dict, action: dict, facts: dict):
    mode = policy["mode"]
    yield {"observe": "deny", "approve": "ask", "autonomous": "allow"}[mode["type"]]
    if action["kind"] in LAUNCH_OR_END:
        yield from _shape(policy.get("capacity", {}), facts)
    yield from _limits(policy, action, facts)
    row = mode.get("requires", {}).get("approved_in_a_row")
    if row is not None:
        has = facts["track_record"]["approved_in_a_row"]
        short = "deny" if policy.get("else", {}).get("type") == "observe" else "ask"
        yield "ask" if has is None else short if has < row else "allow"
    zones = policy.get("when")
    if zones:
        yield "ask" if facts["zones"] is None else "allow" if facts["zones"] > int(zones.split()[-1]) else "deny"


def _shape(capacity: dict, facts: dict):
    base = capacity.get("on_demand_base")
    if base:
        mix = facts["mix_after"]
        yield "ask" if mix is None else "allow" if mix["on_demand_base_capacity"] >= base["min"] else "deny"
    desired, after = capacity.get("desired"), facts["desired_capacity_after"]
    if desired:
        yield "ask" if after is None else "allow" if desired["min"] <= after <= desired["max"] else "deny"
    floor, on_demand = capacity.get("on_demand_instances"), facts["on_demand_instances_after"]
    if floor:
        yield "ask" if on_demand is None else "allow" if on_demand >= floor["min"] else "deny"


def _limits(policy: dict, action: dict, facts: dict):
    limits = policy.get("limits", {})
    otherwise = "ask" if policy.get("else", {}).get("type") == "approve" else "deny"
    score, risk = limits.get("min_placement_score"), limits.get("max_risk")
    if score and action["kind"] in LAUNCH_OR_END:
        has = facts["placement_score"]
        yield "ask" if has is None else "allow" if has >= score else otherwise
    if risk and action["kind"] in LAUNCH_OR_END:
        after = facts["risk_after"]
        known = after in RISKS
        yield "ask" if not known else "allow" if RISKS.index(after) <= RISKS.index(risk) else otherwise
    if "max_added_cost" in limits and _costs(action, facts):
        added = facts["added_cost_usd_per_day"]
        yield "ask" if added is None else "allow" if added <= limits["max_added_cost"]["amount"] else otherwise
    if "max_instances_replaced" in limits and _leaves_service(action, facts):
        count = facts["instances_replaced"]
        yield "ask" if count is None else "allow" if count <= limits["max_instances_replaced"] else otherwise
