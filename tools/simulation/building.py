"""Puts an account together: market, world, moto's mended actions, a scenario."""

from datetime import datetime
from pathlib import Path

import moto.ec2.models.instances
import moto.s3.models

from tools.errors import DataError
from tools.simulation import catalogue, groups, instances, prices_api, records_api, scenario_tour
from tools.simulation.agents import JobAgent
from tools.simulation.control import Control
from tools.simulation.effects import EffectLog
from tools.simulation.faults import Faults
from tools.simulation.market import GeneratedMarket, Market, RecordedMarket
from tools.simulation.pricefile import read_price_file
from tools.simulation.server import Account
from tools.simulation.settling import Settler
from tools.simulation.world import World, WorldClock

SCENARIOS = {scenario_tour.NAME: scenario_tour}


def build(*, scenario: str, seed: int, speed: float | None, prices: Path | None, effects: Path | None) -> Account:
    """A laid-out account, ready to be listened for. One a process: moto's backends are global.

    speed   simulated seconds per wall second; None = stepped
    Raises  DataError: unknown scenario, a price file that is not one, an effect log that cannot be written
    """
    if scenario not in SCENARIOS:
        raise DataError(f"scenario {scenario!r}: unknown", hint="one of " + ", ".join(SCENARIOS))
    tour = SCENARIOS[scenario]
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
    _check_market(world, prices)
    _tell_moto_the_time(world)
    settler = Settler(world)
    fleets = instances.install(world, settler)
    groups.install(world, settler)
    prices_api.install(world)
    catalogue.install(world)
    records_api.install(world)
    faults = Faults()
    laid = tour.lay_out(world, settler, fleets)
    world.settlers.append(settler.settle)
    world.settlers.extend(_Watched(agent, world).watch for agent in laid.agents)
    world.random_interruptions = speed is not None
    world.open_for_business = True
    return Account(world, laid, faults, Control(world, faults, settler))


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
    """Launch and upload times are simulated; SQS keeps wall time, for its callers wait on the wall."""

    def now() -> datetime:
        return world.clock.now().replace(tzinfo=None)

    for module in (moto.ec2.models.instances, moto.s3.models):
        vars(module)["utcnow"] = now
