"""What a job with a deadline should run on now, as people are told it: `jobs status`, its JSON, and in the chat."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from tests.cli.conftest import work_on
from tests.forked_accounts import started


@pytest.fixture(scope="module")
def account():
    """An account of its own: its time goes on here."""
    with started(stepped=True) as running:
        yield running


@pytest.fixture
def environment(account, home, monkeypatch):
    work_on(account, home, monkeypatch)


def registered(run, work: str, deadline: str, *more: str) -> dict:
    told = run("jobs", "register", "nightly", "--fleet", "ml-train", "--store", "s3://acme-checkpoints/new", "--work", work,
               "--deadline", deadline, *more)  # fmt: skip
    assert told.exit == 0, told.err
    return advice(run)


def advice(run) -> dict:
    (state,) = run("jobs", "status", "nightly", "--json").json["jobs"]
    return state["advice"]


@pytest.mark.accepts("RC-04")
def test_a_job_is_told_what_to_run_on_until_when_and_at_what_cost_as_its_deadline_comes_near(run, account):
    early = registered(run, "10h", "20h", "--changeover", "5m")
    assert (early["take"], early["because"], early["holds"], early["kept"]) == ("spot", "spot", "spot", True)
    assert (early["slack"]["seconds"], early["changeover"]["basis"]) == (pytest.approx(35_700), "told")
    by = datetime.fromisoformat(early["on_demand_by"])
    assert datetime.fromisoformat(early["deadline"]) - by == timedelta(hours=10, minutes=5)
    assert 0 < Decimal(early["expected"]["usd"]) < Decimal(early["on_demand"]["usd"])
    shown = run("jobs", "status", "nightly").out
    assert f"on-demand  must begin by {by:%Y-%m-%d %H:%MZ}: slack 9 h 55 min, one changeover of 5 min (told)" in shown
    account.advance(9 * 3600 + 52 * 60)
    near = advice(run)
    assert (near["take"], near["because"], near["kept"]) == ("on-demand", "guard", True)
    assert "advice     on-demand: the deadline leaves no time to lose" in run("jobs", "status", "nightly").out
    account.advance(3600)
    late = advice(run)
    assert late["kept"] is not True
    account.advance(11 * 3600)
    past = advice(run)
    assert (past["because"], past["kept"]) == ("past", False)
    assert past["late"]["seconds"] > 10 * 3600
    assert "late, for $" in past["reason"]


def test_a_changeover_that_nobody_told_is_assumed_aloud_and_a_job_without_a_deadline_is_not_advised(run):
    assert registered(run, "2h", "9h")["changeover"]["basis"].startswith("assumed: nobody told it")
    run("jobs", "register", "nightly", "--fleet", "ml-train", "--work", "2h")
    assert advice(run) is None


def test_work_that_nobody_told_is_not_guessed(run):
    told = run(
        "jobs", "register", "nightly", "--fleet", "ml-train", "--store", "s3://acme-checkpoints/new", "--deadline", "9h"
    )
    assert told.exit == 0
    found = advice(run)
    assert (found["take"], found["kept"], found["slack"]["seconds"]) == (None, None, None)
    assert "(--work)" in found["reason"]


def test_progress_that_cannot_be_read_is_not_guessed(run):
    store = ("--store", "s3://no-such-bucket/new", "--deadline", "20h", "--work", "10h")
    assert run("jobs", "register", "nightly", "--fleet", "ml-train", *store).exit == 0
    found = advice(run)
    assert (found["take"], found["because"], found["on_demand"]["usd"]) == (None, "unknown", None)
    assert "not read:" in found["reason"]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("will the job nightly meet its deadline?", ("Now: spot", "on demand all the way")),
        ("nightly 작업 마감까지 끝낼 수 있어?", ("지금: spot", "끝까지 on-demand면 $")),
    ],
)
def test_the_chat_tells_it_too(run, question, said):
    registered(run, "10h", "20h", "--changeover", "5m")
    told = run("chat", "-p", question)
    for text in said:
        assert text in told.out
