"""What was used: one number an action, counted over the window of each limit; unknown is never 0."""

import sqlite3
from contextlib import closing
from decimal import Decimal

import pytest
from journal_nouns import NOW, approval, begin, limit, outcome, saved

from policies.records import Measure
from tools.errors import Denied

pytestmark = pytest.mark.accepts("P-16")
LABEL = "asg/ml-train"
DAY, MONTH = 86_400, 2_592_000


def measure(what, *, name="m", seconds=DAY, per_fleet=False):
    return Measure(name=name, measure=what, window_seconds=seconds, per_fleet=per_fleet)


def budget(rate, ceiling, *, name, seconds):
    """What the law takes: the rate over the budget's own period."""
    taken = limit("added_cost_usd", amount=Decimal(rate) * (Decimal(seconds) / DAY), ceiling=ceiling, seconds=seconds)
    return taken.with_(limit=name)


def added(journal, *measures):
    return journal.use(measures, fleet=LABEL, now=NOW).added_cost_usd


BUDGETS = (
    measure("added_cost_usd", name="hourly", seconds=3600),
    measure("added_cost_usd", name="daily"),
    measure("added_cost_usd", name="monthly", seconds=MONTH),
)


def test_budgets_of_different_periods_do_not_share_a_number(journal):
    rate = "1.539456"
    limits = (budget(rate, 10, name="daily", seconds=DAY), budget(rate, 1000, name="monthly", seconds=MONTH))
    begin(journal, saved(journal), amounts={"added_cost_usd": Decimal(rate)}, limits=limits)
    assert added(journal, *BUDGETS) == {
        "hourly": Decimal("0.064144"),
        "daily": Decimal("1.539456"),
        "monthly": Decimal("46.18368"),
    }
    other = saved(journal, "p-2", fleet="batch")
    rate = "6.115608"
    limits = (budget(rate, 10, name="daily", seconds=DAY), budget(rate, 1000, name="monthly", seconds=MONTH))
    begin(journal, other, number=2, amounts={"added_cost_usd": Decimal(rate)}, limits=limits)
    assert added(journal, *BUDGETS)["daily"] == Decimal("7.655064")


def test_each_budget_holds_over_its_own_period(journal):
    begin(journal, saved(journal), amounts={"added_cost_usd": Decimal(6)})
    other = saved(journal, "p-2", fleet="batch")
    with pytest.raises(Denied, match="daily is full: 6 of 10 added_cost_usd used in 1 day, 0:00:00, this needs 5"):
        begin(journal, other, number=2, limits=(budget(5, 10, name="daily", seconds=DAY),))
    with pytest.raises(Denied, match=r"monthly is full: 180 of 300 added_cost_usd used in 30 days.*this needs 150"):
        begin(journal, other, number=2, limits=(budget(5, 300, name="monthly", seconds=MONTH),))
    begin(journal, other, number=2, limits=(budget(5, 330, name="monthly", seconds=MONTH),))
    assert added(journal, *BUDGETS)["daily"] == 11  # kept as a rate, with no amounts beside it


@pytest.mark.parametrize("seconds", [3600, DAY, 604_800, MONTH])
def test_a_budget_is_used_to_its_last_cent_and_no_further(journal, seconds):
    ceiling = 3 * Decimal(7) * (Decimal(seconds) / DAY)
    for number in (1, 2, 3):
        of = saved(journal, f"p-{number}", fleet=f"f-{number}")
        begin(journal, of, number=number, limits=(budget(7, ceiling, name="b", seconds=seconds),))
    last = saved(journal, "p-4", fleet="f-4")
    with pytest.raises(Denied, match="b is full"):
        begin(journal, last, number=4, limits=(budget("0.01", ceiling, name="b", seconds=seconds),))


def test_a_limit_by_another_name_counts_what_was_used_before(journal):
    begin(journal, saved(journal), limits=(budget(8, 10, name="old", seconds=DAY),))
    assert added(journal, measure("added_cost_usd", name="new")) == {"new": 8}
    other = saved(journal, "p-2", fleet="batch")
    with pytest.raises(Denied, match="new is full: 8 of 10"):
        begin(journal, other, number=2, limits=(budget(3, 10, name="new", seconds=DAY),))


UNKNOWN = {"actions": Decimal(1), "added_cost_usd": None, "instances_replaced": None}


def test_what_is_not_known_is_never_counted_as_nothing(journal):
    begin(journal, saved(journal), amounts=UNKNOWN)
    asked = (*BUDGETS, measure("actions"), measure("instances_replaced", per_fleet=True))
    used = journal.use(asked, fleet=LABEL, now=NOW)
    assert (used.added_cost_usd, used.instances_replaced, used.actions) == ({}, {}, {"m": 1})
    elsewhere = journal.use([measure("instances_replaced", per_fleet=True)], fleet="asg/other", now=NOW)
    assert elsewhere.instances_replaced == {"m": 0}
    later = journal.use(BUDGETS[:1], fleet=LABEL, now=NOW.replace(hour=11))  # the window moved on
    assert later.added_cost_usd == {"hourly": 0}
    assert '"added_cost_usd":null' in journal.entries(kinds=("intent",))[0].payload


def test_a_limit_with_an_unknown_use_needs_a_person(journal):
    begin(journal, saved(journal), amounts=UNKNOWN)
    limits = (budget(1, 10, name="daily", seconds=DAY),)
    allowed = saved(journal, "p-2", fleet="batch")
    with pytest.raises(Denied, match="what was taken of added_cost_usd in 1 day, 0:00:00 is not known"):
        begin(journal, allowed, number=2, limits=limits)
    asked = saved(journal, "p-3", fleet="render", verdict="ask")
    journal.save_approval("p-3", approval(asked), actor="ada")
    begin(journal, asked, number=3, limits=limits, approval_ids=("ok-1",))


def test_what_is_known_of_an_unknown_use_still_fills_the_limit(journal):
    begin(journal, saved(journal), amounts=UNKNOWN)
    begin(journal, saved(journal, "p-2", fleet="batch"), number=2, amounts={"added_cost_usd": Decimal(9)})
    asked = saved(journal, "p-3", fleet="render", verdict="ask")
    journal.save_approval("p-3", approval(asked), actor="ada")
    with pytest.raises(Denied, match="daily is full: 9 of 10"):
        begin(journal, asked, number=3, limits=(budget(2, 10, name="daily", seconds=DAY),), approval_ids=("ok-1",))


def test_an_unknown_use_without_an_effect_is_given_back(journal):
    begin(journal, saved(journal), amounts=UNKNOWN)
    journal.close_intent("i-1", outcome("refused", after={}), actor="test")
    assert added(journal, BUDGETS[1]) == {"daily": 0}


def test_people_read_the_ledger_as_it_is_kept(journal, path):
    begin(journal, saved(journal), amounts=UNKNOWN | {"instances_replaced": Decimal(2)})
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT measure, amount FROM uses ORDER BY measure").fetchall()
    assert rows == [("actions", "1"), ("added_cost_usd", None), ("instances_replaced", "2")]
