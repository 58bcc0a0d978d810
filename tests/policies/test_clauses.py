"""Every clause kind proves itself by its examples."""

from datetime import datetime

import pytest

from policies.clauses import CLAUSES
from policies.clauses.clause import Clause
from tests.policies.cases import action, facts

EXAMPLES = [(c, e) for c in CLAUSES for e in c.examples]


@pytest.mark.accepts("DC-02", "P-15")
@pytest.mark.parametrize(("kind", "example"), EXAMPLES, ids=[f"{c.__name__}-{n}" for n, (c, _) in enumerate(EXAMPLES)])
def test_a_clause_says_what_its_example_says(kind, example):
    clause = kind(**example.given)
    now = datetime.fromisoformat(example.now)
    word = clause.ask(action(**example.action), facts(**example.facts), now)
    assert (word[0] if word else None) == example.says
    if word is not None:
        assert word[1], "a clause that speaks says why"


@pytest.mark.parametrize("kind", CLAUSES)
def test_a_clause_has_a_docstring_a_statement_and_an_example_that_speaks(kind):
    assert kind.__doc__
    assert kind.key
    assert any(e.says is not None for e in kind.examples) or kind.__name__ == "Autonomous"
    assert kind(**kind.examples[0].given).holds()


def test_no_clause_kind_is_left_out():
    def leaves(kind: type[Clause]) -> set[type[Clause]]:
        below = kind.__subclasses__()
        return {leaf for b in below for leaf in leaves(b)} if below else {kind}

    assert leaves(Clause) == set(CLAUSES)
