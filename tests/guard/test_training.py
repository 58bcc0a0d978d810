import pytest

from tests.guard.interruptions import trained


@pytest.mark.accepts("RC-01", "PO-02", "IN-03", "EB-10")
def test_a_training_run_that_is_interrupted_ends_with_the_same_bits():
    outcome = trained(interruptions=5, seed=7)
    assert outcome.identical, outcome
    assert outcome.codes[75] >= 3
    assert outcome.codes[0] == 1
