"""What may be done about one instance: typed actions that go the one way to write, and what only a person can do. Pure.

The guides' advice by level, in their order: high has four pieces, medium three, low two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tools.records import (
    ChangeFleet,
    Fleet,
    Instance,
    PoolSignal,
    RecommendedAction,
    ReplaceInstances,
    RequestCheckpoint,
    RiskLevel,
    digest_of,
)
from tools.recovery.checkpoints import checkpoint_store

STALE_MINUTES = 30.0
"""the guides' longest checkpoint interval: with more unsaved work, a pressed instance shall save"""
BLIND_STRATEGIES = ("lowest-price", "diversified")
"""they look at no capacity"""
_MOST_BASE = 10_000


@dataclass(frozen=True)
class Pressed:
    """own  EC2's signals for this very instance, oldest first
    unsaved_minutes  None = no whole checkpoint is known
    """

    instance: Instance
    level: RiskLevel
    own: tuple[PoolSignal, ...]
    unsaved_minutes: float | None


def recommend(
    pressed: Pressed, fleet: Fleet, *, high: Sequence[Instance], now: datetime
) -> tuple[RecommendedAction, ...]:
    """By level. Every action in it is possible for this fleet as it stands.

    high  the fleet's instances at high risk: what on-demand capacity would have to stand in for
    """
    match pressed.level:
        case "high":
            return (_save(pressed, fleet, now), _replace(pressed, fleet), _RE_RANK, _fall_back(fleet, high))
        case "medium":
            return (_verify(pressed, fleet, now), _WATCH_REPLACEMENT, _PROGRESS)
        case "unknown":
            return (_FIND_OUT,)
        case "low":
            return (_KEEP, _CONFIRM)


_RE_RANK = RecommendedAction(
    what="re-rank the jobs", why="start nothing long here, and finish what is nearly done; the scheduler is yours"
)
_WATCH_REPLACEMENT = RecommendedAction(
    what="watch for replacements", why="a pool with refusals or a low placement score grants none when it matters"
)
_PROGRESS = RecommendedAction(what="check the job's progress", why="a job that is nearly done is left alone")
_KEEP = RecommendedAction(what="keep monitoring", why="no sign presses")
_CONFIRM = RecommendedAction(what="confirm the savings", why="the cost report has realised savings; nothing to change")
_FIND_OUT = RecommendedAction(
    what="find out more", why="nothing is known of the pool: see what is missing, and let the monitor watch the fleet"
)


def _save(pressed: Pressed, fleet: Fleet, now: datetime) -> RecommendedAction:
    lost = "unknown" if pressed.unsaved_minutes is None else f"{pressed.unsaved_minutes:.0f} minutes"
    store = checkpoint_store(fleet)
    if store is None:
        why = "the fleet names no checkpoint store: tag it, or save by hand"
        return RecommendedAction(what="save now", why=why)
    bucket, job_id = store
    action = RequestCheckpoint(
        fleet=fleet.ref,
        job_id=job_id,
        bucket=bucket,
        instance_ids=(pressed.instance.instance_id,),
        notice_digest=_cause(pressed, now),
    )
    return RecommendedAction(what="save now", why=f"work not saved: {lost}", action=action)


def _cause(pressed: Pressed, now: datetime) -> str:
    """One request a cause: EC2's last signal for the instance; without one, once an hour."""
    if pressed.own:
        return digest_of(pressed.own[-1])
    hour = now.replace(minute=0, second=0, microsecond=0)
    return digest_of({"cause": "risk", "instance_id": pressed.instance.instance_id, "hour": hour})


def _replace(pressed: Pressed, fleet: Fleet) -> RecommendedAction:
    """Detaching starts the replacement while the old one still runs, and is billed until it ends: only where EC2 spoke
    of this very instance. Else replacements are made likelier: by a strategy that looks at capacity.
    """
    what = "prepare a replacement"
    if fleet.ref.kind != "asg":
        return RecommendedAction(what=what, why="an EC2 Fleet of type maintain replaces what it loses by itself")
    kinds = {s.kind for s in pressed.own}
    if "interruption" in kinds:
        why = "EC2 takes it: the two minutes are for starting another"
    elif "rebalance" in kinds:
        why = "EC2 expects to take it: a new one is up before that"
    else:
        return _look_at_capacity(fleet, what)
    action = ReplaceInstances(fleet=fleet.ref, instance_ids=(pressed.instance.instance_id,))
    return RecommendedAction(what=what, why=why, action=action)


def _look_at_capacity(fleet: Fleet, what: str) -> RecommendedAction:
    if fleet.mix is None or fleet.mix.spot_allocation_strategy not in BLIND_STRATEGIES:
        return RecommendedAction(what=what, why="new instances go where EC2 has capacity already; more types help most")
    action = ChangeFleet(fleet=fleet.ref, spot_allocation_strategy="price-capacity-optimized")
    why = f"{fleet.mix.spot_allocation_strategy} would start it in the pool that is being emptied"
    return RecommendedAction(what=what, why=why, action=action)


def _fall_back(fleet: Fleet, high: Sequence[Instance]) -> RecommendedAction:
    """On-demand capacity for the instances at high risk, at most the whole fleet."""
    what = "consider on-demand"
    if fleet.mix is None:
        return RecommendedAction(what=what, why="the group has no mixed instances policy to say it in")
    weights = {o.instance_type: o.weighted_capacity or 1 for o in fleet.mix.overrides}
    units = sum(weights.get(i.instance_type, 1) for i in high)
    base = min(fleet.mix.on_demand_base_capacity + units, max(fleet.desired_capacity, 0), _MOST_BASE)
    if base <= fleet.mix.on_demand_base_capacity:
        return RecommendedAction(what=what, why="its on-demand base is the whole fleet already")
    action = ChangeFleet(fleet=fleet.ref, on_demand_base_capacity=base)
    why = f"{len(high)} of {len(fleet.spot)} spot instances are at high risk; it costs more, see the preview"
    return RecommendedAction(what=what, why=why, action=action)


def _verify(pressed: Pressed, fleet: Fleet, now: datetime) -> RecommendedAction:
    """A fresh checkpoint is enough; an old or missing one is asked for."""
    unsaved = pressed.unsaved_minutes
    if unsaved is not None and unsaved <= STALE_MINUTES:
        return RecommendedAction(
            what="verify the checkpoints", why=f"{unsaved:.0f} minutes are not saved: that is fresh"
        )
    return _save(pressed, fleet, now).with_(what="verify the checkpoints")
