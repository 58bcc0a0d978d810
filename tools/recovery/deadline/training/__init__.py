"""Fitting the deadline planner to traces: `python -m tools.recovery.deadline.training --traces DIR`."""

from functools import lru_cache
from pathlib import Path

from tools.errors import UsageError
from tools.recovery.deadline.problem import Planner
from tools.recovery.deadline.training.fitting import Source, fit
from tools.recovery.deadline.warden import Warden
from tools.traces import find_traces, read_trace

KIND = "availability"


def held_out_planner(trace_path: Path) -> Planner:
    """Fitted on the other traces of the same folder, without any of this trace's zone name, whatever the campaign.

    trace_path  …/availability/<campaign>/<zone>_….json.gz
    Raises      UsageError: it does not lie under an availability folder
    """
    root = next((p for p in trace_path.resolve().parents if p.name == KIND), None)
    if root is None:
        raise UsageError(f"{trace_path}: no folder {KIND} above it", hint="hold out a trace of a folder of traces")
    return _held_out(root, zone_of(trace_path))


def zone_of(path: Path) -> str:
    return path.name.split("_")[0]


@lru_cache(maxsize=4)
def _held_out(root: Path, zone: str) -> Warden:
    others = tuple(s for s, path in _sources(root) if zone_of(path) != zone)
    if not others:
        raise UsageError(f"{root}: every trace is of zone {zone}", hint="train on traces of at least two zones")
    return Warden(fit(others, version=f"without {zone}"))


@lru_cache(maxsize=2)
def _sources(root: Path) -> tuple[tuple[Source, Path], ...]:
    return tuple((source_of(path, root.parent), path) for path in find_traces(root, kind=KIND))


def source_of(path: Path, root: Path) -> Source:
    trace = read_trace(path)
    return Source(path.relative_to(root).as_posix(), trace.gap_seconds, trace.values > 0)
