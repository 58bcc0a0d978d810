"""A process of its own on the journal: waits for a line, does one thing, says what came of it, line by line."""

import json
import sys
from decimal import Decimal
from pathlib import Path

from journal_nouns import StoppedClock, approval, begin, intent, limit

from agent.journal.journal import Journal
from tools.errors import SpotError


def main(path, verb, name, number):
    with Journal.open(Path(path), clock=StoppedClock()) as journal:
        print("ready", flush=True)
        sys.stdin.readline()
        VERBS[verb](journal, name, number)


def append(journal, name, number):
    for n in range(number):
        entry = journal.append("work", {"n": n, "text": "x" * 200}, actor=name)
        print(json.dumps([entry.seq, entry.hash]), flush=True)


def race(journal, name, number):
    of = journal.proposal("p-1").proposal
    given = {"amounts": {}, "limits": (), "approval_ids": ("ok-1",), "lease": None, "actor": name}
    tell(lambda: journal.open_intent("p-1", intent(of, f"i-{name}"), fleet=of.fleet.label, **given))


def approve(journal, name, number):
    of = journal.proposal("p-1").proposal
    tell(lambda: journal.save_approval("p-1", approval(of), actor="person:ada"))


def take(journal, name, number):
    of = journal.proposal(f"p-{name}").proposal
    limits = (limit("added_cost_usd", amount=Decimal("12.50"), ceiling=Decimal(40)), limit("actions", ceiling=100))
    tell(lambda: begin(journal, of, number=name, limits=limits, amounts={"actions": Decimal(1)}))


def tell(work):
    try:
        work()
    except SpotError as error:
        print(f"{type(error).__name__}: {error}", flush=True)
    else:
        print("won", flush=True)


VERBS = {"append": append, "race": race, "approve": approve, "take": take}

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
