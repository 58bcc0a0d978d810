"""roll_back: what it draws up from the journal, and what it refuses to set back."""

from collections.abc import Iterator

import pytest

from tests.agent.aftercare_house import FLEET, SIZE, change, opened, reset, stranger
from tests.forked_accounts import started
from tools.errors import UsageError
from tools.fleets.roll_back import roll_back
from tools.records import ChangeFleet
from tools.simulation.client import SimulatedAccount


@pytest.fixture(scope="module")
def account() -> Iterator[SimulatedAccount]:
    with started(stepped=True, seed=7) as running:
        yield running


@pytest.fixture
def house(account, tmp_path):
    with opened(account, tmp_path) as found:
        yield found
    reset(account)


def drawn(house, proposal_id=None, fleet=None):
    return roll_back.run(reader=house.desk.reader, audit=house.desk.audit, proposal_id=proposal_id, fleet=fleet)


def made(house, desired: int) -> str:
    proposal_id, outcome = change(house, desired, aftercare=None)
    assert outcome.status == "done"
    return proposal_id


def test_the_schema_is_flat_strict_and_without_defaults():
    schema = roll_back.schema()
    assert schema["required"] == ["proposal_id", "fleet"]
    assert schema["additionalProperties"] is False
    assert "$ref" not in str(schema)
    assert "'default'" not in str(schema)
    assert roll_back.validate(roll_back.example)


def test_a_change_is_set_back_to_what_was_recorded_before_it(house):
    proposal_id = made(house, SIZE + 1)
    wanted = ChangeFleet(fleet=house.fleet(FLEET).ref, desired_capacity=SIZE)
    assert drawn(house, proposal_id) == drawn(house, fleet=FLEET) == drawn(house, proposal_id, FLEET) == wanted


def test_the_newest_change_is_set_back_first(house):
    first, second = made(house, SIZE + 1), made(house, SIZE + 2)
    with pytest.raises(UsageError, match=f"{first} is not the newest: {second} changed desired_capacity") as refused:
        drawn(house, first)
    assert refused.value.hint == f"set {second} back first"
    assert drawn(house, second).desired_capacity == SIZE + 1
    assert drawn(house, fleet=FLEET).desired_capacity == SIZE + 1


def test_once_the_later_change_is_set_back_the_earlier_one_can_be(house):
    first, _ = made(house, SIZE + 1), made(house, SIZE + 2)
    made(house, SIZE + 1)
    assert drawn(house, first).desired_capacity == SIZE


def test_somebody_elses_change_is_not_overwritten(house, account):
    proposal_id = made(house, SIZE + 1)
    client = stranger(account)
    client.set_desired_capacity(AutoScalingGroupName=FLEET, DesiredCapacity=SIZE + 3)
    client.close()
    with pytest.raises(UsageError, match=rf"not by spotwarden: desired_capacity: {SIZE + 1} → {SIZE + 3}"):
        drawn(house, proposal_id)


def test_what_was_not_made_or_is_not_named_is_a_clear_error(house, account):
    with pytest.raises(UsageError, match="which change"):
        drawn(house)
    with pytest.raises(UsageError, match="nothing was carried out as 'p-none'"):
        drawn(house, "p-none")
    with pytest.raises(UsageError, match="knows of no change"):
        drawn(house, fleet="web-canary")
    account.fail("UpdateAutoScalingGroup", "access-denied")
    failed, outcome = change(house, SIZE + 1, aftercare=None)
    assert outcome.status == "failed"
    with pytest.raises(UsageError, match=f"{failed} is failed"):
        drawn(house, failed)


def test_a_change_of_another_fleet_than_the_named_one_is_refused(house):
    proposal_id = made(house, SIZE + 1)
    with pytest.raises(UsageError, match="changed batch, not web-canary"):
        drawn(house, proposal_id, "web-canary")
