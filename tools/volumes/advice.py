"""advise_keeping: how to keep what an instance holds, with the true limits of each way."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from tools.cloud import Clock, CloudReader
from tools.market.subject import FLEETS_IAM
from tools.records import Fleet, Record, UtcTime
from tools.tool import tool
from tools.volumes.facts import FACTS, Fact, Topic
from tools.volumes.notebooks import looks_like_notebooks


class KeepingAdvice(Record):
    topic: Topic
    short: str
    facts: tuple[Fact, ...]
    """of AWS, each with its source and the day it was read"""
    do: tuple[str, ...]
    found: tuple[str, ...]
    """in this account, in words; () = nothing, as far as names, tags and instances tell"""
    as_of: UtcTime
    source: str


@tool(effect="read", iam=FLEETS_IAM, example={"topic": "hibernation"})
def advise_keeping(
    reader: CloudReader,
    clock: Clock,
    topic: Annotated[Topic, Field(description="what the advice is about")],
) -> KeepingAdvice:
    """Advice on keeping data and state: snapshots, root volumes, zones, hibernation, EFS, notebooks, SnapStart.

    Facts of AWS carry their source and date; what of it concerns this account's fleets is told besides.
    Raises  CloudError kinds
    """
    chapter = FACTS[topic]
    return KeepingAdvice(
        topic=topic,
        short=chapter.short,
        facts=chapter.facts,
        do=chapter.do,
        found=_found(topic, reader.fleets()),
        as_of=clock.now(),
        source="AWS documentation as dated; the account's fleets as read now",
    )


def _found(topic: Topic, fleets: Sequence[Fleet]) -> tuple[str, ...]:
    match topic:
        case "notebook":
            looks = (looks_like_notebooks(f) for f in fleets)
            return tuple(f"{n.fleet}: {'; '.join(n.evidence)}: {n.warning}" for n in looks if n is not None)
        case "hibernation":
            return tuple(f"{f.name}: {_named(ids)} set up for it" for f in fleets if (ids := _hibernating(f)))
        case "zones":
            return tuple(
                f"{f.name}: {_named(ids)} have a volume that outlives them, each in its zone"
                for f in fleets
                if (ids := _keeping(f))
            )
        case _:
            return ()


def _hibernating(fleet: Fleet) -> list[str]:
    return [i.instance_id for i in fleet.instances if i.hibernation_configured]


def _keeping(fleet: Fleet) -> list[str]:
    return [i.instance_id for i in fleet.instances if any(not v.delete_on_termination for v in i.volumes)]


def _named(ids: Sequence[str]) -> str:
    return ", ".join(ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")
