"""What a question asks of AWS: nothing that its tool does not declare, and nothing twice that one answer holds."""

from collections import Counter

import botocore.client
import pytest

from tests.forked_accounts import started
from tools.archive.archive import SqliteArchive
from tools.aws.session import open_account
from tools.choice.opportunities import analyze_spot_opportunities, compare
from tools.choice.scan import scan_market
from tools.choice.survey import Doors
from tools.market.advisor import SpotAdvisor
from tools.market.analyze import analyze_prices
from tools.risk.instances import assess_instances
from tools.risk.outlook import forecast_interruptions
from tools.risk.score import score_risk

DECLARED = {"s3:ListObjectsV2": "s3:ListBucket"}
TOOLS = (
    analyze_prices, score_risk, assess_instances, forecast_interruptions, analyze_spot_opportunities, scan_market
)  # fmt: skip


@pytest.fixture(scope="module")
def sim():
    with started(scenario="tour", seed=7, stepped=True) as running:
        yield running


@pytest.fixture
def asked(monkeypatch) -> Counter:
    """Every operation that boto3 sends, as «service:Operation»."""
    found: Counter[str] = Counter()
    send = botocore.client.BaseClient._make_api_call

    def noted(client, operation, arguments):
        found[f"{client.meta.service_model.service_name}:{operation}"] += 1
        return send(client, operation, arguments)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", noted)
    return found


@pytest.fixture
def doors(sim, tmp_path):
    account = open_account(
        profile=None, region=sim.region, endpoint_url=sim.endpoint_url, clock=sim.clock,
        credentials=("AKIASIMULATED0000000", "simulated"),
    )  # fmt: skip
    with SqliteArchive.open(tmp_path / "archive.db", clock=sim.clock) as archive:
        yield Doors(account.reader, sim.clock, archive, SpotAdvisor(sim.advisor_url, cache=None, clock=sim.clock))
    account.close()


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_a_tool_asks_for_no_permission_that_it_does_not_declare(tool, doors, asked) -> None:
    given = {name: getattr(doors, field) for name, field in tool.desk_fields.items()}
    tool.run(**given, **dict(tool.validate(tool.example)))
    assert {DECLARED.get(name, name) for name in asked} <= {*tool.iam, "sts:GetCallerIdentity"}
    assert asked["autoscaling:DescribeAutoScalingGroups"] <= 2  # the fleets, and the activities of each


def test_comparing_a_fleet_reads_the_accounts_fleets_once(doors, asked) -> None:
    compare(doors, ("ml-train", "batch"))
    assert asked["autoscaling:DescribeAutoScalingGroups"] == 2
    assert asked["ec2:DescribeSpotPriceHistory"] == 1
