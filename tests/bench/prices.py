"""Price histories analysed per pool: our kernel beside the best vectorised pandas that we could write.

Both work on the same sorted columns in memory (integer pool keys, int64 microseconds, float64 USD), each in a process
of its own that is asked in turn. pandas computes the same values in the same way: time-weighted mean, σ of log price
about its mean (the one-pass formula would save it a third, and gives rounding noise where a price stands still), low,
high, current, changes, discount, and the exact time-weighted quantiles, which need a sort.
Seconds are medians of one thread's processor time, so that what else the machine does counts on neither side; memory
is the peak of our process. pandas is not a dependency of the product: `make bench` puts it into .bench-site.
"""

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from tools.market.columns import Floats, Ints, sieve
from tools.market.history_file import read_history

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / ".bench-site"
DATA = Path(os.environ.get("SPOTWARDEN_DATA") or ROOT.parent / "shared" / "data")
FILES = ("aws_eu-west-3_2020-03_2020-07", "aws_us-east-1_2015", "aws_us-east-1_2016")
SYNTHETIC_ROWS = (100_000, 1_000_000, 10_000_000)
POOLS = 3_000
SPAN_US = 90 * 86_400 * 1_000_000
STARTS_US = 1_780_000_000_000_000
REPEATS = {100_000: 25, 1_000_000: 15, 10_000_000: 9}
NOW = datetime(2026, 11, 20, tzinfo=UTC)
GOAL = "≥ 10 x, ≤ 1 GB"
SAME = 1e-8
"""largest relative difference of results that are equal but for rounding"""
Columns = tuple[Ints, Ints, Floats]
"""pool, at_us, usd_per_hour"""


def synthetic(rows: int, *, seed: int = 20261120) -> Columns:
    """Changes of 3,000 pools over 90 days: uneven counts, random moments, a bounded random walk of log price."""
    dice = np.random.default_rng(seed)
    counts = dice.multinomial(rows - POOLS, dice.dirichlet(np.full(POOLS, 2.0))) + 1
    begins = np.cumsum(counts) - counts
    pool = np.repeat(np.arange(POOLS), counts)
    waits = np.cumsum(dice.exponential(1.0, rows))
    since = waits - np.repeat(waits[begins], counts)
    longest = np.repeat(since[begins + counts - 1] + 1.0, counts)
    # a microsecond a row keeps moments apart
    at_us = (
        STARTS_US + (since / longest * (SPAN_US - rows)).astype(np.int64) + np.arange(rows) - np.repeat(begins, counts)
    )
    walk = np.cumsum(dice.normal(0.0, 0.01, rows))
    walk -= np.repeat(walk[begins], counts)
    level = np.exp(dice.uniform(math.log(0.01), math.log(10.0), POOLS))
    usd = np.maximum(np.round(np.repeat(level, counts) * np.exp(np.sin(walk)), 4), 0.0001)
    return pool, at_us, usd


def real(name: str) -> Columns:
    """A file's believable changes, as the product reads them."""
    history = read_history(DATA / "prices" / f"{name}.csv.gz")
    columns, _ = sieve(history.columns, on_demand={}, now=NOW)
    return columns.pool, columns.at_us, columns.usd_per_hour


