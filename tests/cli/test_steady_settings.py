"""The daemon's own limits in the settings file, and what a round tells of fleets that it leaves as they are."""

import pytest


@pytest.mark.parametrize(
    ("table", "saw"),
    [
        ("[steady]\nreturn_minutes = 5\n", "would flap"),
        ("[steady]\ncooldown_hours = 5\n", "cooldown_hours"),
        ("[steady]\nstep_share = 2\n", "step_share"),
        ('steady = "very"\n', "not a table"),
    ],
)
def test_a_wrong_limit_is_told_and_nothing_runs(run, home, table, saw) -> None:
    (home / "spotwarden.toml").write_text(table)
    run("run", "--once").refuses(64, saw)


@pytest.mark.accepts("P-11")
def test_a_round_tells_which_fleets_it_leaves_and_why(run) -> None:
    told = run("run", "--once", "--json").json
    assert told["held"] == [], "a calm account: nothing is held back"
