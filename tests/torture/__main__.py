"""`make torture`: the real product killed, disturbed and deceived on a simulated account, and judged by what happened.

    SEED=7 make torture                       the standard run, up to 40 minutes on two cores
    FULL=1 make torture                       every pair of kills
    make torture ARGS="--only change-fleet-asg"      the deeds whose names begin so
    make torture ARGS="--parts queues"        workers of real queues only
    make torture ARGS="--cell single/change-fleet-asg/act/12/inside"    one cell, told in full

Progress and the table go to stderr. The last line of stdout is one JSON object; a violation exits 1.
"""

import argparse
import json
import os
import signal
import sys

from tests.torture.orchestra import Orchestra, Plan


def main() -> int:
    given = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was written is taken away
    plan = Plan(
        seed=given.seed,
        full=given.full,
        only=given.only,
        cells=tuple(given.cell or ()),
        chosen=frozenset(given.parts.split(",")) if given.parts else Plan.parts,
        minutes=given.minutes,
        workers=given.workers,
        drifts=given.drifts,
        planted=given.planted,
    )
    orchestra = Orchestra(plan)
    figures = orchestra.play()
    print(json.dumps(figures), flush=True)
    return 1 if orchestra.troubles else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make torture", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED") or 7))
    parser.add_argument("--full", action="store_true", default=bool(os.environ.get("FULL")))
    parser.add_argument("--only", default="", help="deeds whose names begin so")
    parser.add_argument("--cell", action="append", help="this cell only; may be repeated")
    parser.add_argument("--parts", default="", help="some of " + ",".join(sorted(Plan.parts)))
    parser.add_argument("--minutes", type=float, default=38.0, help="pairs are sampled to fit into so many")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--drifts", type=int, default=10_000)
    parser.add_argument("--planted", default="", help="look for this planted bug only, or run cells with it")
    return parser


if __name__ == "__main__":
    sys.exit(main())
