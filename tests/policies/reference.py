"""An independent judge of small documents, straight from the words of the design. It shares no code with the engine.

It reads the document as plain dicts, knows a few clauses only, and is written to be read, not to be fast.
"""

RANK = {"deny": 0, "ask": 1, "allow": 2}


def verdict(document: dict, action: dict, facts: dict) -> str:
    said = [*_ground(document, facts), *_policies(document, action, facts)]
    return min(said, key=RANK.__getitem__)


def _ground(document: dict, facts: dict):
    yield {True: "deny", False: "allow", None: "ask"}[facts["kill_switch"]]
    yield {True: "allow", False: "deny", None: "ask"}[facts["audit_verified"]]
    for tag in document.get("protect", {}).get("tags", []):
        yield "ask" if facts["tags"] is None else "deny" if facts["tags"].get(tag["key"]) == tag["value"] else "allow"
    count = facts["scale_in_protected"]
    yield "ask" if count is None else "deny" if count else "allow"
    limit = document.get("blast_radius", {}).get("max_actions")
    if limit:
        done = facts["use"]["actions"].get("1h")
        yield "ask" if done is None else "deny" if done + 1 > limit["count"] else "allow"
    for budget in document.get("budgets", []):
        yield _budget(budget, facts)


def _budget(budget: dict, facts: dict) -> str:
    added = facts["added_cost_usd_per_day"]
    if added is None:
        return "ask"
    if added <= 0:
        return "allow"
    used = facts["use"]["added_cost_usd"].get(budget["name"])
    return "ask" if used is None else "deny" if used + added > budget["limit"] else "allow"


def _policies(document: dict, action: dict, facts: dict):
    wanted = {"set-purchase-mix"} if action.get("on_demand_base_capacity") is not None else set()
    wanted |= {"set-desired-capacity"} if action.get("desired_capacity") is not None else set()
    named = set()
    for policy in document["policies"]:
        words = wanted & set(policy["actions"])
        matches = _matches(policy["filters"], facts)
        if not words or matches is False:
            continue
        named |= words
        if matches is None:
            yield "ask"
        else:
            yield from _policy(policy, facts)
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


def _policy(policy: dict, facts: dict):
    mode = policy["mode"]
    yield {"observe": "deny", "approve": "ask", "autonomous": "allow"}[mode["type"]]
    otherwise = "ask" if policy.get("else", {}).get("type") == "approve" else "deny"
    base = policy.get("capacity", {}).get("on_demand_base")
    if base:
        mix = facts["mix_after"]
        yield "ask" if mix is None else "allow" if mix["on_demand_base_capacity"] >= base["min"] else "deny"
    score = policy.get("limits", {}).get("min_placement_score")
    if score:
        has = facts["placement_score"]
        yield "ask" if has is None else "allow" if has >= score else otherwise
    row = mode.get("requires", {}).get("approved_in_a_row")
    if row is not None:
        has = facts["track_record"]["approved_in_a_row"]
        short = "deny" if policy.get("else", {}).get("type") == "observe" else "ask"
        yield "ask" if has is None else short if has < row else "allow"
    zones = policy.get("when")
    if zones:
        yield "ask" if facts["zones"] is None else "allow" if facts["zones"] > int(zones.split()[-1]) else "deny"
