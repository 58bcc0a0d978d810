"""An account of many groups: read in few calls, and answered for by name and in total though a model sees few rows."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from agent.models.model import Message
from agent.models.offline import plan
from agent.toolbelt import Toolbelt
from tests.forked_accounts import started
from tools.aws.session import AwsAccount, open_account
from tools.desk import Desk
from tools.fleets.describe import describe_fleet, list_fleets
from tools.records import Fleet
from tools.simulation.client import SimulatedAccount

GROUPS, INSTANCES = 60, 300


@pytest.fixture(scope="module")
def many() -> Iterator[tuple[SimulatedAccount, AwsAccount]]:
    with (
        started(scenario=f"scale:{GROUPS}", stepped=True, seed=7) as sim,
        open_account(
            profile=None, region=sim.region, endpoint_url=sim.endpoint_url, clock=sim.clock, credentials=("x", "x")
        ) as aws,
    ):
        yield sim, aws


@pytest.fixture(scope="module")
def fleets(many) -> tuple[Fleet, ...]:
    found: tuple[Fleet, ...] = many[1].reader.fleets()
    return found


def asked(many, question: str) -> tuple[str, list[tuple[str, dict[str, Any]]]]:
    """The offline planner's answer, and the calls that it made for it."""
    sim, aws = many
    desk = Desk(reader=aws.reader, clock=sim.clock, audit=None, archive=None, advisor=None)  # type: ignore[arg-type]
    belt = Toolbelt((list_fleets, describe_fleet), desk)
    messages, made = [Message(role="user", content=question)], []
    while True:
        text, calls = plan(messages, belt.tools)
        if not calls:
            return text, made
        messages.append(Message(role="assistant", content=text, tool_calls=calls))
        for call in calls:
            tool = next(t for t in belt.tools if t.name == call.tool)
            made.append((call.tool, tool.parse(call.arguments).model_dump()))
            told = belt.run(call).text_for_model
            messages.append(Message(role="tool", content=told, tool_call_id=call.call_id, tool=call.tool))


def test_the_types_of_many_templates_are_read_in_one_listing(many) -> None:
    _, aws = many
    calls: Counter[str] = Counter()
    events = aws.calls._client("ec2", wrote=False).meta.events
    events.register("after-call.ec2", lambda model, **_: calls.update([model.name]), unique_id="count")
    try:
        found = aws.reader.fleets()
    finally:
        events.unregister("after-call.ec2", unique_id="count")
    plain = [f for f in found if f.mix is None]
    assert len(plain) == GROUPS // 6
    assert {f.instance_type for f in plain} == {i.instance_type for f in plain for i in f.instances}
    assert calls["DescribeLaunchTemplateVersions"] == 1
    assert calls["DescribeInstances"] == -(-INSTANCES // 200)


def test_one_group_read_alone_is_the_one_read_among_all(many, fleets: tuple[Fleet, ...]) -> None:
    for fleet in (next(f for f in fleets if f.mix is None), next(f for f in fleets if f.mix is not None)):
        assert many[1].reader.fleet(fleet.ref) == fleet


def test_totals_are_of_every_fleet_though_few_are_shown(many, fleets: tuple[Fleet, ...]) -> None:
    text, made = asked(many, "how many instances do we have?")
    spot = sum(len(f.spot) for f in fleets)
    assert f"{GROUPS} fleets, {INSTANCES} instances: {spot} spot" in text
    assert made == [("list_fleets", {"matching": None})]


def test_a_fleet_that_the_list_had_no_room_for_is_found_by_its_name(many, fleets: tuple[Fleet, ...]) -> None:
    _, (first, *_) = asked(many, "list fleets")
    assert first == ("list_fleets", {"matching": None})
    name = fleets[-1].name
    text, made = asked(many, f"describe {name}")
    assert ("list_fleets", {"matching": name}) in made
    assert ("describe_fleet", {"fleet": name}) in made
    assert f"**`{name}`**" in text


def test_all_of_spot_going_is_counted_over_every_fleet(many, fleets: tuple[Fleet, ...]) -> None:
    text, _ = asked(many, "what if all our spot instances were interrupted at once?")
    assert f"{sum(len(f.spot) for f in fleets)} of {INSTANCES}" in text
