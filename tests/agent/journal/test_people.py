"""Who is a person: the same answer for whoever records a yes and for whoever makes the permit."""

import pytest
from journal_nouns import approval, saved

from policies.people import is_person, person_name
from tools.errors import Denied

pytestmark = pytest.mark.accepts("U-05")
MACHINES = (
    "agent", "Agent", "AGENT", " agent ", "agent:gpt", "person:agent", "Person: Agent:gpt", "ａｇｅｎｔ", "agent-7",
    "reflex", "Reflex:x", "policy", "policy:web", "autonomy", "Autonomy", "daemon", "daemon:host:7", "reconcile",
    "model", "Model:gpt", "person:person:model", "journal", "queue", "robot:ada",
)  # fmt: skip
NOBODY = (
    "",
    "  ",
    "person:",
    "person: ",
    "-",
    "\u3164",
    "\u200b",
    "a\x1b[2Jb",
    "ada\u202e",
    "ad\u200ba",
    "ada\n",
    "a\x7f",
)
PEOPLE = ("ada", "Ada Lovelace", "person:ada", "PERSON:ADA", "김민수", "o'neil", "CORP\\ada", "ada@acme.com", "person")


@pytest.mark.parametrize("name", PEOPLE)
def test_a_name_of_a_person_is_one(name):
    assert is_person(name)


@pytest.mark.parametrize("name", [*MACHINES, *NOBODY])
def test_machines_and_what_cannot_be_seen_are_not_people(name):
    assert not is_person(name)


@pytest.mark.parametrize("name", [n for n in (*MACHINES, *NOBODY) if n])
def test_nobody_but_a_person_answers(journal, name):
    made = saved(journal, verdict="ask")
    for answer in ("approve", "deny"):
        with pytest.raises(Denied, match="cannot answer for a person"):
            journal.save_approval("p-1", approval(made, by=name, answer=answer), actor=name)
    assert journal.proposal("p-1").status == "pending"


@pytest.mark.parametrize("other", ["ada", "ADA ", "person:Ada", "Person: ada", "ａｄａ"])
def test_one_person_under_two_spellings_is_one_person(journal, other):
    assert person_name(other) == "ada"
    made = saved(journal, verdict="ask", quorum=2)
    journal.save_approval("p-1", approval(made, "ok-1"), actor="ada")
    journal.save_approval("p-1", approval(made, "ok-2", by=other), actor="ada")
    assert journal.proposal("p-1").status == "pending"
