"""On-demand list prices and Savings Plans, asked for as anybody asks AWS."""

import json
from decimal import Decimal

import pytest
from botocore.exceptions import ClientError

USUAL = {"operatingSystem": "Linux", "tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used"}


def price_list(aws, **filters):
    asked = [{"Type": "TERM_MATCH", "Field": k, "Value": v} for k, v in filters.items()]
    pages = aws("pricing").get_paginator("get_products").paginate(ServiceCode="AmazonEC2", Filters=asked)
    return [json.loads(text) for page in pages for text in page["PriceList"]]


def rate(document):
    (term,) = document["terms"]["OnDemand"].values()
    (dimension,) = term["priceDimensions"].values()
    assert dimension["unit"] == "Hrs"
    return Decimal(dimension["pricePerUnit"]["USD"])


@pytest.mark.parametrize(
    ("kind", "region", "usd"),
    [
        ("m6i.large", "us-east-1", "0.096"),
        ("g5.xlarge", "us-east-1", "1.006"),
        ("c5.18xlarge", "us-east-1", "3.06"),
        ("c5.2xlarge", "eu-west-3", "0.404"),
        ("t3.large", "eu-west-3", "0.0944"),
    ],
)
def test_one_product_has_one_list_price(aws, kind, region, usd):
    (document,) = price_list(aws, instanceType=kind, regionCode=region, **USUAL)
    assert rate(document) == Decimal(usd)
    assert document["product"]["attributes"]["instanceType"] == kind


def test_filters_left_out_widen_and_pages_hold_everything(aws):
    every = price_list(aws, location="US East (N. Virginia)", operatingSystem="Linux")
    assert len(every) > 300
    assert len({d["product"]["sku"] for d in every}) == len(every)
    assert price_list(aws, instanceType="m99.huge", **USUAL) == []


def test_the_savings_plan_covers_api_core_exactly(aws):
    (found,) = aws("savingsplans").describe_savings_plans(states=["active"])["savingsPlans"]
    rates = aws("savingsplans").describe_savings_plan_rates(savingsPlanId=found["savingsPlanId"])["searchResults"]
    large = next(r for r in rates if {"name": "instanceType", "value": "m6i.large"} in r["properties"])
    assert Decimal(large["rate"]) * 8 == Decimal(found["commitment"])
    assert Decimal(large["rate"]) < Decimal("0.096")
    assert aws("savingsplans").describe_savings_plans(states=["retired"])["savingsPlans"] == []


def test_an_unknown_plan_is_not_found(aws):
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        aws("savingsplans").describe_savings_plan_rates(savingsPlanId="none")
