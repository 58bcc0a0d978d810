"""`chat -p` with a hosted model: the real openai client against a local endpoint that speaks its wire, faults included."""

import json

import pytest

from agent.models.menu import MOST_SHOWN
from tests.agent.models.stub import ModelStub, call, fail, say
from tests.forked_accounts import started
from tui.cli import main


@pytest.fixture(scope="module")
def account():
    with started(stepped=True, seed=7) as running:
        yield running


@pytest.fixture
def chat(account, tmp_path, monkeypatch, capsys):
    """Ask one question of the command line; returns (exit code, the JSON document, stderr)."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("SPOTWARDEN_ENDPOINT_URL", account.endpoint_url)
    monkeypatch.setenv("SPOTWARDEN_MODEL", "stub-model")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")

    def ask(question, *script):
        before = account.effects()
        with ModelStub(list(script)) as stub:
            monkeypatch.setenv("OPENAI_BASE_URL", stub.url)
            code = main(["chat", "-p", question, "--json"])
        ask.requests = stub.requests
        out = capsys.readouterr()
        assert "sk-canary" not in out.out + out.err
        assert "Traceback" not in out.err
        assert account.effects() == before, "a question alone must not change anything"
        return code, json.loads(out.out), out.err

    return ask


@pytest.mark.accepts("DC-01", "P-28")
def test_streamed_tool_calls_are_answered_by_real_tools(chat):
    code, told, _ = chat("what runs?", call(("list_fleets", {"matching": None})), say("five fleets run"))
    assert (code, told["status"], told["answer"].strip()) == (0, "answered", "five fleets run")
    assert [t["tool"] for t in told["tools"]] == ["list_fleets"]
    assert {f["name"] for f in told["tools"][0]["result"]["fleets"]} >= {"ml-train", "batch", "api-core"}


@pytest.mark.accepts("P-19", "U-11")
def test_a_change_that_the_model_wants_waits_for_a_person(chat):
    wanted = {
        "fleet": "ml-train",
        "on_demand_base_capacity": 1,
        "on_demand_percentage_above_base": None,
        "spot_allocation_strategy": None,
        "instance_types": None,
        "desired_capacity": None,
    }
    code, told, err = chat("make it cheaper", call(("change_fleet", wanted)), say("it waits for you"))
    assert (code, told["status"]) == (4, "waiting")
    assert told["proposals"][0]["decision"]["verdict"] == "ask"
    assert "spotwarden approve p-" in err


@pytest.mark.accepts("DC-01", "P-28")
def test_a_tool_that_was_not_shown_is_carried_out_and_judged_like_any_other(chat):
    refresh = {"fleet": "batch", "operation": "start-instance-refresh", "min_healthy_percentage": None}
    script = [call(("operate_fleet", {"fleet": "batch"})), call(("operate_fleet", refresh)), say("it was denied")]
    code, told, _ = chat("hello", *script)
    shown = [{t["function"]["name"] for t in request["tools"]} for request in chat.requests]
    assert {len(names) for names in shown} == {MOST_SHOWN}
    assert "operate_fleet" not in shown[0]
    assert "operate_fleet" in shown[1], "it was called: now it is shown"
    assert [t["ok"] for t in told["tools"]] == [False, True]
    assert "for example" in json.dumps(chat.requests[1]["messages"])
    assert (code, told["status"]) == (3, "answered")
    assert told["proposals"][0]["decision"]["verdict"] == "deny"


@pytest.mark.parametrize("arguments", ["{", '{"fleet": "x", "fleet": "y"}', '{"fleet": NaN}', "x" * 1_000_000])
def test_broken_arguments_go_back_to_the_model_and_nothing_runs(chat, arguments):
    code, told, _ = chat("look", call(("describe_fleet", arguments)), say("I could not look"))
    assert (code, told["status"]) == (0, "answered")
    assert told["tools"][0]["ok"] is False
    assert len(json.dumps(told)) < 20_000


def test_an_unknown_tool_goes_back_to_the_model(chat):
    code, told, _ = chat("delete everything", call("delete_fleet"), say("there is no such tool"))
    assert (code, told["tools"][0]["ok"]) == (0, False)


@pytest.mark.parametrize(
    ("script", "saw"),
    [
        ([fail(401, "bad key")], "401"),
        ([fail(404, "no such model")], "404"),
        ([say("half a", fault="cut")], "closed connection"),
    ],
)
def test_an_endpoint_that_fails_for_good_is_told_with_a_way_out(chat, script, saw):
    code, told, err = chat("what runs?", *script)
    assert (code, told["status"]) == (1, "failed")
    assert saw in err
    assert "→" in err


def test_a_passing_fault_is_retried(chat):
    script = [fail(429, "slow down", Retry_After="0"), fail(500, "oops"), say("here")]
    code, told, _ = chat("hello", *script)
    assert (code, told["answer"].strip()) == (0, "here")


def test_a_model_that_never_stops_asking_is_stopped(chat):
    code, told, err = chat("loop", call(("list_fleets", {"matching": None})))
    assert (code, told["status"]) == (1, "limit")
    assert "→" in err


def test_an_endpoint_without_a_named_model_uses_its_first(chat, monkeypatch):
    monkeypatch.delenv("SPOTWARDEN_MODEL")
    code, told, _ = chat("hello", say("hi"))
    assert code == 0
    assert told["model"].startswith("stub at 127.0.0.1")


def test_a_key_alone_changes_nothing(account, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("SPOTWARDEN_ENDPOINT_URL", account.endpoint_url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-for-something-else")
    assert main(["chat", "-p", "what can you do?", "--json"]) == 0
    assert "offline planner" in json.loads(capsys.readouterr().out)["model"]
