"""The front door: options before and after, exit codes, errors in words, settings by rank."""

import json

import pytest

from tools.errors import UsageError
from tui.cli import COMMANDS, hoist_global_options, main
from tui.config import read_settings


@pytest.mark.parametrize(
    ("given", "front"),
    [
        (["audit", "verify", "--db", "x.db"], ["--db", "x.db", "audit", "verify"]),
        (["--json", "fleets"], ["--json", "fleets"]),
        (["fleets", "--json", "--region=us-east-1"], ["--json", "--region=us-east-1", "fleets"]),
        (["chat", "-p", "x", "--", "--json"], ["chat", "-p", "x", "--", "--json"]),
        (["fleets", "--db"], ["--db", "fleets"]),
    ],
)
def test_global_options_work_before_and_after_the_command(given, front):
    assert hoist_global_options(given) == front


def test_help_names_every_command(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"  {name} " in text for name in COMMANDS)


@pytest.mark.parametrize(
    "argv", [["nonsense"], ["fleets", "--nonsense"], ["audit", "verify", "--db"], ["demo", "--seed", "x"]]
)
def test_a_usage_error_is_64_with_one_line_and_a_way_out(argv, capsys):
    assert main(argv) == 64
    err = capsys.readouterr().err
    assert err.startswith("spotwarden: ")
    assert "→" in err


def test_an_error_with_json_is_one_document(capsys):
    assert main(["nonsense", "--json"]) == 64
    assert json.loads(capsys.readouterr().out)["error"]["exit_code"] == 64


def test_flags_win_over_variables_over_the_project_file_over_xdg(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "xdg" / "spotwarden"
    config.mkdir(parents=True)
    (config / "config.toml").write_text('region = "xdg"\nmodel = "xdg"\nactor = "xdg"\nprofile = "xdg"\n')
    (tmp_path / "spotwarden.toml").write_text('region = "project"\nmodel = "project"\nprofile = "project"\n')
    env = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "xdg"), "SPOTWARDEN_REGION": "env"}
    settings = read_settings({"region": "flag"}, environment=env | {"SPOTWARDEN_PROFILE": "env"})
    assert (settings.region, settings.profile, settings.model, settings.actor) == ("flag", "env", "project", "xdg")


@pytest.mark.parametrize(("text", "saw"), [("region = ", "not TOML"), ("regoin = 'x'", "unknown key 'regoin'")])
def test_a_broken_settings_file_is_named(tmp_path, text, saw):
    file = tmp_path / "s.toml"
    file.write_text(text)
    with pytest.raises(UsageError, match=saw):
        read_settings({"config": str(file)}, environment={"HOME": str(tmp_path)})


@pytest.mark.parametrize("url", ["http://169.254.169.254/", "https://evil.example", "http://10.0.0.1:5000"])
def test_credentials_never_go_to_an_endpoint_that_is_not_on_this_machine(url, tmp_path):
    settings = read_settings({}, environment={"HOME": str(tmp_path), "AWS_ENDPOINT_URL": url})
    with pytest.raises(UsageError, match="loopback"):
        _ = settings.endpoint


def test_the_api_key_is_never_shown(tmp_path):
    settings = read_settings({}, environment={"HOME": str(tmp_path), "OPENAI_API_KEY": "sk-canary"})
    assert "sk-canary" not in repr(settings)
    assert settings.api_key == "sk-canary"


def test_no_color_and_a_dumb_terminal_turn_colours_off(tmp_path):
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert read_settings({}, environment={"HOME": str(tmp_path), **env}).color is False
    assert read_settings({}, environment={"HOME": str(tmp_path), "TERM": "xterm"}).color is True