class Side:
    """A process that holds the columns and analyses them each time it is asked."""

    def __init__(self, which: str, folder: Path) -> None:
        paths = [str(ROOT), *([str(SITE)] if which == "pandas" else [])]
        one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.prices_sides", which, str(folder)],
            env={**os.environ, **one_thread, "PYTHONPATH": os.pathsep.join(paths)},
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.version = self._answer()["version"]

    def ask(self, work: str) -> dict[str, Any]:
        """{"seconds", "peak_mb", "found": path of the results}"""
        self.process.stdin.write(work + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the other process ended with {self.process.wait()}: see above")
        return json.loads(line)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


@contextmanager
def sides(columns: Columns) -> Iterator[dict[str, Side]]:
    """Ours, and pandas where it is installed, both holding the columns."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        for name, values in zip(("pool", "at_us", "usd"), columns, strict=True):
            np.save(Path(folder) / f"{name}.npy", values)
        found = {}
        for which in ("ours", *(["pandas"] if SITE.is_dir() else [])):
            found[which] = Side(which, Path(folder))
            stack.callback(found[which].close)
        yield found


def measure(found: dict[str, Side], work: str, repeats: int) -> dict[str, Any]:
    """Medians of both, asked in turn, and the largest relative difference of any value of any pool."""
    seconds: dict[str, list[float]] = {which: [] for which in found}
    last: dict[str, dict[str, Any]] = {}
    for _ in range(repeats):
        for which, side in found.items():
            last[which] = side.ask(work)
            seconds[which].append(last[which]["seconds"])
    row: dict[str, Any] = {"ours": statistics.median(seconds["ours"]), "peak_mb": last["ours"]["peak_mb"]}
    if "pandas" in found:
        row |= {
            "pandas": statistics.median(seconds["pandas"]),
            "difference": apart(last["ours"]["found"], last["pandas"]["found"]),
            "version": found["pandas"].version,
        }
    return row


def apart(ours: str, theirs: str) -> float:
    with np.load(ours) as mine, np.load(theirs) as other:
        if set(mine) != set(other):
            raise RuntimeError(f"not the same work: {sorted(mine)} and {sorted(other)}")
        largest = max(difference(mine[name], other[name]) for name in mine)
    if not largest <= SAME:
        raise RuntimeError(f"the results differ by {largest:.0e}: a ratio would say nothing")
    return largest


def difference(mine: Floats, other: Floats) -> float:
    """Largest |a − b| / |a|; values below 1e-6 are compared as if they were that large: rounding, not a price."""
    return float(np.max(np.abs(mine - other) / np.maximum(np.abs(mine), 1e-6)))


def shown(what: str, row: dict[str, Any], *, goal: str = "") -> dict[str, Any]:
    unit = "s" if row["ours"] >= 1 else "ms"
    scale = 1 if unit == "s" else 1000
    line: dict[str, Any] = {"what": what, "ours": row["ours"] * scale, "unit": unit}
    if "pandas" not in row:
        return line | {"baseline": "pandas is not installed: make bench", "goal": goal}
    line["baseline"] = f"{row['pandas'] * scale:.3g} {unit} pandas {row['version']}"
    times = row["pandas"] / row["ours"]
    line["ratio"] = f"{times:.1f} x faster" if times >= 1 else f"{1 / times:.1f} x slower"
    notes = [f"max diff {row['difference']:.0e}"] if "difference" in row else []
    if "peak_mb" in row:
        notes.append(f"peak {row['peak_mb']:.0f} MB")
    return line | {"goal": "; ".join(filter(None, (goal, ", ".join(notes))))}


def run() -> list[dict[str, Any]]:
    table: list[dict[str, Any]] = []
    growth: dict[str, list[float]] = {"ours": [], "pandas": []}
    for rows in SYNTHETIC_ROWS:
        with sides(synthetic(rows)) as found:
            whole = measure(found, "whole", REPEATS[rows])
            plain = measure(found, "plain", REPEATS[rows])
        goal = GOAL if rows == SYNTHETIC_ROWS[-1] else ""
        table.append(shown(f"{rows:,} price changes, {POOLS:,} pools, with quantiles", whole, goal=goal))
        table.append(shown("  the same without quantiles", plain))
        for which, seconds in growth.items():
            seconds.append(whole.get(which, math.nan))
    table.append(grown(growth))
    for name in FILES:
        path = DATA / "prices" / f"{name}.csv.gz"
        table += real_rows(name, path) if path.is_file() else [{"what": name, "goal": "not there: set SPOTWARDEN_DATA"}]
    return table


def grown(growth: dict[str, list[float]]) -> dict[str, Any]:
    """How time grows from the smallest to the largest: rows ** exponent."""
    decades = math.log(SYNTHETIC_ROWS[-1] / SYNTHETIC_ROWS[0])
    ours, theirs = (math.log(seconds[-1] / seconds[0]) / decades for seconds in growth.values())
    return {
        "what": f"growth from {SYNTHETIC_ROWS[0]:,} to {SYNTHETIC_ROWS[-1]:,} rows",
        "ours": ours,
        "unit": "exponent",
        "baseline": "" if math.isnan(theirs) else f"{theirs:.3g} pandas",
        "goal": "about 1: no worse than linear",
    }


def real_rows(name: str, path: Path) -> list[dict[str, Any]]:
    columns = real(name)
    with sides(columns) as found:
        whole = measure(found, "whole", 9)
        reading = measure_reading(found, path)
    pools = len(np.unique(columns[0]))
    return [
        shown(f"{name}: {len(columns[0]):,} changes, {pools} series", whole),
        shown("  reading it from disk", reading, goal="pandas: read_csv, times parsed, no row checked"),
    ]


def measure_reading(found: dict[str, Side], path: Path) -> dict[str, Any]:
    seconds: dict[str, list[float]] = {which: [] for which in found}
    for _ in range(3):
        for which, side in found.items():
            seconds[which].append(side.ask(f"read {path}")["seconds"])
    row: dict[str, Any] = {which: statistics.median(values) for which, values in seconds.items()}
    return row | ({"version": found["pandas"].version} if "pandas" in found else {})
