"""The model card: every figure in it was measured by the run that writes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tools.risk.calibration import Calibration, PairedGain
from tools.risk.forecast_artefact import Artefact, Measured
from tools.risk.forecast_features import FEATURES


@dataclass(frozen=True)
class Findings:
    """What the evaluation found.

    measured   every forecaster of every split and horizon
    gains      (split, horizon) → ours over the nine-feature logistic regression
    main       ours at 60 min, zones held out
    ablations  part left out → what that does at 60 min, against the whole
    learning   zones trained on → (skill, AUC) of ours on zones held out, 60 min
    ceiling    (skill, AUC) of ours at 60 min on the very rows it was trained on
    coverage   share of two-day stretches whose level lay within the 90 % interval, and how many there were; 60 min
    """

    measured: Sequence[Measured]
    gains: Mapping[tuple[str, float], PairedGain]
    main: Calibration
    ablations: Mapping[str, PairedGain]
    learning: Mapping[int, tuple[float, float]]
    ceiling: tuple[float, float]
    coverage: tuple[float, int]


def card_text(artefact: Artefact, findings: Findings) -> str:
    parts = [
        _opening(artefact),
        _results(findings),
        _reliability(findings.main),
        _coverage(*findings.coverage),
        _ablations(findings.ablations),
        _learning(findings.learning, findings.ceiling),
        _weights(artefact),
        _limits(artefact),
    ]
    return "\n\n".join(parts) + "\n"


def _opening(artefact: Artefact) -> str:
    card = artefact.card
    traces = "\n".join(f"- {name}" for name in card.trained_on)
    when = "not told" if card.trained_at is None else card.trained_at.isoformat()
    return f"""# Interruption forecast, version {artefact.version}

P(a pool that can be had now is unobtainable at some tick of the next H minutes), H from 5 minutes to 24 hours, from the
pool's own ticks up to now. Written by `python -m tools.risk.training`; no figure here is typed by hand.

**Form.** 1 − exp(−Λ(H)). At each of {len(artefact.heads)} horizons ({_minutes(artefact)} min) a logistic regression on
{len(FEATURES)} features whose weights may not take the wrong sign, trained on the outcomes within H/2, H and 2H with
common slopes, on every trace whole and as if it had begun later. Three features come from a filter that follows the
pressure on the pool. On top of the regression the pool's own level, slope and waves of the week and the day, which
start at 0 and are moved by each matured outcome (extended Kalman filter; overlapping outcomes count for a part). Λ is
kept from falling with H and is interpolated between the horizons; below the shortest the hazard is constant.

**Trained** {when}, seed {card.seed} (nothing is drawn), {card.trace_days:g} trace-days, {card.training_rows:,} rows:

{traces}

