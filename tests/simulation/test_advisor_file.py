"""The Spot Instance Advisor's file of the simulated market, read as anybody reads AWS's."""

import json
import urllib.request
from itertools import pairwise

import pytest

from tests.forked_accounts import started
from tools.simulation.client import SimulatedAccount
from tools.simulation.market import Pool, depth
from tools.simulation.rates import known_types

ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")


def read(url):
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=15) as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def advisor(account):
    return read(account.advisor_url)


def test_the_file_has_the_shape_that_aws_publishes(advisor):
    assert set(advisor) == {"global_rate", "instance_types", "ranges", "spot_advisor"}
    assert [r["label"] for r in advisor["ranges"]] == ["<5%", "5-10%", "10-15%", "15-20%", ">20%"]
    assert [r["max"] for r in advisor["ranges"]] == [5, 11, 16, 22, 100]
    linux = advisor["spot_advisor"]["us-east-1"]["Linux"]
    assert set(linux) == set(advisor["instance_types"]) == set(known_types())
    assert all(set(row) == {"s", "r"} and 0 <= row["r"] <= 4 and 0 < row["s"] < 100 for row in linux.values())
    assert advisor["instance_types"]["g5.xlarge"] == {"cores": 4, "emr": False, "ram_gb": 16.0}


def test_types_with_little_spare_capacity_have_high_bands(advisor, account):
    linux = advisor["spot_advisor"]["us-east-1"]["Linux"]
    spare: dict[int, list[float]] = {}
    for name in ("m5.large", "c5.large", "g5.xlarge", "g4dn.xlarge", "m7g.large", "r5.large", "p3.2xlarge", "t3.large"):
        mean = sum(depth(account.seed, Pool(name, z)) for z in ZONES) / len(ZONES)
        spare.setdefault(linux[name]["r"], []).append(mean)
    bands = sorted(spare)
    assert len(bands) > 1
    assert all(min(spare[low]) >= max(spare[high]) for low, high in pairwise(bands))


def test_one_seed_gives_one_file_and_another_seed_another(advisor):
    with SimulatedAccount.start(stepped=True, seed=7) as same, started(stepped=True, seed=8) as other:
        assert read(same.advisor_url) == advisor
        assert read(other.advisor_url) != advisor
