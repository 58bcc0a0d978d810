"""What a recovery knows of its deadline: how long the job's own changeovers took, where nobody told it."""

from datetime import timedelta

import pytest

from agent.recovery_fallback import outlook_of
from tests.tui.job_records import going, job, whole
from tests.tui.records import NOW

pytestmark = pytest.mark.accepts("RC-04")


def test_the_deadline_of_a_job_being_recovered_is_judged_by_the_changeover_that_was_measured():
    nightly = job(work_seconds=36_000, deadline=NOW + timedelta(hours=10, minutes=5))
    measured = outlook_of(going(nightly), None, (going(nightly), whole(nightly)), NOW)
    assert (measured.changeover_seconds, measured.changeover_source) == (85, "measured")
    assert measured.slack_seconds == 300 - 85
    first = outlook_of(going(nightly), None, (), NOW)
    assert first.changeover_source == "unknown"
    assert first.slack_seconds < 0


def test_a_changeover_that_was_told_stands_before_a_measured_one():
    told = job(work_seconds=36_000, changeover_seconds=200, deadline=NOW + timedelta(hours=10, minutes=5))
    assert outlook_of(going(told), None, (whole(told),), NOW).slack_seconds == 100
