"""When spot does not come back for a job: what is waited for, and when on-demand takes over.

The chain is the job's own and shorter than the daemon's for any fleet; what it raises because EC2 refused spot is given
back by the daemon's own rules, as if it had raised it. Refusals are read only where a replacement is overdue.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tools.cloud import CloudReader
from tools.errors import AccessDenied
from tools.fleets.dry_pools import FORGOTTEN, remembered
from tools.fleets.fallback import fall_back
from tools.fleets.seen import LOOKS_APART, Seen, standing
from tools.fleets.steady_rules import STANDARD_RULES
from tools.fleets.suggest import Suggestion
from tools.jobs.fallbacks import Fallback, fallback_chain, in_force
from tools.jobs.sight import Asked
from tools.records import CapacityPool, ChangeFleet, Fleet, FleetSample, PoolSignal, Recovery
from tools.recovery.jobs import StoreSight, progress_of
from tools.recovery.rules import JobOutlook, job_outlook, measured_changeover_seconds

OVERDUE = timedelta(seconds=60)
"""a launch takes about half of it"""


@dataclass
class Overdue:
    """What was seen of fleets while replacements were overdue; one a `Recoveries`."""

    reader: CloudReader
    _looks: dict[str, list[FleetSample]] = field(init=False, default_factory=dict)
    """fleet label → looks at which it was short, without a gap"""
    _told: tuple[PoolSignal, ...] = field(init=False, default=())
    _read_at: datetime | None = field(init=False, default=None)

    def stage(
        self, r: Recovery, fleet: Fleet, outlook: JobOutlook, pool: CapacityPool | None, now: datetime
    ) -> Fallback:
        """The stage in force. Raises CloudErrors."""
        step = r.step("replace")
        signals = self._signals(now)
        chain = fallback_chain(
            fleet,
            pool,
            remembered(signals, STANDARD_RULES),
            since=step.at or r.notice_at,
            now=now,
            priority=r.job.priority,
            spot_allowed=outlook.spot_is_safe is not False,
        )
        return in_force(chain, now)

    def on_demand(self, fleet: Fleet, outlook: JobOutlook, now: datetime) -> Suggestion | None:
        """On-demand in place of spot: because the deadline leaves no time for it, or because EC2 refuses it.

        None = nothing is lacking, or nothing is known to have been refused. Raises CloudErrors.
        """
        if fleet.mix is None or not standing(fleet).short:
            return None
        if outlook.spot_is_safe is False:
            more = standing(fleet).short
            base = fleet.mix.on_demand_base_capacity + more
            why = f"the deadline {outlook.deadline:%Y-%m-%d %H:%M} leaves no time for spot: on-demand for {more} of "
            why += f"{fleet.desired_capacity}; the base was {fleet.mix.on_demand_base_capacity}"
            return Suggestion(
                action=ChangeFleet(fleet=fleet.ref, on_demand_base_capacity=base), rationale=why, pressed=True
            )
        seen = Seen(signals=self._signals(now), samples=tuple(self._looks.get(fleet.ref.label, ())))
        step = fall_back(fleet, seen, (), STANDARD_RULES.with_(fallback_minutes=0), now)
        return step if isinstance(step, Suggestion) else None

    def note(self, fleet: Fleet, now: datetime) -> None:
        """Remember that it is short, or that it is not any more."""
        known = self._looks.setdefault(fleet.ref.label, [])
        if not standing(fleet).short or (known and now - known[-1].at > LOOKS_APART):
            known.clear()
        if standing(fleet).short:
            del known[1:-1]
            known.append(_sample(fleet, now))

    def _signals(self, now: datetime) -> tuple[PoolSignal, ...]:
        """Read at most once a minute. Who may not read them knows of no refusal."""
        if self._read_at is None or now - self._read_at >= OVERDUE:
            try:
                self._told = self.reader.pool_signals(since=now - FORGOTTEN)
            except AccessDenied:
                self._told = ()
            self._read_at = now
        return self._told


def outlook_of(r: Recovery, store: StoreSight | None, past: Sequence[Recovery], now: datetime) -> JobOutlook:
    """past  recoveries of the same job: what a changeover took before stands where the job does not say"""
    progress = progress_of(r.job, store.checkpoints if store is not None else (), now=now)
    return job_outlook(r.job, progress, measured_changeover_seconds=measured_changeover_seconds(past), now=now)


def overdue(r: Recovery, now: datetime) -> bool:
    """Asked for, and not there when it should be."""
    step = r.step("replace")
    return r.status == "open" and step.state == "asked" and now >= (step.at or r.notice_at) + OVERDUE


def lost_pool(r: Recovery, fleet: Fleet, asked: Sequence[Asked]) -> CapacityPool | None:
    """As its fleet or a proposal about it tells; None = neither does."""
    here = next((i.pool for i in fleet.instances if i.instance_id == r.instance_id), None)
    told = next((a.places[r.instance_id] for a in asked if r.instance_id in a.places), None)
    if here is not None or told is None:
        return here
    return CapacityPool(instance_type=told[0], zone_name=told[1], zone_id=None)


def wants_on_demand(r: Recovery, mine: Mapping[str, Asked], *, now: datetime, most_tries: int) -> bool:
    """It was not asked for yet, or it came to nothing and may be asked for again. A denial is an answer."""
    step = r.step("replace")
    known = mine.get(step.proposal_id or "")
    if known is not None and known.kind == "change-fleet" and (not known.came_to_nothing or known.status == "denied"):
        return False
    return step.tries < most_tries and (step.due_at is None or now >= step.due_at)


def _sample(fleet: Fleet, now: datetime) -> FleetSample:
    running = [i for i in fleet.instances if i.state == "running"]
    spot = sum(i.purchase_option == "spot" for i in running)
    return FleetSample(
        fleet=fleet.ref,
        name=fleet.name,
        at=now,
        desired_capacity=fleet.desired_capacity,
        running_spot=spot,
        running_on_demand=len(running) - spot,
        usd_per_hour=None,
        level="unknown",
        pools={},
    )
