"""`python -m tools.risk.training --traces DIR --out FILE [--card FILE]`: train, measure with zones held out, write."""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tools.errors import DataError, SpotError, UsageError
from tools.risk.calibration import PairedGain
from tools.risk.forecast_artefact import Artefact, Measured, artefact_text
from tools.risk.training.card import Findings, card_text
from tools.risk.training.evaluate import (
    CAMPAIGNS,
    LATER,
    NINE,
    OURS,
    SHORT,
    ZONES,
    Fold,
    Maker,
    ablations,
    folds,
    interval_coverage,
    judge,
    makers,
    ours,
    zone_of,
)
from tools.risk.training.fit import fit
from tools.traces import Trace, find_traces, read_trace

HORIZONS = (30.0, 60.0, 180.0)
MAIN = 60.0


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _parse(arguments)
    try:
        paths = find_traces(asked.traces)
        if not paths:
            raise UsageError(f"{asked.traces}: no availability trace")
        traces = [read_trace(path) for path in paths]
        names = [path.relative_to(asked.traces).as_posix() for path in paths]
        _check_zones(traces)
        trained = fit(traces, seed=asked.seed, trained_at=asked.date, names=names).artefact
        artefact, findings = _examined(trained, traces, asked.measure)
        asked.out.write_text(artefact_text(artefact), encoding="utf-8")
        if asked.card is not None:
            asked.card.write_text(card_text(artefact, findings), encoding="utf-8")
    except SpotError as error:
        _say(f"{error}\n{error.hint}")
        return error.exit_code
    except OSError as error:
        _say(f"{error.filename}: {error.strerror}")
        return 1
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.risk.training", description=__doc__)
    parser.add_argument("--traces", type=Path, required=True, help="folder with …/availability/…/*.json.gz")
    parser.add_argument("--out", type=Path, required=True, help="the artefact to write")
    parser.add_argument("--card", type=Path, help="the model card to write")
    parser.add_argument(
        "--measure", type=float, nargs="+", default=HORIZONS, metavar="MINUTES", help="horizons of the card's table"
    )
    parser.add_argument("--seed", type=int, default=0, help="written into the artefact; nothing is drawn")
    parser.add_argument(
        "--date",
        type=lambda text: datetime.fromisoformat(text).date(),
        default=datetime.now(UTC).date(),
        help="YYYY-MM-DD",
    )
    return parser.parse_args(arguments)


def _check_zones(traces: Sequence[Trace]) -> None:
    if not folds(traces, ZONES):
        raise DataError(
            "all traces are of one zone: nothing can be held out",
            hint="train on traces of at least two zones; a file's name up to the first _ is its zone",
        )


def _examined(trained: Artefact, traces: Sequence[Trace], horizons: Sequence[float]) -> tuple[Artefact, Findings]:
    """The artefact with what was measured in it, and the findings for the card."""
    measured: list[Measured] = []
    gains: dict[tuple[str, float], PairedGain] = {}
    zones = folds(traces, ZONES)
    for split in (ZONES, LATER, SHORT, CAMPAIGNS):
        held = folds(traces, split)
        for minutes in horizons if held else ():
            _say(f"{split}, {minutes:g} min")
            judged = judge(held, minutes, makers(minutes))
            measured += [judged.measured(split, name) for name in judged.said]
            gains[split, minutes] = judged.gain(OURS, NINE)
    main_one = judge(zones, MAIN, {OURS: partial(ours, MAIN), **ablations(MAIN)})
    artefact = trained.with_(card=trained.card.with_(measured=tuple(map(_short, measured))))
    lost = {name: main_one.gain(name, OURS) for name in main_one.said if name != OURS}
    same = judge([Fold(tuple(traces), tuple(traces))], MAIN, _ours(MAIN)).measured("same rows", OURS)
    ceiling = (same.skill or 0.0, same.auc or 0.0)
    return artefact, Findings(
        measured,
        gains,
        main_one.calibration(OURS),
        lost,
        _learning_curve(zones),
        ceiling,
        interval_coverage(zones, MAIN),
    )


def _ours(minutes: float) -> dict[str, Maker]:
    return {OURS: partial(ours, minutes)}


def _short(found: Measured) -> Measured:
    return found.with_(**{k: float(f"{v:.5g}") for k, v in dict(found).items() if isinstance(v, float)})


def _learning_curve(zones: Sequence[Fold]) -> dict[int, tuple[float, float]]:
    """Train on the first n zones of each fold, by name."""
    curve = {}
    for count in range(1, len(zones)):
        _say(f"learning curve, {count} zones")
        judged = judge([_first(fold, count) for fold in zones], MAIN, _ours(MAIN))
        found = judged.measured(ZONES, OURS)
        curve[count] = (found.skill or 0.0, found.auc or 0.0)
    return curve


def _first(fold: Fold, count: int) -> Fold:
    kept = sorted({zone_of(t) for t in fold.training})[:count]
    return Fold(tuple(t for t in fold.training if zone_of(t) in kept), fold.scored, fold.scored_from)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
