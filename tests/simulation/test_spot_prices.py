"""The simulated market answers price questions as EC2 does, and looks like today's market."""

from datetime import timedelta
from itertools import pairwise

import pytest
from botocore.exceptions import ClientError

LINUX = ["Linux/UNIX"]


def history(aws, **asked):
    pages = aws("ec2").get_paginator("describe_spot_price_history").paginate(**asked)
    return [row for page in pages for row in page["SpotPriceHistory"]]


def test_every_page_is_given_once(account, aws):
    asked = {"InstanceTypes": ["m5.large", "g5.xlarge"], "ProductDescriptions": LINUX}
    whole = history(aws, **asked)
    paged = history(aws, **asked, PaginationConfig={"PageSize": 37})
    assert whole == paged
    assert len({(r["InstanceType"], r["AvailabilityZone"], r["Timestamp"]) for r in whole}) == len(whole)
    first = aws("ec2").describe_spot_price_history(**asked, MaxResults=37)
    assert len(first["SpotPriceHistory"]) == 37
    assert first["NextToken"]


def test_the_newest_comes_first_and_a_price_differs_from_the_one_before(account, aws):
    rows = history(aws, InstanceTypes=["m5.large"], ProductDescriptions=LINUX, AvailabilityZone="us-east-1b")
    assert [r["Timestamp"] for r in rows] == sorted((r["Timestamp"] for r in rows), reverse=True)
    assert all(a["SpotPrice"] != b["SpotPrice"] for a, b in pairwise(rows)), "only changes are history"


def test_the_price_in_force_at_the_start_is_given(account, aws):
    now = account.clock.now()
    asked = {"InstanceTypes": ["c5.2xlarge"], "ProductDescriptions": LINUX, "AvailabilityZone": "us-east-1a"}
    rows = history(aws, **asked, StartTime=now - timedelta(days=2))
    before = [r for r in rows if r["Timestamp"] < now - timedelta(days=2)]
    assert len(before) == 1, "exactly one change is older than the window: the price that was in force"
    current = history(aws, **asked, StartTime=now)
    assert current == rows[:1]


def test_history_is_ninety_days_of_small_steps_around_a_third_of_on_demand(account, aws):
    rows = history(aws, InstanceTypes=["m5.large"], ProductDescriptions=LINUX, AvailabilityZone="us-east-1a")
    prices = [float(r["SpotPrice"]) for r in rows]
    assert 1 < len(rows) / 90 < 12, "a few steps a day"
    assert all(0.2 < p / 0.096 < 0.6 for p in prices)
    assert all(abs(a / b - 1) < 0.12 for a, b in pairwise(prices))
    assert account.clock.now() - rows[-1]["Timestamp"] > timedelta(days=89)


@pytest.mark.parametrize(
    "asked",
    [
        {"AvailabilityZone": "us-east-1c"},
        {"Filters": [{"Name": "availability-zone", "Values": ["us-east-1c"]}]},
        {"Filters": [{"Name": "instance-type", "Values": ["m5.*"]}]},
        {"Filters": [{"Name": "product-description", "Values": ["Windows"]}]},
        {"ProductDescriptions": ["Windows"]},
    ],
)
def test_filters_narrow(account, aws, asked):
    since = account.clock.now() - timedelta(days=1)
    rows = history(aws, InstanceTypes=["m5.large", "c5.large"], StartTime=since, **asked)
    everything = history(aws, InstanceTypes=["m5.large", "c5.large"], StartTime=since)
    assert 0 < len(rows) < len(everything)
    assert all(row in everything for row in rows)


def test_an_unknown_type_has_no_history(aws):
    assert history(aws, InstanceTypes=["m99.huge"], ProductDescriptions=LINUX) == []


def test_a_bad_token_is_refused(aws):
    with pytest.raises(ClientError, match="InvalidNextToken"):
        aws("ec2").describe_spot_price_history(NextToken="rubbish")


def test_prices_change_as_time_passes(account, aws):
    asked = {"InstanceTypes": ["g5.xlarge"], "ProductDescriptions": LINUX, "StartTime": account.clock.now()}
    before = history(aws, **asked)
    account.advance(24 * 3600)
    after = history(aws, **asked)
    assert len(after) > len(before) == 3
    assert after[-3:] == before, "the past stays as it was"


def test_placement_scores_are_by_zone_and_fall_when_a_pool_dries(account, aws):
    asked = {"InstanceTypes": ["m5.large"], "TargetCapacity": 10, "SingleAvailabilityZone": True}
    scores = {
        s["AvailabilityZoneId"]: s["Score"]
        for s in aws("ec2").get_spot_placement_scores(**asked)["SpotPlacementScores"]
    }
    zones = aws("ec2").describe_availability_zones()["AvailabilityZones"]
    ids = {z["ZoneName"]: z["ZoneId"] for z in zones}
    assert set(scores) == {ids[f"us-east-1{z}"] for z in "abc"}
    assert all(1 <= s <= 10 for s in scores.values())
    account.dry("m5.large", "us-east-1a")
    dry = {
        s["AvailabilityZoneId"]: s["Score"]
        for s in aws("ec2").get_spot_placement_scores(**asked)["SpotPlacementScores"]
    }
    assert dry[ids["us-east-1a"]] == 1
    assert dry[ids["us-east-1b"]] == scores[ids["us-east-1b"]]
