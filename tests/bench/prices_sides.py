"""One side of tests.bench.prices, in a process of its own: python -m tests.bench.prices_sides ours|pandas FOLDER.

Reads a line of work (`whole`, `plain`, `read FILE`), does it, answers a line of JSON.
"""

import gc
import importlib.metadata
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Found = dict[str, Any]
"""one array a statistic, one value a pool"""
TENTHS = {"p10": 1, "median": 5, "p90": 9}


def ours(folder: Path) -> dict[str, Callable[..., Any]]:
    from tools.market.columns import PriceColumns
    from tools.market.history_file import read_history
    from tools.market.steps import step_statistics
    from tools.records import CapacityPool

    pool, at_us, usd = (np.load(folder / f"{name}.npy") for name in ("pool", "at_us", "usd"))
    pools = tuple(CapacityPool(instance_type=f"p{i}") for i in range(int(pool[-1]) + 1))
    columns = PriceColumns(pools, pool, at_us, usd)
    on_demand, start_us, end_us = prices_beside(pool, at_us)

    def analyse(*, quantiles: bool) -> Found:
        found = step_statistics(columns, start_us=start_us, end_us=end_us, quantiles=quantiles)
        names = ("current", "mean", "low", "high", "volatility", "changes", *(TENTHS if quantiles else ()))
        return {name: getattr(found, name) for name in names} | {"discount": 1 - found.mean / on_demand}

    return {"whole": lambda: analyse(quantiles=True), "plain": lambda: analyse(quantiles=False), "read": read_history}


def with_pandas(folder: Path) -> dict[str, Callable[..., Any]]:
    import pandas as pd

    columns = {name: np.load(folder / f"{name}.npy") for name in ("pool", "at_us", "usd")}
    frame = pd.DataFrame(columns, copy=False)
    on_demand, _, end_us = prices_beside(columns["pool"], columns["at_us"])

    def held_us() -> Any:
        until = frame["at_us"].shift(-1, fill_value=end_us)
        until[frame["pool"].ne(frame["pool"].shift(-1, fill_value=-1))] = end_us
        return until - frame["at_us"]

    def plain() -> Found:
        return moments(held_us())

    def moments(held_us: Any) -> Found:
        pool, usd, held = frame["pool"], frame["usd"], held_us.astype("float64")
        log = np.log(usd)
        work = pd.DataFrame({"held": held, "paid": held * usd, "log": held * log, "usd": usd}, copy=False)
        groups = work.groupby(pool, sort=False)
        sums, price = groups[["held", "paid", "log"]].sum(), groups["usd"]
        mean = sums["paid"] / sums["held"]
        off = log - (sums["log"] / sums["held"]).to_numpy()[pool]
        variance = (held * off * off).groupby(pool, sort=False).sum() / sums["held"]
        return {
            "current": price.last(), "mean": mean, "low": price.min(), "high": price.max(),
            "volatility": np.sqrt(variance), "changes": price.size() - 1, "discount": 1 - mean / on_demand,
        }  # fmt: skip

    def whole() -> Found:
        held = held_us()
        # one column sorted by price, then the keys, of 16 bits and so by radix: 2.4 times as fast as sort_values of both
        by_price = frame["usd"].argsort().to_numpy()
        keys = frame["pool"].astype("int16" if columns["pool"][-1] < 2**15 else "int64")
        order = by_price[keys.take(by_price).argsort(kind="stable").to_numpy()]
        price, passed = frame["usd"].take(order), held.take(order).cumsum()
        total = held.groupby(frame["pool"], sort=False).sum()
        before = total.cumsum() - total
        at = {name: passed.searchsorted(before - (-total * tenth) // 10) for name, tenth in TENTHS.items()}
        return moments(held) | {name: price.take(rows) for name, rows in at.items()}

    def read(path: Path) -> Any:
        return pd.read_csv(path, parse_dates=["timestamp_utc"])

    return {"whole": whole, "plain": plain, "read": read}


def prices_beside(pool: Any, at_us: Any) -> tuple[Any, int, int]:
    """On-demand prices of the pools, and the window: both sides get the same."""
    dice = np.random.default_rng(1)
    return dice.uniform(0.1, 10.0, int(pool[-1]) + 1), int(at_us.min()), int(at_us.max()) + 1


def peak_mb() -> float:
    """Of this process alone: what getrusage says of a child starts at its parent's peak on Linux."""
    status = Path("/proc/self/status")
    if status.is_file():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)  # bytes on macOS


def main() -> None:
    which, folder = sys.argv[1], Path(sys.argv[2])
    side = ours(folder) if which == "ours" else with_pandas(folder)
    version = importlib.metadata.version("numpy" if which == "ours" else "pandas")
    print(json.dumps({"version": version}), flush=True)
    for line in sys.stdin:
        work, *path = line.split(maxsplit=1)
        gc.collect()
        started = time.process_time()
        found = side[work](*(Path(p.strip()) for p in path))
        seconds = time.process_time() - started
        answer = {"seconds": seconds, "peak_mb": peak_mb()}
        if not path:
            answer["found"] = str(folder / f"{which}.npz")
            np.savez(answer["found"], **{name: np.asarray(values) for name, values in found.items()})
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
