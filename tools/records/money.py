"""Nouns of money."""

from typing import Literal

from tools.records.base import Money, Name, Record, Share, UtcTime
from tools.records.fleets import HourlyCost


class FleetCost(Record):
    fleet: Name
    instances: int
    spot: int
    now: HourlyCost
    saved_usd_per_hour: Money | None
    """list − contracted: what spot saves already"""
    potential_usd_per_hour: Money | None
    """effective now − effective with the whole suggested mix; None = unknown, 0 or less = do not"""
    potential_note: str
    """why, or why not"""


class CommitmentUse(Record):
    savings_plan_id: Name
    commitment_usd_per_hour: Money
    used_usd_per_hour: Money
    utilisation_share: Share
    covers: tuple[str, ...]
    """fleets"""
    ends_at: UtcTime


class CostReport(Record):
    """Where the money goes now, per hour. Rungs of the savings ladder are never added together."""

    fleets: tuple[FleetCost, ...]
    total: HourlyCost
    effective_savings_rate_share: float | None
    """1 − effective / list, unused commitment included"""
    commitments: tuple[CommitmentUse, ...]
    not_rated: tuple[str, ...]
    """fleets or types whose price is unknown: left out of the totals, which then say None"""
    currency: Literal["USD"] = "USD"
    as_of: UtcTime
    source: Name


class AuditEntry(Record):
    """One link of the audit chain."""

    seq: int
    at: UtcTime
    actor: Name
    kind: Name
    payload: str
    """canonical JSON"""
    previous_hash: str
    hash: str


class AuditFindings(Record):
    """What the audit log says about something that was asked."""

    query: str
    entries: tuple[AuditEntry, ...]
    """newest first"""
    searched: int
    as_of: UtcTime
    source: Name = "audit log"
