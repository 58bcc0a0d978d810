"""The Price List and Savings Plans APIs live in few regions; some partitions have none. No call leaves this test."""

from datetime import UTC, datetime

import pytest

from tools.aws import ec2
from tools.aws.session import open_account
from tools.errors import AccessDenied, DataError
from tools.records import LINUX


class Noon:
    def now(self):
        return datetime(2026, 11, 21, 12, tzinfo=UTC)


def account_in(region):
    return open_account(profile=None, region=region, endpoint_url=None, clock=Noon(), credentials=("nobody", "nothing"))


@pytest.mark.parametrize(
    ("region", "prices", "plans"),
    [
        ("us-east-1", "us-east-1.amazonaws.com", "savingsplans.amazonaws.com"),
        ("sa-east-1", "us-east-1.amazonaws.com", "savingsplans.amazonaws.com"),
        ("eu-west-3", "eu-central-1.amazonaws.com", "savingsplans.amazonaws.com"),
        ("ap-northeast-2", "ap-south-1.amazonaws.com", "savingsplans.amazonaws.com"),
        ("cn-north-1", "cn-northwest-1.amazonaws.com.cn", "cn-north-1"),
    ],
)
def test_each_partition_is_asked_at_its_own_home(region, prices, plans):
    with account_in(region) as account:
        assert prices in account.calls.endpoint("pricing")
        assert plans in account.calls.endpoint("savingsplans")


@pytest.mark.parametrize("region", ["us-gov-west-1", "us-gov-east-1", "us-iso-east-1"])
def test_a_partition_without_these_services_is_unknown_and_not_asked(region):
    with account_in(region) as account:
        assert account.reader.on_demand_rates(["m5.large"], product=LINUX) == ()
        with pytest.raises(AccessDenied, match="Savings Plans") as unknown:
            account.reader.savings_plans()
        assert "commercial account" in unknown.value.hint


@pytest.mark.parametrize("seen", ["0", "-1", "NaN", "Infinity", "free"])
def test_a_price_that_is_none_is_an_error_that_names_its_row(seen):
    row = {
        "InstanceType": "m5.large",
        "AvailabilityZone": "us-east-1a",
        "Timestamp": Noon().now(),
        "SpotPrice": seen,
    }
    with pytest.raises(DataError, match=r"m5\.large in us-east-1a .* SpotPrice: saw"):
        ec2._price(row)
