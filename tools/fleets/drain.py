"""Draining targets of a load balancer in the seconds that are left. Pure.

Deregistering ends new requests at once; what is under way goes on for the deregistration delay, which the target
group sets: 0 to 3600 s, 300 s unless somebody chose. An interruption notice leaves 120 s. So most drains cannot end by
themselves: they begin all at once, those that have the least time first, and what they cannot finish is said before.
Source: Elastic Load Balancing user guide, deregistration delay: one without requests under way ends at once.
"""

from collections.abc import Mapping, Sequence

from pydantic import Field

from tools.records import Name, Record

DEFAULT_DELAY_SECONDS = 300
NOTICE_SECONDS = 120
MARGIN_SECONDS = 10
"""kept of the time left: for the call itself, and for the instance to end by its own shutdown"""


class Registration(Record):
    """One instance in one target group."""

    instance_id: Name
    target_group: Name
    """its ARN"""
    delay_seconds: int | None = Field(default=None, ge=0, le=3600)
    """deregistration delay; None = not read"""


class Drain(Record):
    """One deregistration, and how long what is under way may go on."""

    instance_id: Name
    target_group: Name
    wait_seconds: float = Field(ge=0)
    """until the instance may end: the delay, or what is left of its time"""
    cut_seconds: float | None = Field(ge=0)
    """of the delay that are not left; None = the delay is not known"""

    @property
    def finishes(self) -> bool | None:
        """Whether everything under way gets the whole delay; None = not known."""
        return None if self.cut_seconds is None else self.cut_seconds == 0


class DrainPlan(Record):
    """Every deregistration of a drain, in the order in which to ask for them."""

    drains: tuple[Drain, ...]

    @property
    def wait_seconds(self) -> float:
        """After so long, counted from now, every drain is over: all run at once."""
        return max((d.wait_seconds for d in self.drains), default=0.0)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What cannot finish, in words."""
        return tuple(w for d in self.drains if (w := _warning(d)) is not None)


def drain_plan(
    registrations: Sequence[Registration],
    *,
    seconds_left: float | Mapping[str, float] = NOTICE_SECONDS,
    margin_seconds: float = MARGIN_SECONDS,
) -> DrainPlan:
    """Deregister everything, and wait for none longer than its instance lives.

    seconds_left  of every instance, or by instance id; one that is not named has the notice's 120 s. Below 0 = its
                  time is over: it is deregistered all the same, so that no new request goes there
    """
    drains = [_drain(r, _left(r, seconds_left), margin_seconds) for r in dict.fromkeys(registrations)]
    order = {r.instance_id: _left(r, seconds_left) for r in registrations}
    return DrainPlan(drains=tuple(sorted(drains, key=lambda d: (order[d.instance_id], d.instance_id, d.target_group))))


def _left(one: Registration, seconds_left: float | Mapping[str, float]) -> float:
    if isinstance(seconds_left, Mapping):
        return seconds_left.get(one.instance_id, NOTICE_SECONDS)
    return seconds_left


def _drain(one: Registration, seconds_left: float, margin_seconds: float) -> Drain:
    room = max(0.0, seconds_left - margin_seconds)
    delay = one.delay_seconds
    return Drain(
        instance_id=one.instance_id,
        target_group=one.target_group,
        wait_seconds=min(room, DEFAULT_DELAY_SECONDS if delay is None else delay),
        cut_seconds=None if delay is None else max(0.0, delay - room),
    )


def _warning(drain: Drain) -> str | None:
    where = f"{drain.instance_id} in {drain.target_group.rsplit('targetgroup/')[-1]}"
    if drain.cut_seconds is None:
        return f"{where}: its deregistration delay is not known; what is under way has {drain.wait_seconds:g} s"
    if drain.cut_seconds == 0:
        return None
    delay = drain.wait_seconds + drain.cut_seconds
    return f"{where}: requests may run for {delay:g} s, and {drain.wait_seconds:g} s are left: longer ones are cut off"
