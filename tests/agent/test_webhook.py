"""The address that is told things: a secret, of one host, which may fail in every way."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from agent.journal.journal import Journal
from agent.webhook import Webhook
from tests.agent.autonomy_house import open_street
from tests.agent.notify_house import (
    SECONDS,
    SECRET,
    Stepped,
    begun,
    notifying,
    open_receiver,
)
from tests.agent.recovery_house import ROOT
from tools.errors import UsageError
from tui.config import read_settings


@pytest.fixture
def receiver():
    with open_receiver() as found:
        yield found


@pytest.fixture
def clock():
    return Stepped()


@pytest.fixture
def journal(tmp_path, clock):
    with Journal.open(tmp_path / "journal.db", clock=clock) as found:
        yield found


@pytest.fixture(scope="module")
def street():
    with open_street() as found:
        yield found


def test_a_receiver_that_never_answers_is_given_up_on(journal, clock, receiver):
    answered = threading.Event()
    receiver.before_answer = lambda: answered.wait(SECONDS)
    sender = notifying(journal, clock, receiver.url, seconds=0.1)
    begun(journal, 1)
    clock.step(10)
    assert sender.look() == 0
    answered.set()
    assert sender.troubles()[0].message == "the webhook at 127.0.0.1: TimeoutError"


def test_nobody_there_is_trouble_by_the_hosts_name_alone(journal, clock):
    sender = notifying(journal, clock, f"http://127.0.0.1:9/services/{SECRET}")
    begun(journal, 1)
    clock.step(10)
    assert sender.look() == 0
    assert sender.troubles()[0].message == "the webhook at 127.0.0.1: Connection refused"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(journal, clock, receiver, status):
    with open_receiver() as elsewhere:
        receiver.answers, receiver.headers = [status], {"Location": elsewhere.url.replace("127.0.0.1", "localhost")}
        sender = notifying(journal, clock, receiver.url)
        begun(journal, 1)
        clock.step(10)
        assert sender.look() == 0
        assert elsewhere.told == []
    assert sender.troubles()[0].message == f"the webhook at 127.0.0.1: redirects ({status}), which is not followed"


@pytest.mark.parametrize(
    "url",
    [
        f"http://hooks.slack.com/services/{SECRET}",
        f"ftp://127.0.0.1/{SECRET}",
        f"https://user:{SECRET}@hooks.slack.com/",
        f"https://hooks.slack.com:notaport/{SECRET}",
        f"https://hooks.slack.com/{SECRET} x",
        f"https://hooks.slack.com/{SECRET}\nHost: evil",
        f"https://[hooks/{SECRET}",
        f"https:///{SECRET}",
        SECRET,
    ],
)
def test_an_address_that_cannot_be_is_refused_without_being_shown(url):
    with pytest.raises(UsageError) as told:
        Webhook(url)
    assert SECRET not in f"{told.value.message}{told.value.hint}"


def test_https_and_this_machine_are_taken_and_only_the_host_is_shown():
    assert repr(Webhook(f"https://hooks.slack.com/services/{SECRET}")) == (
        "Webhook(seconds=5.0, host='hooks.slack.com')"
    )
    assert [Webhook(f"http://{h}:1/").host for h in ("localhost", "127.1.2.3", "[::1]")] == [
        "localhost",
        "127.1.2.3",
        "::1",
    ]


def test_a_variable_wins_over_the_file_and_neither_is_ever_shown(tmp_path):
    file = tmp_path / "spotwarden.toml"
    file.write_text(f'[notify]\nwebhook = "https://a.example/{SECRET}"\n')
    home = {"HOME": str(tmp_path)}
    settings = read_settings({"config": str(file)}, environment=home)
    assert settings.webhook == f"https://a.example/{SECRET}"
    assert SECRET not in repr(settings)
    named = home | {"SPOTWARDEN_WEBHOOK": "https://b.example/"}
    assert read_settings({"config": str(file)}, environment=named).webhook == "https://b.example/"


@pytest.mark.parametrize(
    "text", [f'notify = "{SECRET}"', f'[notify]\nwebhook = ["{SECRET}"]', f'[notify]\nurl = "{SECRET}"']
)
def test_a_wrong_setting_is_named_without_what_it_holds(text, tmp_path):
    file = tmp_path / "spotwarden.toml"
    file.write_text(text)
    with pytest.raises(UsageError, match="notify") as told:
        read_settings({"config": str(file)}, environment={"HOME": str(tmp_path)})
    assert SECRET not in f"{told.value.message}{told.value.hint}"


@pytest.mark.accepts("RC-07")
def test_one_round_of_the_command_tells_and_the_address_stands_nowhere(street, receiver, tmp_path):
    street.clear()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SPOTWARDEN_", "AWS_", "OPENAI_"))}
    environment = kept | {
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "SPOTWARDEN_ENDPOINT_URL": street.sim.endpoint_url,
        "SPOTWARDEN_DB": str(tmp_path / "journal.db"),
        "SPOTWARDEN_WEBHOOK": receiver.url,
    }

    victim = street.spot("ml-train")[0]
    street.sim.interrupt(victim)
    receiver.answers = [400]
    order = [sys.executable, "-c", "from tui.cli import run; run()", "run", "--once", "--json"]
    done = subprocess.run(order, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert receiver.events == ["interruption"]
    assert receiver.told[0]["items"][0]["instance_id"] == victim
    assert "the webhook at 127.0.0.1: answered 400; 1 wait" in done.stderr
    assert SECRET not in done.stdout + done.stderr
    files = [f for f in Path(tmp_path).rglob("*") if f.is_file()]
    assert files
    assert not [f for f in files if SECRET.encode() in f.read_bytes()]
