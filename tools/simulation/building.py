"""Puts an account together: market, world, moto's mended actions, a scenario."""

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import moto.ec2.models.elastic_block_store
import moto.ec2.models.instances
import moto.ec2.models.launch_templates
import moto.s3.models

from tools.errors import DataError
from tools.simulation import (
    catalogue,
    ec2_fleets,
    groups,
    index,
    instances,
    machines,
    prices_api,
    queues,
    records_api,
    refresh,
    scenario_proving_ground,
    scenario_scale,
    scenario_tour,
    spot_fleets,
    standby,
    storage,
    tags,
    targets,
    templates,
    volumes,
)
from tools.simulation.agents import JobAgent
from tools.simulation.control import Control
from tools.simulation.ec2_fleets import FleetActions
from tools.simulation.effects import EffectLog
from tools.simulation.faults import Faults
from tools.simulation.market import GeneratedMarket, Market, RecordedMarket
from tools.simulation.pricefile import read_price_file
from tools.simulation.server import Account
from tools.simulation.settling import Settler
from tools.simulation.world import World, WorldClock

SCENARIOS: dict[str, Any] = {s.NAME: s for s in (scenario_tour, scenario_proving_ground)}


def build(*, scenario: str, seed: int, speed: float | None, prices: Path | None, effects: Path | None) -> Account:
    """A laid-out account, ready to be listened for. One a process: moto's backends are global.

    speed   simulated seconds per wall second; None = stepped
    Raises  DataError: unknown scenario, a price file that is not one, an effect log that cannot be written
    """
    tour: Any = scenario_scale.of_size(scenario) or SCENARIOS.get(scenario)
    if tour is None:
        raise DataError(f"scenario {scenario!r}: unknown", hint="one of " + ", ".join((*SCENARIOS, "scale, scale:100")))
    market: Market
    if prices:
        file = read_price_file(prices)
        region, start = file.region, tour.start_for(file)
        market = RecordedMarket(file)
    else:
        region, start = tour.REGION, tour.START
        market = GeneratedMarket(seed, region, tour.ZONES, start)
    world = World(
        seed=seed,
        region=region,
        zones=market.zones,
        market=market,
        clock=WorldClock(start, speed),
        effects=EffectLog(effects),
        scenario=scenario,
    )
    with world.occasion("account"):  # moto makes the default VPC and its subnets when it is first looked at
        _check_market(world, prices)
    _tell_moto_the_time(world)
    index.install(world)
    queues.install(world.queues)
    settler = Settler(world)
    fleets = _install(world, settler)
    faults = Faults()
    laid = tour.lay_out(world, settler, fleets)
    world.settlers.extend(_Watched(agent, world).watch for agent in laid.agents)
    world.random_interruptions = speed is not None
    world.open_for_business = True
    return Account(world, laid, faults, Control(world, faults, settler))


def _install(world: World, settler: Settler) -> FleetActions:
    """Replace moto's answers with ours, and put what happens on ticks in its order."""
    volumes.install(world)
    storage.install(world)
    for part in (machines, instances, tags, prices_api, catalogue, records_api, standby, templates):
        part.install(world)
    fleets = ec2_fleets.install(world, settler)
    spot_fleets.install(world, settler)
    refreshes = refresh.install(world, settler)
    registered = targets.install(world)
    groups.install(world, settler)
    world.settlers += [
        partial(machines.settle_stops, world),
        partial(volumes.tick, world),
        refreshes.tick,
        settler.settle,
        registered.tick,
    ]
    return fleets


class _Watched:
    """An agent with its world, as something to call on a tick."""

    def __init__(self, agent: JobAgent, world: World) -> None:
        self.agent = agent
        self.world = world

    def watch(self, now: datetime) -> None:
        self.agent.watch(self.world, now)


def _check_market(world: World, prices: Path | None) -> None:
    known = {z.name for z in world.ec2.describe_availability_zones()}
    lost = [z for z in world.zones if z not in known]
    if lost:
        raise DataError(f"{prices}: zone {lost[0]} is not one of {world.region}'s: {', '.join(sorted(known))}")
    if not world.market.types():
        raise DataError(f"{prices}: holds no Linux/UNIX prices, which the scenario's fleets run on")


def _tell_moto_the_time(world: World) -> None:
    """Launch and upload times are simulated."""

    def now() -> datetime:
        return world.clock.now().replace(tzinfo=None)

    for module in (
        moto.ec2.models.instances,
        moto.ec2.models.elastic_block_store,
        moto.ec2.models.launch_templates,
        moto.s3.models,
    ):
        vars(module)["utcnow"] = now
