"""The trained forecast as a file: a few hundred numbers that a person can read, and where they come from."""

import json
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, PositiveFloat, model_validator

from tools.artefact_file import read_artefact_file
from tools.records import Name, Record
from tools.risk.forecast_features import FEATURES
from tools.risk.forecast_pressure import AGE_TERMS

SHIPPED = "interruption-forecast.json"
MAX_BYTES = 1 << 20
_HINT = "install spotwarden again, or train: python -m tools.risk.training --traces DIR --out FILE"


class FeatureWeight(Record):
    """One feature of one head: weight × (value − mean) / scale."""

    name: Name
    mean: float
    scale: float = Field(gt=0)
    weight: float


class Head(Record):
    """The forecast for one horizon, in log-odds."""

    horizon_minutes: float = Field(ge=5, le=1440)
    intercept: float
    centre: float
    """mean log-odds of the training rows"""
    weights: tuple[FeatureWeight, ...]

    @model_validator(mode="after")
    def _knows_every_feature(self) -> Self:
        wanted = tuple(f.name for f in FEATURES)
        if tuple(w.name for w in self.weights) != wanted:
            raise ValueError(f"the weights are not those of {', '.join(wanted)}")
        return self


class LearningRates(Record):
    """tools.risk.forecast_online.Learning, which explains each."""

    sd_level: float = Field(ge=0)
    sd_slope: float = Field(ge=0)
    sd_week: float = Field(ge=0)
    sd_day: float = Field(ge=0)
    waves: int = Field(ge=0, le=24)
    evidence: float = Field(gt=0)
    from_hours: float = Field(ge=0)


class PressureRates(Record):
    """tools.risk.forecast_pressure.PressureModel, which explains each."""

    leave: tuple[float, ...] = Field(min_length=AGE_TERMS, max_length=AGE_TERMS)
    come_back: tuple[float, ...] = Field(min_length=AGE_TERMS, max_length=AGE_TERMS)
    answer: float = Field(ge=0)
    level_hours: tuple[PositiveFloat, ...] = Field(min_length=1, max_length=8)
    sd_level: float = Field(ge=0)
    waves: int = Field(ge=0, le=24)
    wave_hours: PositiveFloat
    sd_wave: float = Field(ge=0)
    fall: float = Field(ge=0)


class Measured(Record):
    """How good forecasts were on rows whose zone, or campaign, was held out of training."""

    split: Name
    forecaster: Name
    horizon_minutes: float
    rows: int
    base_rate: float
    brier: float
    skill: float | None
    """1 − Brier / Brier of the rows' own base rate"""
    auc: float | None
    calibration_error: float
    perfect_calibration_error_p95: float


class ModelCard(Record):
    """What the forecast was trained on, when, and how good it was."""

    trained_on: tuple[Name, ...]
    """traces by path"""
    trace_days: float
    training_rows: int
    trained_at: date | None
    """None = not told"""
    seed: int
    measured: tuple[Measured, ...] = ()


class Artefact(Record):
    """Everything that scoring needs."""

    format: Literal["spotwarden interruption forecast 1"] = "spotwarden interruption forecast 1"
    version: Name
    card: ModelCard
    learning: LearningRates
    pressure: PressureRates
    heads: tuple[Head, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _heads_rise(self) -> Self:
        horizons = [h.horizon_minutes for h in self.heads]
        if horizons != sorted(set(horizons)):
            raise ValueError("heads are not in rising order of horizon")
        return self


def read_artefact(path: Path | None = None) -> Artefact:
    """The shipped one, or a file's.

    Raises  DataError: not there, too large, not JSON, or not an artefact: names the file and the field
    """
    source = path if path is not None else resources.files("tools.risk") / "artefacts" / SHIPPED
    return read_artefact_file(Artefact, source, max_bytes=MAX_BYTES, hint=_HINT)


def artefact_text(artefact: Artefact) -> str:
    """JSON with one feature a line, for reviewers and diffs."""
    document = artefact.model_dump(mode="json")
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    return _folded(text) + "\n"


def _folded(text: str) -> str:
    """Innermost objects on one line."""
    lines: list[str] = []
    held: list[str] | None = None
    for line in text.splitlines():
        if line.rstrip().endswith("{"):
            lines += held or []
            held = [line]
        elif held is not None:
            held.append(line)
            if line.strip() in {"}", "},"}:
                lines.append(held[0] + " ".join(part.strip() for part in held[1:-1]) + held[-1].strip())
                held = None
            elif line.rstrip().endswith("["):
                lines += held
                held = None
        else:
            lines.append(line)
    return "\n".join(lines + (held or []))
