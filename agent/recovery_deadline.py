"""The last moment of a job's deadline: from it on only on-demand ends in time, and so that is asked for, once.

Before it spot may be lost once more and the deadline still holds. The fleet's on-demand base is raised to all of its
capacity: AWS launches what is new before it ends what is old. Whether it may be done alone is the policy's to say.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agent.actuation import Actuation
from agent.attempt import FATAL, carry_out
from tools.errors import CloudError, SpotError
from tools.records import ChangeFleet, Fleet, Job, utc_text
from tools.recovery.jobs import reachable_progress
from tools.recovery.rules import JobOutlook, job_outlook, measured_changeover_seconds

KIND = "job-deadline"
_EVERY = timedelta(seconds=60)
_REMEMBERED = 500


@dataclass
class Deadlines:
    """Registered jobs with a deadline, looked at every minute."""

    actuation: Actuation
    by: str
    _looked_at: datetime | None = field(init=False, default=None)
    _told: set[tuple[str, str]] | None = field(init=False, default=None)
    """(job, deadline): each is told once, also across a restart"""
    _unasked: set[tuple[str, str]] = field(init=False, default_factory=set)
    """of those, where AWS did not answer: asked for again at the next look"""

    def look(self) -> tuple[str, ...]:
        """Names of jobs whose last moment has come since. Trouble with one does not stop the others.

        Raises  Halted, JournalError, AuditBroken
        """
        now = self.actuation.clock.now()
        if self._looked_at is not None and now < self._looked_at + _EVERY:
            return ()
        self._looked_at = now
        timed = [j for j in self.actuation.journal.jobs.all() if j.deadline is not None and now < j.deadline]
        due = [j for j in timed if _key(j) not in self._known() or _key(j) in self._unasked]
        return tuple(job.job_id for job in due if self._look_at(job, now))

    def _known(self) -> set[tuple[str, str]]:
        if self._told is None:
            entries = self.actuation.journal.entries(kinds=(KIND,), newest_first=True, limit=_REMEMBERED)
            told = (json.loads(e.payload) for e in entries)
            self._told = {(t["job_id"], t["deadline"]) for t in told}
        return self._told

    def _look_at(self, job: Job, now: datetime) -> bool:
        reader = self.actuation.reader
        here = reader.account()
        if (job.fleet.account_id, job.fleet.region) != (here.account_id, here.region):
            return False
        try:
            outlook = self._outlook(job, now)
            if outlook.spot_is_safe is not False:
                return False
            fleet = reader.fleet(job.fleet)
        except CloudError:
            return False
        if not fleet.spot:
            return False
        self._ask(job, fleet, outlook)
        return True

    def _outlook(self, job: Job, now: datetime) -> JobOutlook:
        past = self.actuation.journal.jobs.recoveries_of(job.job_id)
        measured = measured_changeover_seconds(past)
        progress = reachable_progress(self.actuation.reader, job, now=now)
        return job_outlook(job, progress, measured_changeover_seconds=measured, now=now)

    def _seconds_left(self, job: Job) -> float:
        assert job.deadline is not None  # noqa: S101 - only timed jobs are looked at
        return (job.deadline - self.actuation.clock.now()).total_seconds()

    def _ask(self, job: Job, fleet: Fleet, outlook: JobOutlook) -> None:
        """Told first: a job whose fleet cannot be changed is a person's to look at."""
        late = outlook.slack_seconds is not None and outlook.slack_seconds < 0
        alone = late and outlook.work_left_seconds is not None and self._seconds_left(job) >= outlook.work_left_seconds
        why = f"{job.job_id} must be on demand by now to end before {job.deadline:%Y-%m-%d %H:%MZ}"
        why += ", and is late even so" if late else ""
        why += ": only what runs now can still be in time, and it is left alone" if alone else ""
        if _key(job) not in self._known():
            told = {"job_id": job.job_id, "deadline": _key(job)[1], "slack_seconds": outlook.slack_seconds, "why": why}
            self.actuation.journal.append(KIND, told, actor=self.by)
            self._known().add(_key(job))
        self._unasked.discard(_key(job))
        if alone:  # a move costs a changeover that there is no time for; what runs may still end in time
            return
        if fleet.mix is None or fleet.mix.on_demand_base_capacity >= fleet.desired_capacity:
            return
        action = ChangeFleet(fleet=fleet.ref, on_demand_base_capacity=fleet.desired_capacity)
        before = f"; the on-demand base was {fleet.mix.on_demand_base_capacity}"
        try:
            saved = self.actuation.propose(action, by=self.by, actor="agent", rationale=why + before)
        except FATAL:
            raise
        except SpotError:
            self._unasked.add(_key(job))
            return
        if saved.decision.verdict == "allow":
            carry_out(self.actuation, saved.proposal.proposal_id, by=self.by, reasons=saved.decision.reasons)


def _key(job: Job) -> tuple[str, str]:
    assert job.deadline is not None  # noqa: S101 - only timed jobs are looked at
    return job.job_id, utc_text(job.deadline)
