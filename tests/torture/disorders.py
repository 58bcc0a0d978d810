"""What the account is told to do wrong: one fault, or what takes more than one."""

from typing import Any

LAG_SECONDS = 300
"""as long as EC2 may show an old state"""


def orders_of(operation: str, nth: int, kind: str, fleet: dict[str, Any]) -> list[dict[str, Any]]:
    """What the account is told to do wrong."""

    def one(kind: str, operation: str = operation, **more: Any) -> dict[str, Any]:
        return {"operation": operation, "kind": kind, "more": {"skip": nth} | more}

    stale = one("stale", "*", times=0, seconds=LAG_SECONDS, skip=0)
    stranger = {"change": _strangers_change(fleet)}
    staged = {
        "stale": [stale],
        "lost-and-stale": [stale, one("drop-after-effect")],
        "unsent-and-stale": [stale, one("drop")],
        "expired-from": [one("expired-credentials", times=0)],
        "stranger-before": [one("stranger", when="before", **stranger)],
        "stranger-after": [one("stranger", when="after", **stranger)],
        "lost-and-stranger": [one("drop-after-effect"), one("stranger", when="after", **stranger)],
    }
    return staged.get(kind) or [one(kind)]


def _strangers_change(fleet: dict[str, Any]) -> dict[str, Any]:
    """Somebody else's, to the fleet that is acted on, or to a group where that does not exist yet."""
    name = fleet["fleet_id"]
    match fleet["kind"]:
        case "ec2-fleet" if name.startswith("fleet-"):
            return {"fleet": name, "tags": {"owner": "somebody"}}
        case "spot-fleet":
            return {"spot_fleet": name, "tags": {"owner": "somebody"}}
        case "instance" if name.startswith("i-"):
            return {"instance": name, "tags": {"owner": "somebody"}}
        case _:
            return {"group": "trainers", "max": 10}
