"""What the simulated region offers: one consistent world of types, zones, prices and list prices."""

import pytest
from botocore.exceptions import ClientError
from moto.ec2.models.instance_types import INSTANCE_TYPES

from tools.simulation.rates import known_types, memory_gib, vcpus


def rows(aws, operation, key, **asked):
    return [row for page in aws("ec2").get_paginator(operation).paginate(**asked) for row in page[key]]


@pytest.fixture(scope="module")
def types(aws):
    return {r["InstanceType"]: r for r in rows(aws, "describe_instance_types", "InstanceTypes")}


@pytest.fixture(scope="module")
def zones(aws):
    found: dict[str, set[str]] = {}
    offered = rows(aws, "describe_instance_type_offerings", "InstanceTypeOfferings", LocationType="availability-zone")
    for row in offered:
        found.setdefault(row["InstanceType"], set()).add(row["Location"])
    return found


def test_enough_types_for_a_scan_of_a_region_old_new_arm_and_accelerated(types):
    assert len(types) >= 150
    assert {"m4.large", "m5.large", "m7g.large", "c8g.medium", "g5.xlarge", "inf2.xlarge", "trn1.2xlarge"} <= set(types)
    assert {a for r in types.values() for a in r["ProcessorInfo"]["SupportedArchitectures"]} >= {"arm64", "x86_64"}


def test_a_type_without_a_list_price_is_not_offered(types, zones):
    assert set(types) == set(zones) == set(known_types())
    assert "m8i.large" in INSTANCE_TYPES
    assert "m8i.large" not in types


def test_the_list_prices_table_agrees_with_the_machines():
    for name in known_types():
        if name in INSTANCE_TYPES:
            machine = INSTANCE_TYPES[name]
            assert (name, vcpus(name)) == (name, machine["VCpuInfo"]["DefaultVCpus"])
            assert (name, memory_gib(name)) == (name, machine["MemoryInfo"]["SizeInMiB"] / 1024)


def test_a_type_has_a_price_in_the_zones_that_offer_it_and_in_no_other(aws, zones):
    priced: dict[str, set[str]] = {}
    asked = {"ProductDescriptions": ["Linux/UNIX"], "InstanceTypes": ["p5.48xlarge", "trn1.2xlarge", "m5.large"]}
    for row in rows(aws, "describe_spot_price_history", "SpotPriceHistory", **asked):
        priced.setdefault(row["InstanceType"], set()).add(row["AvailabilityZone"])
    assert priced == {t: zones[t] for t in asked["InstanceTypes"]}
    assert len(zones["p5.48xlarge"]) == 2, "the newest accelerators do not stand everywhere"


def test_pages_are_small_and_hold_every_type_once(aws):
    pages = list(aws("ec2").get_paginator("describe_instance_types").paginate(PaginationConfig={"PageSize": 50}))
    names = [r["InstanceType"] for p in pages for r in p["InstanceTypes"]]
    assert max(len(p["InstanceTypes"]) for p in pages) == 50
    assert len(names) == len(set(names)) == len(known_types())


@pytest.mark.parametrize(
    ("name", "values", "wanted"),
    [
        ("instance-type", ["m7g.large", "nothing.large"], {"m7g.large"}),
        ("instance-type", ["p3.*"], {"p3.2xlarge", "p3.8xlarge", "p3.16xlarge"}),
        ("bare-metal", ["true"], {f"{f}.metal" for f in ("c5", "c5d", "m5", "r5", "m6i", "c6i", "m7g", "c7g")}),
    ],
)
def test_filters_choose_as_ec2s_do(aws, name, values, wanted):
    found = rows(aws, "describe_instance_types", "InstanceTypes", Filters=[{"Name": name, "Values": values}])
    assert {r["InstanceType"] for r in found} == wanted


def test_an_unknown_name_fails_the_whole_call_as_ec2_does(aws):
    with pytest.raises(ClientError, match="InvalidInstanceType"):
        aws("ec2").describe_instance_types(InstanceTypes=["m5.large", "m99.enormous"])


def test_windows_is_not_sold_on_arm(aws):
    asked = {"InstanceTypes": ["m6g.large", "m6i.large"], "ProductDescriptions": ["Windows"]}
    found = rows(aws, "describe_spot_price_history", "SpotPriceHistory", **asked)
    assert {r["InstanceType"] for r in found} == {"m6i.large"}
