"""`python -m tools.recovery.deadline.zones_training --traces DIR --out FILE`: counts the shipped chain anew."""

import argparse
from pathlib import Path

from tools.recovery.deadline.zones_chain import ZonesArtefact, count_transitions
from tools.traces import find_traces, read_trace


def artefact(folder: Path) -> ZonesArtefact:
    """Counts of every availability trace under a folder."""
    paths = find_traces(folder)
    traces = [read_trace(path) for path in paths]
    prior = count_transitions(traces)
    return ZonesArtefact(
        moved=prior.moved.round(2).tolist(),
        lived=prior.lived.round(2).tolist(),
        trained_on=tuple(path.relative_to(folder).as_posix() for path in paths),
        trace_days=round(sum(trace.hours for trace in traces) / 24, 1),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    asked.out.write_text(artefact(asked.traces).model_dump_json() + "\n")


if __name__ == "__main__":
    main()
