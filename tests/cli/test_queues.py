"""`spotwarden queues`: what the settings name, on the queues' own servers; a password is shown to nobody."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.conftest import Run, Told
from tests.queues.redis_server import RedisServer, absent, redis_server
from tools.desk import NO_QUEUES
from tools.errors import NotFound
from tools.queues.describe import describe_queues
from tools.queues.reader import ConfiguredQueues, QueuePlace
from tools.recovery.guard.queues.redis_streams import RedisQueue

NOBODY = "127.0.0.1:1"
"""where nobody listens"""


@pytest.fixture(scope="module")
def redis_at() -> Iterator[RedisServer]:
    if why := absent():
        pytest.skip(why)
    with redis_server() as server:
        yield server


@pytest.fixture
def queues(alone: Run, home: Path) -> Callable[..., Told]:
    """queues(rows, *words): the command, with these `[[queues]]` in the settings."""

    def run(rows: dict[str, str], *words: str) -> Told:
        text = "".join(f'[[queues]]\nname = "{name}"\nurl = "{url}"\n' for name, url in rows.items())
        (home / "spotwarden.toml").write_text(text)
        return alone("queues", *words)

    return run


@pytest.mark.accepts("IN-04")
def test_a_queue_is_told_with_what_waits_what_is_held_and_what_died(queues, redis_at, monkeypatch):
    with RedisQueue(redis_at.url, "images", most_attempts=1) as queue:
        for item_id in "abcd":
            queue.put(item_id, b"")
        queue.claim(5).failed("no luck")
        queue.claim(5)
        monkeypatch.setenv("QUEUE_URL", redis_at.url)  # the whole address
        (seen,) = queues({"images": "${QUEUE_URL}"}, "--json").json["queues"]
        assert (seen["waiting"], seen["in_flight"], seen["dead"], seen["done"], seen["trouble"]) == (2, 1, 1, 0, None)
        assert seen["oldest_in_flight_seconds"] >= 0
        assert seen["warnings"] == [
            "1 dead item waits for a person: python -m spotwarden_guard.queues dead URL NAME tells why"
        ]
        told = queues({"images": "${QUEUE_URL}"})
        assert told.exit == 0
        assert told.out.splitlines()[0].split() == [
            "queue",
            "waiting",
            "in",
            "flight",
            "oldest",
            "dead",
            "done",
            "workers",
        ]
        assert "! images: 1 dead item waits" in told.out
        assert "in flight  1" in queues({"images": "${QUEUE_URL}"}, "images").out


def test_a_server_that_is_away_hides_no_other_and_the_exit_code_says_so(queues, redis_at):
    told = queues({"there": redis_at.url, "away": f"redis://{NOBODY}/0", "gone": f"amqp://{NOBODY}/"})
    assert told.exit == 1
    rows = {line.split()[0]: line.split()[1:] for line in told.out.splitlines()[1:4]}
    assert rows["there"][0] == "0"
    assert set(rows["away"]) == set(rows["gone"]) == {"unknown"}
    assert "! away: not read: " in told.out
    assert "! gone: not read: RabbitMQ 127.0.0.1:1 gone: Connection refused" in told.out


def test_no_password_is_shown_wherever_it_came_from_and_one_in_the_file_is_warned_of(queues, monkeypatch, caplog):
    monkeypatch.setenv("RABBIT_PASSWORD", "sEc/ret@1")
    rows = {"env": f"amqp://spot:${{RABBIT_PASSWORD}}@{NOBODY}/", "file": f"amqp://spot:sEc@{NOBODY}/"}
    plain, wordy = queues(rows), queues(rows, "--json", "--verbose")
    for told in (plain, wordy):
        assert "sEc" not in told.out + told.err + caplog.text
        assert "127.0.0.1" in told.out
    assert "! file: its password stands in the settings file: write ${NAME} there" in plain.out
    assert "sEc" not in repr(QueuePlace(name="env", url="amqp://spot:sEc@h/"))


def test_a_variable_that_is_not_set_is_told_and_nobody_is_asked(queues):
    told = queues({"renders": f"amqp://spot:${{RABBIT_PASSWORD}}@{NOBODY}/"})
    assert told.exit == 1
    assert "! renders: not read: ${RABBIT_PASSWORD} is not set in the environment (export RABBIT_PASSWORD=" in told.out


def test_without_queues_it_says_how_to_name_one(queues):
    told = queues({})
    assert told.exit == 0
    assert "[[queues]]" in told.out
    assert queues({}, "--json").json["queues"] == []
    queues({}, "images").refuses(1, "no queue 'images': the settings name none")


def test_a_queue_that_the_settings_do_not_name_is_refused_with_those_that_they_do(queues):
    queues({"images": f"redis://{NOBODY}/"}, "imagse").refuses(1, "no queue 'imagse'", "there is images")


@pytest.mark.parametrize(
    ("text", "saw"),
    [
        ('queues = "amqp://u:sEcret@h/"', "queues is something else, not tables"),
        ('[[queues]]\nname = "a"', "url is missing"),
        ('[[queues]]\nurl = "redis://h/"', "name is None"),
        ('[[queues]]\nname = "a b"\nurl = "redis://h/"', "not a queue's name"),
        ('[[queues]]\nname = "a"\nurl = "redis://h/"\npassword = "sEcret"', "unknown key 'password'"),
        ('[[queues]]\nname = "a"\nurl = "http://u:sEcret@h/"', "not an address of Redis or RabbitMQ"),
        ('[[queues]]\nname = "a"\nurl = "redis://h/"\n' * 2, "two queues are called a"),
    ],
)
def test_a_queue_that_cannot_be_is_refused_and_no_address_is_quoted(alone, home, text, saw):
    (home / "spotwarden.toml").write_text(text)
    told = alone("queues")
    told.refuses(64, saw)
    assert "sEcret" not in told.err


def test_an_address_that_no_adapter_can_read_is_that_queues_trouble(queues):
    told = queues({"a": "amqp://[::1", "b": "redis://h:port/"})
    assert told.exit == 1
    assert told.out.count("not read: ") == 2


@pytest.mark.accepts("IN-08")
def test_the_agents_tool_tells_the_same_and_knows_only_what_is_named():
    class Noon:
        def now(self) -> datetime:
            return datetime(2026, 11, 21, 12, tzinfo=UTC)

    place = QueuePlace(name="renders", url=f"amqp://spot:pw@{NOBODY}/")
    report = describe_queues.run(queues=ConfiguredQueues([place]), clock=Noon(), queue=None)
    (state,) = report.queues
    assert (state.waiting, state.in_flight, state.dead) == (None, None, None)
    assert "pw" not in report.canonical()
    assert describe_queues.run(queues=NO_QUEUES, clock=Noon(), queue=None).queues == ()
    with pytest.raises(NotFound, match="no queue 'x'"):
        describe_queues.run(queues=ConfiguredQueues([place]), clock=Noon(), queue="x")
