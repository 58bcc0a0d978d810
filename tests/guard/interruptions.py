"""A training run that is interrupted again and again through a metadata service on a socket, on a new instance each time.

The result is judged by one thing: are the final parameters the uninterrupted run's, bit for bit?
"""

import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.guard.clouds import FakeCloud
from tests.guard.training import uninterrupted

ROOT = Path(__file__).resolve().parents[2]
STEPS_BETWEEN = (3, 40)
STEPS_EACH = 120
SHORT_GRACE_SECONDS = (0.02, 0.3)
"""one interruption in four: the end comes before, in or after the save, and 76 is an answer too"""


@dataclass
class Outcome:
    identical: bool
    interruptions: int
    codes: Counter[int]
    steps: int


def trained(interruptions: int, seed: int) -> Outcome:
    """The run with so many interruptions at moments that the seed chooses, beside the run without."""
    dice = random.Random(seed)
    steps = interruptions * STEPS_EACH
    codes: Counter[int] = Counter()
    with tempfile.TemporaryDirectory() as place:
        result = Path(place, "result")
        for _ in range(interruptions):
            codes[_run(place, result, steps, dice)] += 1
            if result.exists():
                raise AssertionError(f"it was done after {codes}: too few steps for {interruptions} interruptions")
        codes[_run(place, result, steps, None)] += 1
        return Outcome(result.read_bytes() == uninterrupted(steps), interruptions, codes, steps)


def _run(place: str, result: Path, steps: int, dice: random.Random | None) -> int:
    """One instance: from the newest checkpoint to an interruption, or to the end; guard's exit code."""
    short = dice is not None and dice.random() < 0.25
    grace = ["--grace", f"{dice.uniform(*SHORT_GRACE_SECONDS):.3f}"] if dice and short else []
    with FakeCloud() as cloud:
        command = [
            sys.executable, "-m", "tools.recovery.guard", "--poll", "0.02", "--signal", "none", *grace,
            "--checkpoints", str(Path(place, "here")), "--store", str(Path(place, "job")), "--checkpoint-every", "0.2",
            "--", sys.executable, str(ROOT / "tests/guard/training.py"), str(steps), str(result),
        ]  # fmt: skip
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **cloud.environment, "OPENBLAS_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            if dice is not None:
                _go_on_for(process, dice.randint(*STEPS_BETWEEN))
                cloud.interrupt()
            _, words = process.communicate(timeout=120)
        if process.returncode not in ({75, 76} if dice else {0}):
            raise AssertionError(f"guard ended with {process.returncode}: {words}")
        if dice is not None and dice.random() < 0.5:  # a new instance has an empty disk
            with suppress(FileNotFoundError):
                Path(place, "here").rename(Path(place, f"gone-{dice.random()}"))
        return process.returncode


def _go_on_for(process: "subprocess.Popen[str]", steps: int) -> None:
    for _ in range(steps):
        if not process.stdout.readline():
            return
