"""Whole accounts read, previewed and judged: 10, 100 and 1,000 groups of five instances, and how it grows.

The account runs in a process of its own and says with every answer how long it took; botocore's part is what its calls
took beyond that; the rest is ours. The baseline beside ours is those two together: plain boto3 reading the same pages.
"""

import json
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.client

from agent.facts import gather
from agent.journal.journal import Journal
from agent.toolbelt import text_for_model
from policies.document import preset
from policies.engine import decide
from tools.aws.session import open_account
from tools.cloud import Clock, CloudReader
from tools.fleets.describe import list_fleets
from tools.fleets.preview import preview
from tools.fleets.prices import AccountPrices, read_account_prices
from tools.records import ChangeFleet, Fleet, Preview
from tools.simulation.client import SimulatedAccount

GROUPS = (10, 100, 1_000)


@dataclass
class Spent:
    """Seconds of one step, by whose they are, and what came over the wire."""

    wall: float = 0.0
    account: float = 0.0
    calls: float = 0.0
    """in botocore's calls, the account's part included"""
    answers: int = 0
    answer_bytes: int = 0

    @property
    def botocore(self) -> float:
        return self.calls - self.account

    @property
    def ours(self) -> float:
        return self.wall - self.calls


class Meter:
    """Every call that botocore makes in this process, added to the step in hand."""

    def __init__(self) -> None:
        self.now = Spent()

    @contextmanager
    def watching(self) -> Iterator[None]:
        plain = botocore.client.BaseClient._make_api_call

        def timed(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
            began = time.perf_counter()
            answer = plain(client, operation, parameters)
            self.now.calls += time.perf_counter() - began
            headers = answer["ResponseMetadata"]["HTTPHeaders"]
            self.now.account += float(headers["x-sim-seconds"])
            self.now.answers += 1
            self.now.answer_bytes += int(headers["content-length"])
            return answer

        botocore.client.BaseClient._make_api_call = timed
        try:
            yield
        finally:
            botocore.client.BaseClient._make_api_call = plain

    def step(self, work: Callable[[], Any]) -> tuple[Any, Spent]:
        self.now = Spent()
        began = time.perf_counter()
        found = work()
        self.now.wall = time.perf_counter() - began
        return found, self.now


@dataclass
class Size:
    """What one size of account took."""

    fleets: int
    instances: int
    tokens: int
    steps: dict[str, Spent]


def run() -> list[dict[str, Any]]:
    sizes = [measure(groups) for groups in GROUPS]
    rows = [row for size in sizes for row in _rows(size)]
    return [*rows, *_growth(sizes[-2], sizes[-1])]


def measure(groups: int) -> Size:
    """One account of so many groups, from cold clients to the last decision."""
    meter = Meter()
    with (
        SimulatedAccount.start(scenario=f"scale:{groups}", stepped=True) as account,
        open_account(
            profile=None,
            region=account.region,
            endpoint_url=account.endpoint_url,
            clock=account.clock,
            credentials=("simulated", "simulated"),
        ) as aws,
        meter.watching(),
    ):
        reader, clock = aws.reader, account.clock
        reader.zone_ids(), reader.account(), reader.fleets()  # clients are made, types of templates are not kept
        fleets, described = meter.step(reader.fleets)
        prices, priced = meter.step(lambda: read_account_prices(reader, clock, fleets))
        drawn, previewed = meter.step(lambda: preview_all(fleets, prices, clock))
        decisions, judged = meter.step(lambda: judge_all(drawn, reader, clock))
        if len(decisions) != len(fleets) or len(fleets) != groups:
            raise AssertionError(f"{groups} groups: {len(fleets)} read, {len(decisions)} judged")
        inventory, summed = meter.step(lambda: list_fleets.run(reader=reader, clock=clock, matching=None))
        text = text_for_model("list_fleets", inventory)
    steps = {"described": described, "priced": priced, "previewed": previewed, "judged": judged, "inventory": summed}
    return Size(len(fleets), sum(len(f.instances) for f in fleets), len(text) // 4, steps)


Drawn = tuple[ChangeFleet, Fleet, Preview]


def preview_all(fleets: tuple[Fleet, ...], prices: AccountPrices, clock: Clock) -> list[Drawn]:
    """One change for each fleet, previewed on one look at the account."""
    drawn = []
    for fleet in fleets:
        action = _change(fleet)
        drawn.append((action, fleet, preview(action, fleet, prices=prices, now=clock.now())))
    return drawn


def _change(fleet: Fleet) -> ChangeFleet:
    """One instance more on demand; one more at all where the fleet has no purchase mix."""
    if fleet.mix is None:
        return ChangeFleet(fleet=fleet.ref, desired_capacity=fleet.desired_capacity + 1)
    return ChangeFleet(fleet=fleet.ref, on_demand_base_capacity=fleet.mix.on_demand_base_capacity + 1)


def judge_all(drawn: list[Drawn], reader: CloudReader, clock: Clock) -> list[str]:
    """Facts gathered and the law asked, as the one way to write does it; a real journal tells what was used."""
    policy, arn = preset("tour"), reader.account().arn
    verdicts = []
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal.open(Path(folder) / "journal.db", clock=clock)
        try:
            for action, fleet, shown in drawn:
                facts = gather(
                    action,
                    fleet,
                    shown,
                    journal=journal,
                    policy=policy,
                    by="bench",
                    actor="agent",
                    principal_arn=arn,
                    halted=False,
                    audit_verified=True,
                    now=clock.now(),
                )
                verdicts.append(decide(action, facts, policy, now=clock.now()).verdict)
        finally:
            journal.close()
    return verdicts


def _rows(size: Size) -> list[dict[str, Any]]:
    rows = [
        _row(f"{size.fleets:,} fleets, {size.instances:,} instances {what}", spent)
        for what, spent in size.steps.items()
    ]
    told = {"what": f"{size.fleets:,} fleets: inventory as the model reads it", "ours": size.tokens, "unit": "tokens"}
    return [*rows, told | {"baseline": "4 characters a token", "goal": "≤ 4,000"}]


def _row(what: str, spent: Spent) -> dict[str, Any]:
    row: dict[str, Any] = {"what": what, "ours": spent.ours, "unit": "s, ours"}
    if not spent.answers:
        return row
    wire = f"{spent.answer_bytes / 1e6:.1f} MB in {spent.answers} answers"
    baseline = f"account {spent.account:.2f} s + botocore {spent.botocore:.2f} s; {wire}"
    return row | {"baseline": baseline, "ratio": spent.ours / spent.calls}


def _growth(small: Size, large: Size) -> list[dict[str, Any]]:
    """Exponents of seconds over fleets between the two largest sizes: 1 = as many times longer as there is more."""
    rows = []
    for what, spent in large.steps.items():
        for whose in ("ours", "botocore", "account"):
            before, after = getattr(small.steps[what], whose), getattr(spent, whose)
            if after > 0.05:  # below that a figure is mostly noise
                exponent = math.log(after / max(before, 1e-6)) / math.log(large.fleets / small.fleets)
                title = f"growth of {what}, {small.fleets:,} → {large.fleets:,} fleets: {whose}"
                rows.append({"what": title, "ours": exponent, "unit": "exponent", "baseline": "1 = linear"})
    return rows


if __name__ == "__main__":
    for row in run():
        print(json.dumps(row, ensure_ascii=False))
