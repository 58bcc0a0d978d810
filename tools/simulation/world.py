"""The simulated world: its clock, its ticks, and what happens on them.

One lock guards moto, which has none. Everything random is drawn from dice named after (seed, occasion), so that one
seed and one order of writes give one world, however many reads come between.
"""

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Any

from moto.autoscaling.models import AutoScalingBackend, autoscaling_backends
from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.models.instances import Instance
from moto.events.models import EventsBackend, events_backends
from moto.moto_api._internal import mock_random
from moto.s3.models import S3Backend, s3_backends

from tools.simulation.effects import EffectLog
from tools.simulation.market import Market, Pool, hazard_per_hour
from tools.simulation.memory import Event, SpotRequests
from tools.simulation.queues import Queues

ACCOUNT_ID = "123456789012"
TICK = timedelta(seconds=5)
NOTICE = timedelta(seconds=120)
REBALANCE_AHEAD = timedelta(minutes=8)
PENDING = timedelta(seconds=30)
TERMINATED_STAYS = timedelta(hours=1)


@dataclass
class WorldClock:
    """Simulated time: start + wall × speed, or still until it is advanced."""

    start: datetime
    speed: float | None
    """simulated seconds per wall second; None = stepped"""
    _stepped: timedelta = timedelta()
    _begun: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        if self.speed is None:
            return self.start + self._stepped
        return self.start + self._stepped + timedelta(seconds=(time.monotonic() - self._begun) * self.speed)

    def step(self, by: timedelta) -> None:
        self._stepped += by


@dataclass
class Reclaim:
    """A warned instance and the moment it goes."""

    instance_id: str
    at: datetime


