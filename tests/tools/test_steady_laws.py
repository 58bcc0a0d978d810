"""Laws of replacement that does not thrash, over any market."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tools.steady_house import (
    EVERYTHING,
    RULES,
    Paper,
    mix,
    signal,
)
from tools.fleets.steady_rules import SteadyRules

EVENT = st.one_of(
    st.tuples(st.just("dry"), st.sets(st.sampled_from(sorted(EVERYTHING)))),
    st.tuples(st.just("all"), st.booleans()),
    st.tuples(st.just("take"), st.integers(1, 6)),
    st.tuples(st.just("rest"), st.integers(1, 20)),
)
SCRIPT = st.lists(EVENT, max_size=25)


def played(script, *, base=0, percentage=0, advice=False, rules=RULES):
    """A market by a script; `advice` = rebalance recommendations for everything, all the time."""
    paper = Paper(bought=mix(base, percentage), rules=rules)
    for what, value in script:
        if what == "dry":
            paper.dry = set(value)
        elif what == "all":
            paper.dry = EVERYTHING if value else set()
        elif what == "take":
            paper.take(value)
        for _ in range(value if what == "rest" else 1):
            if advice:
                paper.signals += [signal("rebalance", m.pool, paper.now) for m in paper.machines]
            yield_on_demand(paper)
    return paper


def yield_on_demand(paper):
    """One tick, in which the on-demand count never falls below the lower of the targets before and after."""
    from tools.fleets.launches import target

    before = min(target(paper.fleet, paper.bought, 10).on_demand, paper.count("on-demand"))
    paper.tick()
    after = target(paper.fleet, paper.bought, 10).on_demand
    assert paper.count("on-demand") >= min(before, after)


@pytest.mark.accepts("P-10")
@given(script=SCRIPT, base=st.integers(0, 4), percentage=st.sampled_from([0, 30]))
@settings(deadline=None, max_examples=40)
def test_in_any_market_on_demand_is_never_below_what_a_person_chose_nor_above_what_rules_let(script, base, percentage):
    paper = played(script, base=base, percentage=percentage, rules=SteadyRules(fallback_most_share=0.5))
    assert all(b >= base for _, b in paper.bases)
    assert paper.count("on-demand") <= max(5, 10 - (10 - base) * (100 - percentage) // 100)


@pytest.mark.accepts("P-11")
@given(script=SCRIPT)
@settings(deadline=None, max_examples=40)
def test_in_any_market_there_is_one_turn_back_to_spot_in_a_window_at_most(script):
    paper = played(script)
    bases = [0, *(b for _, b in paper.bases)]
    moves = [(at, b > a) for (at, b), a in zip(paper.bases, bases, strict=False)]
    window = timedelta(hours=6)
    flips = [then for (at, up), (then, again) in pairwise(moves) if again and not up and then - at <= window]
    assert all(later - sooner > window for sooner, later in pairwise(flips))
    for (at, up), (then, again) in pairwise(moves):
        if not again:  # nothing is given back soon after anything
            assert then - at >= (timedelta(minutes=60) if up else timedelta(minutes=30))


@pytest.mark.accepts("P-10")
@given(script=SCRIPT, base=st.integers(0, 3))
@settings(deadline=None, max_examples=25)
def test_when_the_market_recovers_the_steps_end_where_they_began(script, base):
    paper = played(script, base=base)
    paper.dry = set()
    paper.tick(12 * 24)
    assert paper.bought.on_demand_base_capacity == base
    assert (paper.count("on-demand"), paper.count("spot")) == (base, 10 - base)
    assert paper.held().code == "steady"


@pytest.mark.accepts("P-11")
@given(script=SCRIPT)
@settings(deadline=None, max_examples=25)
def test_rebalance_recommendations_change_no_step(script):
    calm, advised = played(script), played(script, advice=True)
    assert [s for _, s in calm.steps] == [s for _, s in advised.steps]
