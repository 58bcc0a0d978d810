"""Training: what `fit` learns from traces, whether that is worth anything on zones held out, and what is written."""

import json
from pathlib import Path

import numpy as np
import pytest

from tools.errors import DataError
from tools.risk.forecast import load_forecaster
from tools.risk.forecast_artefact import artefact_text
from tools.risk.training import fit
from tools.risk.training.__main__ import main
from tools.risk.training.evaluate import NINE, OURS, ZONES, folds, judge, makers, zone_of
from tools.risk.training.logistic import fit_logistic
from tools.traces import Trace, find_traces, read_trace


@pytest.fixture(scope="module")
def traces(data_dir: Path):
    return [read_trace(path) for path in find_traces(data_dir / "traces_dev")]


def test_without_signs_and_with_one_outcome_it_is_plain_ridge_logistic_regression():
    dice = np.random.default_rng(0)
    rows = dice.standard_normal((4000, 3))
    came = (dice.random(4000) < 1 / (1 + np.exp(1 - rows @ np.array([1.0, -0.5, 0.0])))).astype(float)
    fitted = fit_logistic(rows, came[:, None], signs=np.zeros(3), shrink=1.0)
    said = 1 / (1 + np.exp(-(rows @ fitted.slopes + fitted.intercepts[0])))
    assert np.allclose(rows.T @ (came - said), fitted.slopes, atol=1e-6)  # where the penalised likelihood is flat
    assert abs(np.sum(came - said)) < 1e-6


def test_a_weight_of_the_wrong_sign_is_held_at_zero_and_the_rest_is_best_given_that():
    dice = np.random.default_rng(1)
    rows = dice.standard_normal((4000, 3))
    came = (dice.random(4000) < 1 / (1 + np.exp(1 - rows @ np.array([1.0, -0.5, 0.3])))).astype(float)[:, None]
    fitted = fit_logistic(rows, came, signs=np.array([1.0, 1.0, 0.0]), shrink=1.0)
    alone = fit_logistic(rows[:, [0, 2]], came, signs=np.zeros(2), shrink=1.0)
    assert fitted.slopes[1] == 0
    assert np.allclose(fitted.slopes[[0, 2]], alone.slopes, atol=1e-5)


def test_an_unknown_outcome_is_no_evidence():
    dice = np.random.default_rng(2)
    rows = dice.standard_normal((2000, 2))
    came = (dice.random((2000, 2)) < 0.3).astype(float)
    half = came.copy()
    half[1000:, 0] = np.nan
    known = fit_logistic(rows[:1000], came[:1000, :1], signs=np.zeros(2), shrink=0.0)
    both = fit_logistic(rows, half[:, :1], signs=np.zeros(2), shrink=0.0)
    assert np.allclose(known.slopes, both.slopes, atol=1e-6)


def test_the_same_traces_give_the_same_artefact(traces):
    some = [t for t in traces if "2022" in str(t.path)]
    first, second = (fit(some, horizons_minutes=(60.0,)).artefact for _ in range(2))
    assert artefact_text(first) == artefact_text(second)


def test_too_few_interruptions_are_refused():
    calm = Trace(Path("campaign/zone_calm.json.gz"), 600.0, np.ones(2000))
    with pytest.raises(DataError, match="0 of the training rows were interrupted within 60 min"):
        fit([calm], horizons_minutes=(60.0,))


def test_no_zone_is_trained_on_and_scored(traces):
    for fold in folds(traces, ZONES):
        assert not {zone_of(t) for t in fold.training} & {zone_of(t) for t in fold.scored}


@pytest.mark.accepts("P-06")
@pytest.mark.timeout(60)
def test_on_zones_held_out_it_is_better_than_the_plain_logistic_regression(traces):
    judged = judge(folds(traces, ZONES)[:2], 60.0, {k: v for k, v in makers(60.0).items() if k in {OURS, NINE}})
    gain = judged.gain(OURS, NINE)
    assert gain.brier_skill > 0.015
    assert gain.auc > 0.008


@pytest.mark.timeout(120)
def test_the_command_writes_an_artefact_that_loads(data_dir, tmp_path):
    out, card = tmp_path / "model.json", tmp_path / "card.md"
    source = data_dir / "traces_dev" / "availability" / "aws-10-26-2022"
    folder = tmp_path / "availability" / "aws-10-26-2022"
    folder.mkdir(parents=True)
    for path in sorted(source.glob("*_v100_8*")):
        (folder / path.name).symlink_to(path)
    assert (
        main(
            [
                "--traces",
                str(tmp_path),
                "--out",
                str(out),
                "--card",
                str(card),
                "--date",
                "2026-11-20",
                "--measure",
                "60",
            ]
        )
        == 0
    )
    assert load_forecaster(out).card.trained_at.isoformat() == "2026-11-20"
    assert (
        json.loads(out.read_text())["card"]["trained_on"][0] == "availability/aws-10-26-2022/us-west-2a_v100_8.json.gz"
    )
    assert "| zones held out | 60 | ours |" in card.read_text()


def test_one_zone_alone_cannot_be_measured_and_nothing_is_written(data_dir, tmp_path, capsys):
    source = data_dir / "traces_dev" / "availability" / "aws-08-27-2023"
    (tmp_path / "availability").mkdir()
    (tmp_path / "availability" / source.name).symlink_to(source)
    assert main(["--traces", str(tmp_path), "--out", str(tmp_path / "out.json")]) == 1
    assert "nothing can be held out" in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()


def test_the_command_says_what_is_wrong(tmp_path, capsys):
    assert main(["--traces", str(tmp_path / "none"), "--out", str(tmp_path / "out.json")]) == 64
    assert "no such folder" in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()