@dataclass
class World:
    """Everything that is not moto's, and the doors to what is."""

    seed: int
    region: str
    zones: tuple[str, ...]
    market: Market
    clock: WorldClock
    effects: EffectLog
    scenario: str
    dry: set[Pool] = field(default_factory=set)
    reclaims: dict[str, Reclaim] = field(default_factory=dict)
    doomed: dict[str, datetime] = field(default_factory=dict)
    """spot instance → when the market will want it back; used only while `random_interruptions`"""
    warned: set[str] = field(default_factory=set)
    """instances with a rebalance recommendation"""
    launched_at: dict[str, datetime] = field(default_factory=dict)
    ended_at: dict[str, datetime] = field(default_factory=dict)
    instances: dict[str, Instance] = field(default_factory=dict)
    """every instance EC2 still shows"""
    changed: bool = True
    """something happened that groups and fleets may want to answer"""
    random_interruptions: bool = False
    open_for_business: bool = False
    """False while the scenario is laid out: nothing is logged yet"""
    settlers: list[Callable[[datetime], None]] = field(default_factory=list)
    """called on every tick, in order"""
    queue_name: str = "spot-notices"
    ec2_fleets: dict[str, Any] = field(default_factory=dict)
    activities: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    fleet_events: dict[str, list[Event]] = field(default_factory=dict)
    reserved: list[dict[str, Any]] = field(default_factory=list)
    """Reserved Instances as DescribeReservedInstances shows them"""
    placement_configurations: int = 100
    """new questions for placement scores that EC2 answers in 24 hours"""
    spot_fleets: dict[str, Any] = field(default_factory=dict)
    refreshing: dict[str, set[str]] = field(default_factory=dict)
    """group → instances that its instance refresh replaces now, new before old"""
    stopping: dict[str, datetime] = field(default_factory=dict)
    """instance → when its stop is done"""
    snapshot_fates: dict[str, str] = field(default_factory=dict)
    """volume, or * → what becomes of its snapshots: error | never (it ends); others end as usual"""
    short: tuple[float, str] | None = None
    """of the call in hand: the share that is to be done, and AWS's code for the rest; None = all of it"""
    affected: list[str] | None = None
    """what the call in hand did change, where its answer does not say it; None = all that it names, if it succeeds"""
    spot_requests: SpotRequests = field(init=False)
    queues: Queues = field(init=False)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _writes: Iterator[int] = field(default_factory=itertools.count)
    _ticked: datetime | None = None

    def __post_init__(self) -> None:
        self.spot_requests = SpotRequests(self.seed)
        self.queues = Queues(account_id=ACCOUNT_ID, region=self.region)

    # --- moto's backends
    @property
    def ec2(self) -> EC2Backend:
        return ec2_backends[ACCOUNT_ID][self.region]

    @property
    def autoscaling(self) -> AutoScalingBackend:
        return autoscaling_backends[ACCOUNT_ID][self.region]

    @property
    def s3(self) -> S3Backend:
        return s3_backends[ACCOUNT_ID]["aws"]

    @property
    def events(self) -> EventsBackend:
        return events_backends[ACCOUNT_ID][self.region]

    # --- dice
    @contextmanager
    def occasion(self, name: str) -> Iterator[None]:
        """Holds the lock and deals moto dice of its own, so that ids depend on the occasion and not on reads."""
        with self.lock:
            mock_random.seed(f"{self.seed}|{name}")
            yield

    @contextmanager
    def doing(self, short: tuple[float, str] | None) -> Iterator[None]:
        """While a call is carried out, whole or only in part."""
        self.short, self.affected = short, None
        try:
            yield
        finally:
            self.short = None

    def part_of(self, count: int) -> int:
        """How many of so many items the call in hand is to do."""
        return count if self.short is None else int(count * self.short[0])

    def next_write(self) -> str:
        return f"write|{next(self._writes)}"

    def dice(self, name: str) -> Random:
        return Random(f"{self.seed}|{name}")

    def request_id(self, name: str) -> str:
        text = sha256(f"{self.seed}|request|{name}".encode()).hexdigest()
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:32]}"

    # --- time
    def advance(self, seconds: float) -> datetime:
        """Run the ticks of that many simulated seconds. Stepped worlds only move so; others jump ahead."""
        end = self.clock.now() + timedelta(seconds=seconds)
        if self.clock.speed is not None:
            self.clock.step(timedelta(seconds=seconds))
            self.catch_up()
            return self.clock.now()
        while self.clock.now() < end:
            due = self._next_tick()
            self.clock.step(min(due, end) - self.clock.now())
            if self.clock.now() >= due:
                self._tick(due)
        return self.clock.now()

    def catch_up(self) -> None:
        """Run every tick that is due."""
        while (due := self._next_tick()) <= self.clock.now():
            self._tick(due)

    def _next_tick(self) -> datetime:
        return (self._ticked or self.clock.start) + TICK

    def _tick(self, now: datetime) -> None:
        with self.occasion(f"tick|{now.isoformat()}"):
            if now < self._next_tick():
                return  # another thread ran it
            self._ticked = now
            self._come_up(now)
            if self.random_interruptions:
                self._meet_fate(now)
            for reclaim in [r for r in self.reclaims.values() if r.at <= now]:
                self.reclaim(reclaim.instance_id, now)
            for settle in self.settlers:
                settle(now)
            self._forget_terminated(now)

    def _come_up(self, now: datetime) -> None:
        for instance in self.instances.values():
            if instance.state == "pending" and now - self.launched_at[instance.id] >= PENDING:
                instance._state.name, instance._state.code = "running", 16
                self.changed = True

    def _meet_fate(self, now: datetime) -> None:
        for instance_id, at in sorted(self.doomed.items()):
            if at <= now:
                self.interrupt(instance_id, now)
            elif at - REBALANCE_AHEAD <= now and instance_id not in self.warned:
                self.recommend_rebalance(instance_id, now)

    def _forget_terminated(self, now: datetime) -> None:
        """EC2 shows a terminated instance for about an hour."""
        self.spot_requests.forget(now)
        for instance_id in [i for i, at in self.ended_at.items() if now - at >= TERMINATED_STAYS]:
            del self.ended_at[instance_id]
            gone = self.instances.pop(instance_id)
            for reservation in list(self.ec2.reservations.values()):
                if gone in reservation.instances:
                    reservation.instances.remove(gone)
                if not reservation.instances:
                    self.ec2.reservations.pop(reservation.id)

    # --- interruptions
    def born(self, instance: Instance, at: datetime, *, persistent: bool = False, behaviour: str = "terminate") -> None:
        """Note a launch; a spot instance gets its fate.

        persistent, behaviour  of the spot request: its Type and its InstanceInterruptionBehavior
        """
        instance.launch_time = at.replace(tzinfo=None)
        self.launched_at[instance.id] = at
        self.instances[instance.id] = instance
        self.changed = True
        if instance.lifecycle == "spot":
            self.spot_requests.born(instance, at, persistent=persistent, behaviour=behaviour)
            pool = Pool(instance.instance_type, str(instance.placement.zone))
            hours = self.dice(f"fate|{instance.id}").expovariate(hazard_per_hour(self.seed, pool))
            self.doomed[instance.id] = max(at, self.clock.start) + timedelta(hours=max(hours, 0.2))

    def interrupt(self, instance_id: str, now: datetime | None = None) -> dict[str, Any]:
        """Warn of an interruption; EC2 takes the instance 120 s later. A second warning changes nothing.

        Raises  LookupError: no such running spot instance
        """
        now = now or self.clock.now()
        with self.lock:
            instance = self._running_spot(instance_id)
            if instance_id not in self.reclaims:
                self.changed = True
                self.doomed.pop(instance_id, None)
                self.reclaims[instance_id] = Reclaim(instance_id, now + NOTICE)
                self.spot_requests.marked(instance_id, now)
                detail = {"instance-id": instance_id, "instance-action": "terminate"}
                self._publish(instance, "EC2 Spot Instance Interruption Warning", detail, now)
            return {
                "kind": "interruption",
                "instance_id": instance_id,
                "instance_action": "terminate",
                "at": now,
                "reclaimed_at": self.reclaims[instance_id].at,
            }

    def recommend_rebalance(self, instance_id: str, now: datetime | None = None) -> dict[str, Any]:
        """Say that the risk of an interruption is elevated. Raises LookupError."""
        now = now or self.clock.now()
        with self.lock:
            instance = self._running_spot(instance_id)
            self.warned.add(instance_id)
            self.changed = True
            self._publish(instance, "EC2 Instance Rebalance Recommendation", {"instance-id": instance_id}, now)
            return {"kind": "rebalance", "instance_id": instance_id, "at": now}

    def reclaim(self, instance_id: str, now: datetime) -> None:
        """EC2 takes the instance."""
        self.reclaims.pop(instance_id, None)
        instance = self.instances.get(instance_id)
        if instance is None or instance.state == "terminated":
            return
        self.spot_requests.taken(instance_id, now)
        reason = "Server.SpotInstanceTermination: Instance terminated by EC2 to reclaim capacity"
        self.end(instance, now, code="Server.SpotInstanceTermination", message=reason)
        self.log("ReclaimSpotInstance", {"instance_type": instance.instance_type}, [instance_id])

    def end(self, instance: Instance, now: datetime, *, code: str, message: str) -> None:
        """Terminate an instance for a reason and say so on the bus."""
        instance.terminate()
        instance.state_reason.code, instance.state_reason.message = code, message
        instance._reason = f"{code.partition('.')[0]} initiated ({now:%Y-%m-%d %H:%M:%S} GMT)"
        self.buried(instance, now)

    def buried(self, instance: Instance, now: datetime) -> None:
        """Forget what was planned for a terminated instance, and say on the bus that it ended."""
        self.ended_at[instance.id] = now
        self.spot_requests.ended_by_user(instance.id, now)  # of those that EC2 took it is known already
        self.changed = True
        for planned in (self.doomed, self.reclaims):
            planned.pop(instance.id, None)
        self.warned.discard(instance.id)
        detail = {"instance-id": instance.id, "state": "terminated"}
        self._publish(instance, "EC2 Instance State-change Notification", detail, now)

    def _running_spot(self, instance_id: str) -> Instance:
        instance = self.instances.get(instance_id)
        if instance is None or instance.state not in ("pending", "running"):
            raise LookupError(f"{instance_id}: no such running instance")
        if instance.lifecycle != "spot":
            raise LookupError(f"{instance_id}: bought on-demand: EC2 does not interrupt it")
        return instance

    def _publish(self, instance: Instance, detail_type: str, detail: dict[str, str], now: datetime) -> None:
        if not self.open_for_business:
            return
        # EC2's spot events carry the zone where the region belongs, and no account
        plain = f"arn:aws:ec2:{self.region}:{ACCOUNT_ID}:instance/{instance.id}"
        odd = f"arn:aws:ec2:{instance.placement.zone}:instance/{instance.id}"
        self.events.put_events(
            [
                {
                    "Source": "aws.ec2",
                    "DetailType": detail_type,
                    "Detail": json.dumps(detail),
                    "Time": now.astimezone(UTC).timestamp(),
                    "Resources": [plain if "State-change" in detail_type else odd],
                }
            ]
        )

    # --- the account's own effects
    def log(self, operation: str, parameters: dict[str, Any], ids: list[str]) -> None:
        if self.open_for_business:
            self.effects.append(
                at=self.clock.now(),
                service="simulation",
                operation=operation,
                parameters=parameters,
                request_id="",
                ids=ids,
            )