Public launch probes of AWS spot pools from 2022 and 2023 (skypilot-org/spot-traces)."""


def _minutes(artefact: Artefact) -> str:
    return ", ".join(f"{h.horizon_minutes:g}" for h in artefact.heads)


def _results(findings: Findings) -> str:
    lines = [
        "## How good",
        "",
        "Every row is scored by a forecaster that was trained without its zone (every trace of that zone's name) or",
        "without its campaign. Later times: trained on the first 60 % of the other zones, scored on the last 40 %.",
        "Last 40 % alone: scored traces begin there, so that the pool's own history is short. Skill is against the",
        "base rate of the rows; ECE over ten equal ranges, beside the 95 % point of a perfect forecaster's.",
        "",
        "| split | H, min | forecaster | rows | base rate | Brier | skill | AUC | ECE | perfect p95 |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {m.split} | {m.horizon_minutes:g} | {m.forecaster} | {m.rows:,} | {m.base_rate:.3f} | {m.brier:.4f} "
        f"| {_figure(m.skill)} | {_figure(m.auc)} | {m.calibration_error:.4f} | {m.perfect_calibration_error_p95:.4f} |"
        for m in findings.measured
    ]
    lines += [
        "",
        "Ours over the nine-feature logistic regression on the same rows, 90 % intervals from a bootstrap over files:",
        "",
    ]
    lines += ["| split | H, min | Δ skill | Δ AUC |", "|---|---|---|---|"]
    lines += [f"| {split} | {minutes:g} | {_gain(gain)} |" for (split, minutes), gain in findings.gains.items()]
    return "\n".join(lines)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _gain(gain: PairedGain) -> str:
    skill = _span(gain.brier_skill, gain.brier_skill_low, gain.brier_skill_high)
    return f"{skill} | {_span(gain.auc, gain.auc_low, gain.auc_high)}"


def _span(value: float | None, low: float | None, high: float | None) -> str:
    return "–" if value is None or low is None or high is None else f"{value:+.4f} ({low:+.4f} … {high:+.4f})"


def _reliability(main: Calibration) -> str:
    lines = [
        "## Reliability, 60 min, zones held out",
        "",
        "| forecast | rows | mean forecast | interrupted | 90 % interval | |",
        "|---|---|---|---|---|---|",
    ]
    for b in main.bins:
        if b.mean_forecast is None or b.observed_share is None:
            lines.append(f"| {b.above:.1f}–{b.below:.1f} | 0 | – | – | – | |")
            continue
        lines.append(
            f"| {b.above:.1f}–{b.below:.1f} | {b.rows:,} | {b.mean_forecast:.3f} | {b.observed_share:.3f} "
            f"| {_figure(b.observed_low)} … {_figure(b.observed_high)} | {'█' * round(b.observed_share * 20)} |"
        )
    return "\n".join(lines)


def _coverage(share: float, stretches: int) -> str:
    return f"""**The interval** of a live forecast is what the correction does not yet know of this pool: it narrows as
outcomes come in. Of {stretches} two-day stretches of pools held out, the level that the stretch would have needed lay
inside the 90 % interval, with the stretch's own sampling error allowed for, in {share:.0%}."""


def _ablations(ablations: Mapping[str, PairedGain]) -> str:
    lines = ["## What each part gives, 60 min, zones held out", "", "| left out | Δ skill | Δ AUC |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {_gain(gain)} |" for name, gain in ablations.items())])


def _learning(learning: Mapping[int, tuple[float, float]], ceiling: tuple[float, float]) -> str:
    lines = [
        "## Learning curve, 60 min, zones held out",
        "",
        "| zones trained on | skill | AUC |",
        "|---|---|---|",
    ]
    lines += [f"| {zones} | {skill:.4f} | {auc:.4f} |" for zones, (skill, auc) in learning.items()]
    lines += [f"| all, and scored on the same rows | {ceiling[0]:.4f} | {ceiling[1]:.4f} |", ""]
    lines.append("What lies between the last two rows is about all that more traces could give these features.")
    return "\n".join(lines)


def _weights(artefact: Artefact) -> str:
    head = min(artefact.heads, key=lambda h: abs(h.horizon_minutes - 60))
    lines = [
        f"## Weights at {head.horizon_minutes:g} min",
        "",
        "Log-odds per standard deviation of the feature. Definitions: `tools/risk/forecast_features.py`.",
        "",
        "| feature | weight | | feature | weight |",
        "|---|---|---|---|---|",
    ]
    half = (len(head.weights) + 1) // 2
    for left, right in zip(head.weights[:half], (*head.weights[half:], None), strict=False):
        second = "| | |" if right is None else f"| {right.name} | {right.weight:+.3f} |"
        lines.append(f"| {left.name} | {left.weight:+.3f} | {second}")
    return "\n".join(lines)


def _limits(artefact: Artefact) -> str:
    return f"""## When not to use it

- In the first days of a pool: most of what it gains over state and age comes with a week of history.
- With less than 24 h of history, with less than half of the last day known, or with looks more than 30 min apart: the
  live forecast abstains and says so.
- For a pool that is dry now: the question is when it comes back, which this does not answer.
- Beyond 24 h: a state says nothing about the day after tomorrow. Ask for the rate.
- For horizons under {artefact.heads[0].horizon_minutes:g} min it is an interpolation: the traces were
  probed about every ten minutes.
- The traces are launch probes ("could one be had"), of GPU instances on AWS in 2022 and 2023. A held instance is taken
  less often than a launch is refused; other families, regions and years were not seen.
- Time of day and of week are counted from the first tick: no calendar is known, no holiday."""
