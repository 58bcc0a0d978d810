"""Several processes on one journal, and processes that die: nothing acknowledged is lost, nothing happens twice."""

import json
import random

import pytest
from journal_nouns import approval, saved

from agent.journal.journal import Journal
from agent.journal.verify import verify

GO = "go\n"


def go(processes):
    for process in processes:
        process.stdin.write(GO)
        process.stdin.flush()


def last_words(processes):
    return [process.stdout.read().splitlines()[-1] for process in processes]


@pytest.mark.accepts("DC-04")
def test_eight_processes_appending_keep_one_chain(path, clock, workers):
    names = [f"w{n}" for n in range(8)]
    processes = workers("append", names, 25)
    go(processes)
    said = [json.loads(line) for process in processes for line in process.stdout]
    found = verify(path)
    assert found.ok, found.reason
    assert found.entries == 8 * 25 == len({seq for seq, _ in said})
    with Journal.open(path, clock=clock) as journal:
        stored = {e.seq: e.hash for e in journal.entries()}
    assert stored == dict(said)


@pytest.mark.accepts("DC-04")
def test_an_appender_killed_at_any_moment_loses_nothing_it_acknowledged(path, workers):
    dice = random.Random(7)
    acknowledged = {}
    for _ in range(8):
        (process,) = workers("append", ["victim"], 100_000)
        go([process])
        for _ in range(dice.randrange(1, 120)):
            seq, digest = json.loads(process.stdout.readline())
            acknowledged[seq] = digest
        process.kill()
        for line in process.stdout:  # what was said before it died counts too
            if line.endswith("\n"):
                seq, digest = json.loads(line)
                acknowledged[seq] = digest
        process.wait(10)
        found = verify(path)
        assert found.ok, found.reason
    with_hashes = _stored(path)
    assert acknowledged.items() <= with_hashes.items()
    assert len(with_hashes) >= len(acknowledged) > 100


def _stored(path):
    from agent.journal.reading import look

    return look(path, lambda db: dict(db.execute("SELECT seq, hash FROM audit").fetchall()))


@pytest.mark.accepts("U-05")
def test_two_processes_with_one_approval_act_once(path, clock, workers):
    with Journal.open(path, clock=clock) as journal:
        made = saved(journal, verdict="ask")
        journal.save_approval("p-1", approval(made), actor="person:ada")
    processes = workers("race", ["a", "b", "c", "d"])
    go(processes)
    words = last_words(processes)
    assert words.count("won") == 1
    assert all(w == "won" or w.startswith("Denied: proposal p-1 was acted on already") for w in words)
    with Journal.open(path, clock=clock) as journal:
        assert len(journal.open_intents()) == 1
        assert len(journal.entries(kinds=("intent",))) == 1


@pytest.mark.accepts("U-05")
def test_one_answer_given_at_one_instant_by_several_processes_counts_once(path, clock, workers):
    with Journal.open(path, clock=clock) as journal:
        saved(journal, verdict="ask")
    processes = workers("approve", ["a", "b", "c", "d"])
    go(processes)
    words = last_words(processes)
    assert words.count("won") == 1
    already = "Denied: proposal p-1 was already answered by person:ada at this moment: it is approved"
    assert words.count(already) == 3
    with Journal.open(path, clock=clock) as journal:
        assert journal.proposal("p-1").status == "approved"
        assert len(journal.entries(kinds=("approval",))) == 1


def test_a_budget_holds_when_many_spend_it_at_once(path, clock, workers):
    names = [str(n) for n in range(6)]
    with Journal.open(path, clock=clock) as journal:
        for name in names:
            saved(journal, f"p-{name}", fleet=f"fleet-{name}")
    processes = workers("take", names)
    go(processes)
    words = last_words(processes)
    assert words.count("won") == 3  # 3 × 12.50 of 40
    assert sum("added_cost_usd/3600 is full: 37.5 of 40" in w for w in words) == 3
