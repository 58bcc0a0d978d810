"""/_sim/*: the door behind the account, for tests, the tour and the person who plays the market."""

import json
import os
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs

from tools.records import utc_text
from tools.simulation.advisor import advisor_file
from tools.simulation.faults import Faults
from tools.simulation.market import Pool
from tools.simulation.settling import Settler
from tools.simulation.world import ACCOUNT_ID, World

MOST_SECONDS = 31 * 86_400
SNAPSHOT_FATES = ("usual", "error", "never")


class Control:
    def __init__(self, world: World, faults: Faults, settler: Settler) -> None:
        self.world = world
        self.faults = faults
        self.settler = settler
        self.ready: dict[str, Any] = {}
        """the ready line, once there is one"""
        self._doors: dict[tuple[str, str], Callable[[dict[str, Any]], Any]] = {
            ("GET", "clock"): self.clock,
            ("GET", "state"): self.state,
            ("GET", "effects"): self.effects,
            ("GET", "spot-advisor-data.json"): self.advisor,
            ("POST", "advance"): self.advance,
            ("POST", "interrupt"): self.interrupt,
            ("POST", "rebalance"): self.rebalance,
            ("POST", "faults"): self.order_fault,
            ("POST", "dry"): self.dry,
            ("POST", "random"): self.random,
            ("POST", "limits"): self.limits,
            ("POST", "snapshots"): self.snapshots,
        }

    def answer(self, environ: dict[str, Any]) -> tuple[int, bytes]:
        """Status and JSON body: an unknown door is 404, a bad request 400, a missing thing 409."""
        name = str(environ["PATH_INFO"]).removeprefix("/_sim/").strip("/")
        door = self._doors.get((str(environ["REQUEST_METHOD"]), name))
        if door is None:
            return 404, _json({"error": f"no such door: {environ['REQUEST_METHOD']} /_sim/{name}"})
        try:
            return 200, _json(door(_parameters(environ)))
        except LookupError as error:
            return 409, _json({"error": str(error.args[0]) if error.args else "not there"})
        except (ValueError, TypeError) as error:
            return 400, _json({"error": str(error)})

    def dated(self, environ: dict[str, Any]) -> list[tuple[str, str]]:
        """The Advisor's file is of the day that the account began."""
        if not str(environ["PATH_INFO"]).endswith("/spot-advisor-data.json"):
            return []
        return [("Last-Modified", format_datetime(self.world.clock.start, usegmt=True))]

    def clock(self, _: dict[str, Any]) -> dict[str, Any]:
        clock = self.world.clock
        told = {"now": clock.now(), "speed": clock.speed, "stepped": clock.speed is None}
        return {**self.ready, **told, "pid": os.getpid()}

    def advance(self, given: dict[str, Any]) -> dict[str, Any]:
        seconds = float(_need(given, "seconds"))
        if not 0 <= seconds <= MOST_SECONDS:
            raise ValueError(f"seconds: saw {seconds:g}, expected 0 to {MOST_SECONDS:,}")
        return {"now": self.world.advance(seconds)}

    def interrupt(self, given: dict[str, Any]) -> dict[str, Any]:
        with self.world.occasion(self.world.next_write()):
            return self.world.interrupt(str(_need(given, "instance_id")))

    def rebalance(self, given: dict[str, Any]) -> dict[str, Any]:
        with self.world.occasion(self.world.next_write()):
            return self.world.recommend_rebalance(str(_need(given, "instance_id")))

    def order_fault(self, given: dict[str, Any]) -> dict[str, Any]:
        if given.get("clear"):
            self.faults.clear()
        if "operation" in given or "kind" in given:
            self.faults.order(
                str(_need(given, "operation")),
                str(_need(given, "kind")),
                times=int(given.get("times", 1)),
                seconds=float(given.get("seconds", 0)),
                skip=int(given.get("skip", 0)),
                change=given.get("change"),
                when=str(given.get("when", "before")),
            )
        return {"standing": self.faults.standing()}

    def dry(self, given: dict[str, Any]) -> dict[str, Any]:
        pool = Pool(str(_need(given, "instance_type")), str(_need(given, "zone")))
        if pool.zone not in self.world.zones:
            raise LookupError(f"{pool.zone}: no such zone: one of {', '.join(self.world.zones)}")
        with self.world.lock:
            self.world.changed = True
            (self.world.dry.add if given.get("dry", True) else self.world.dry.discard)(pool)
            return {"dry": [f"{p.instance_type}/{p.zone}" for p in sorted(self.world.dry)]}

    def random(self, given: dict[str, Any]) -> dict[str, Any]:
        self.world.random_interruptions = bool(_need(given, "on"))
        return {"random_interruptions": self.world.random_interruptions}

    def limits(self, given: dict[str, Any]) -> dict[str, Any]:
        """How many new questions for placement scores EC2 answers in 24 hours."""
        count = int(_need(given, "placement_configurations"))
        if count < 0:
            raise ValueError(f"placement_configurations: saw {count}, expected 0 or more")
        self.world.placement_configurations = count
        return {"placement_configurations": count}

    def snapshots(self, given: dict[str, Any]) -> dict[str, Any]:
        """What becomes of a volume's snapshots, or of every one's (*), from now on."""
        volume_id, fate = str(given.get("volume_id", "*")), str(_need(given, "fate"))
        if fate not in SNAPSHOT_FATES:
            raise ValueError(f"fate: saw {fate!r}, expected one of {', '.join(SNAPSHOT_FATES)}")
        if volume_id != "*" and volume_id not in self.world.ec2.volumes:
            raise LookupError(f"{volume_id}: no such volume")
        with self.world.lock:
            self.world.snapshot_fates[volume_id] = fate
            return {"fates": dict(self.world.snapshot_fates)}

    def advisor(self, _: dict[str, Any]) -> dict[str, Any]:
        with self.world.lock:
            return advisor_file(self.world.seed, self.world.region, self.world.market, self.world.clock.start)

    def effects(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"effects": self.world.effects.rows(int(given.get("after", 0)))}

    def state(self, _: dict[str, Any]) -> dict[str, Any]:
        """Everything at a glance: fleets with their instances, what is planned, what is dry."""
        world = self.world
        with world.lock:
            groups = [
                {
                    "kind": "asg",
                    "name": g.name,
                    "fleet_id": g.name,
                    "desired": int(g.desired_capacity or 0),
                    "instances": [
                        {**_shown(s.instance), "lifecycle_state": s.lifecycle_state} for s in g.instance_states
                    ],
                }
                for g in world.autoscaling.autoscaling_groups.values()
            ]
            fleets = [
                {
                    "kind": "spot-fleet" if f.fleet_id.startswith("sfr-") else "ec2-fleet",
                    "name": f.tags.get("Name", f.fleet_id),
                    "fleet_id": f.fleet_id,
                    "desired": int(f.target["TotalTargetCapacity"]),
                    "instances": [_shown(i) for i in self.settler.alive(f)],
                }
                for f in (*world.ec2_fleets.values(), *world.spot_fleets.values())
            ]
            states = Counter(i.state for i in world.instances.values())
            return {
                "now": world.clock.now(),
                "account_id": ACCOUNT_ID,
                "region": world.region,
                "zones": list(world.zones),
                "scenario": world.scenario,
                "seed": world.seed,
                "prices": world.market.source,
                "fleets": sorted(groups + fleets, key=lambda f: str(f["name"])),
                "instances_by_state": dict(sorted(states.items())),
                "reclaims": {r.instance_id: r.at for r in world.reclaims.values()},
                "dry": [f"{p.instance_type}/{p.zone}" for p in sorted(world.dry)],
                "faults": self.faults.standing(),
                "effects": len(world.effects.rows()),
            }


def _shown(instance: Any) -> dict[str, Any]:
    return {
        "instance_id": instance.id,
        "instance_type": instance.instance_type,
        "zone": instance.placement.zone,
        "purchase_option": "spot" if instance.lifecycle == "spot" else "on-demand",
        "state": instance.state,
    }


def _parameters(environ: dict[str, Any]) -> dict[str, Any]:
    query = {k: v[-1] for k, v in parse_qs(str(environ.get("QUERY_STRING", ""))).items()}
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if not length:
        return query
    body = json.loads(environ["wsgi.input"].read(length))
    if not isinstance(body, dict):
        raise ValueError("the body is not a JSON object")  # noqa: TRY004  the caller said something wrong
    return {**query, **body}


def _need(given: dict[str, Any], name: str) -> Any:
    if name not in given:
        raise ValueError(f"{name} is missing")
    return given[name]


def _json(value: Any) -> bytes:
    return json.dumps(value, default=lambda v: utc_text(v) if isinstance(v, datetime) else str(v)).encode()
