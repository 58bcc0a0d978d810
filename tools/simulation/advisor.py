"""The Spot Instance Advisor's file for the simulated market, in the shape that AWS publishes.

Types with little spare capacity have high bands. AWS's bands are of the trailing month and of all zones together.
"""

from datetime import datetime
from typing import Any

from tools.simulation.market import Market, Pool, depth, spot_price
from tools.simulation.rates import is_arm, list_price, memory_gib, vcpus

RANGES = (
    {"index": 0, "label": "<5%", "dots": 0, "max": 5},
    {"index": 1, "label": "5-10%", "dots": 1, "max": 11},
    {"index": 2, "label": "10-15%", "dots": 2, "max": 16},
    {"index": 3, "label": "15-20%", "dots": 3, "max": 22},
    {"index": 4, "label": ">20%", "dots": 4, "max": 100},
)
_DEEP_ENOUGH = (8.5, 7.5, 6.5, 5.0)
"""mean depth of a type's pools, at or above which its band is 0, 1, 2, 3"""
_WINDOWS_SAVES_LESS = 12


def advisor_file(seed: int, region: str, market: Market, at: datetime) -> dict[str, Any]:
    """What the page would download, as of the day on which the account's time begins."""
    rows = {t: row for t in market.types() if (row := _row(seed, region, market, t, at)) is not None}
    windows = {
        t: {"s": max(row["s"] - _WINDOWS_SAVES_LESS, 0), "r": row["r"]} for t, row in rows.items() if not is_arm(t)
    }
    return {
        "global_rate": "<10%",
        "instance_types": {
            t: {"cores": vcpus(t), "emr": t.startswith(("c", "m", "r")), "ram_gb": memory_gib(t)} for t in rows
        },
        "ranges": [dict(r) for r in RANGES],
        "spot_advisor": {region: {"Linux": rows, "Windows": windows}},
    }


def _row(seed: int, region: str, market: Market, instance_type: str, at: datetime) -> dict[str, int] | None:
    listed = list_price(instance_type, region)
    pools = [p for p in (Pool(instance_type, z) for z in market.zones) if market.offers(p)]
    prices = [price for p in pools if (price := spot_price(market, p, at)) is not None]
    if not listed or not prices:
        return None
    mean_depth = sum(depth(seed, p) for p in pools) / len(pools)
    band = next((n for n, least in enumerate(_DEEP_ENOUGH) if mean_depth >= least), 4)
    return {"s": round(100 * (1 - sum(prices) / len(prices) / float(listed))), "r": band}
