"""No torn checkpoint is ever loaded, and nothing that was acknowledged is lost; and these trials can see it when it is.

The 10,000 are run by `make torture`; this is a slice of them, in a small process of its own: it forks hundreds of times.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.torture.checkpoint_bugs import PLANTED
from tests.torture.checkpoints import NAMES, load_well, save_well
from tools.recovery.guard.saves import Checkpoints

ROOT = Path(__file__).resolve().parents[2]
SLICE = 200


def trials(*words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.torture.checkpoints", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.mark.accepts("RC-01", "EB-10", "IN-06")
def test_kills_and_power_cuts_at_every_boundary_leave_a_whole_checkpoint():
    figures = trials(str(SLICE), "7")
    assert figures["torn_loaded"] == 0, figures
    assert figures["lost_older_than_newest_whole"] == 0, figures
    assert figures["offsets_lost"] == 0, figures
    assert figures["kills"] == SLICE
    assert figures["power_cuts"] > SLICE // 3
    assert figures["boundaries"] > 40


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(bug):
    figures = trials("500", "7", bug)
    assert figures[PLANTED[bug][0]] > 0, figures


def test_a_checksum_turns_what_would_be_torn_into_one_that_is_set_aside(tmp_path):
    save_well(tmp_path, 1)
    save_well(tmp_path, 2)
    newest = Checkpoints(tmp_path).ids()[-1]
    os.truncate(tmp_path / newest / NAMES[0], 10)
    step, _ = load_well(tmp_path)
    assert step == 1
    assert (tmp_path / f".damaged-{newest}").is_dir()
