"""`python -m tools.recovery.deadline.training --traces DIR [--out FILE]`: count the chain, write the artefact."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.errors import SpotError, UsageError
from tools.recovery.deadline.artefact import SHIPPED
from tools.recovery.deadline.training import source_of
from tools.recovery.deadline.training.fitting import fit
from tools.traces import find_traces

OUT = Path(__file__).parent.parent / "artefacts" / SHIPPED


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.recovery.deadline.training", description=__doc__)
    parser.add_argument("--traces", type=Path, required=True, help="folder with availability/**.json.gz")
    parser.add_argument("--out", type=Path, default=OUT, help="the artefact (default: the shipped one)")
    asked = parser.parse_args(arguments)
    try:
        paths = find_traces(asked.traces)
        if not paths:
            raise UsageError(f"{asked.traces}: no availability trace", hint="name the folder that holds availability/")
        artefact = fit([source_of(path, asked.traces) for path in paths])
        asked.out.write_text(artefact.model_dump_json() + "\n", encoding="utf-8")
    except SpotError as error:
        sys.stderr.write(f"{error}\n{error.hint}\n")
        return error.exit_code
    sys.stderr.write(f"{asked.out}: {artefact.card.trace_days:g} trace-days, {artefact.classes.count} classes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
