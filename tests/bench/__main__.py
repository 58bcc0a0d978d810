"""`make bench`: our numbers beside their baselines, one run. Machines are shared and noisy: ratios and medians.

Each module of this folder with a `run() -> list[dict]` is a part; name parts to run only those.
Rows: {"what", "ours", "unit", "p50_us", "p99_us", "baseline", "ratio", "goal"}; what a part does not have is left out.
"""

import importlib
import json
import sys
from pathlib import Path

PARTS = (
    "start",
    "decisions",
    "verify",
    "prices",
    "forecast",
    "fleets",
    "jobs",
    "zones",
    "intervals",
    "guard",
    "storm",
    "serving",
)
"""`ray` takes a quarter of an hour and is run by its name"""
COLUMNS = ("what", "ours", "unit", "p50_us", "p99_us", "baseline", "ratio", "goal")


def main() -> int:
    chosen = [a for a in sys.argv[1:] if not a.startswith("-")] or list(PARTS)
    rows = []
    for part in chosen:
        print(f"measuring {part} …", file=sys.stderr)
        rows += importlib.import_module(f"tests.bench.{part}").run()
    if "--json" in sys.argv:
        print(json.dumps(rows, indent=2))
        return 0
    table = [COLUMNS, *(tuple(show(row.get(c, "")) for c in COLUMNS) for row in rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(COLUMNS))]
    for row in table:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    return 0


def show(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    sys.exit(main())
