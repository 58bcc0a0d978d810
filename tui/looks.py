"""What screens and commands look at: each a read tool's answer at the desk. Calls block, so screens use threads."""

from collections.abc import Collection
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tools.desk import Desk
    from tools.jobs.report import JobsReport
    from tools.monitor.settings import MonitorSettings
    from tools.records import (
        CostReport,
        Fleet,
        FleetRisk,
        InterruptionForecast,
        Inventory,
        OpportunityAnalysis,
        PoolSignal,
        PriceAnalysis,
        QueuesReport,
        Recovery,
        VolumesReport,
        Watch,
    )
    from tools.tool import Tool


class Looks:
    """Reads only. Whoever has a desk can look."""

    @property
    def desk(self) -> "Desk":
        raise NotImplementedError

    @property
    def monitoring(self) -> "MonitorSettings":
        raise NotImplementedError

    def ask(self, tool: "Tool", **arguments: object) -> Any:
        """One read tool's answer for these arguments, checked as a model's would be."""
        return tool.call(self.desk, tool.validate(arguments))

    def inventory(self) -> "Inventory":
        from tools.fleets.describe import list_fleets

        found: Inventory = self.ask(list_fleets, matching=None)
        return found

    def fleet(self, name: str) -> "Fleet":
        from tools.fleets.find import find_fleet

        return find_fleet(self.desk.reader, name)

    def prices(self, fleet: str) -> "PriceAnalysis":
        from tools.market.analyze import analyze_prices

        found: PriceAnalysis = self.ask(analyze_prices, fleet=fleet, window_hours=24 * 7)
        return found

    def risk(self, fleet: str) -> "FleetRisk":
        from tools.risk.score import score_risk

        found: FleetRisk = self.ask(score_risk, fleet=fleet)
        return found

    def signals(self, *, hours: float = 24 * 7) -> "tuple[PoolSignal, ...]":
        """What EC2 did in the pools of our fleets: from the archive, and what AWS itself remembers and lets us read."""
        from tools.risk.knowledge import account_signals, seen_once

        now, reader = self.desk.clock.now(), self.desk.reader
        since = now - timedelta(hours=hours)
        kept = self.desk.archive.signals(region=reader.account().region, since=since)
        return seen_once((*kept, *account_signals(reader, since, [])), since=since, until=now)

    def forecast(self, fleet: str) -> "InterruptionForecast":
        from tools.risk.outlook import forecast_interruptions

        found: InterruptionForecast = self.ask(forecast_interruptions, subject=fleet)
        return found

    def choice(self, fleet: str) -> "OpportunityAnalysis":
        from tools.choice.opportunities import compare
        from tools.choice.survey import Doors

        desk = self.desk
        return compare(Doors(desk.reader, desk.clock, desk.archive, desk.advisor), (fleet,), horizon_hours=24)

    def watch(self) -> "Watch":
        """Newest sample of every fleet, and the alerts."""
        from tools.monitor.watch import watch

        return watch(self.desk.clock, self.desk.reader, self.desk.archive, self.monitoring)

    def costs(self) -> "CostReport":
        from tools.money.costs import report_costs

        found: CostReport = self.ask(report_costs)
        return found

    def jobs(self) -> "JobsReport":
        from tools.jobs.report import describe_jobs

        found: JobsReport = self.ask(describe_jobs, job=None)
        return found

    def volumes(self) -> "VolumesReport":
        from tools.volumes.describe import describe_volumes

        found: VolumesReport = self.ask(describe_volumes, fleet=None, orphans_only=False)
        return found

    def work_queues(self) -> "QueuesReport | None":
        """None = the settings name none."""
        from tools.queues.describe import describe_queues

        found: QueuesReport = self.ask(describe_queues, queue=None)
        return found if found.queues else None

    def recoveries(self, jobs: "Collection[str]") -> "dict[str, tuple[Recovery, ...]]":
        """Of each job by name, newest first."""
        from tools.jobs.report import SHOWN

        return {job: self.desk.audit.recoveries_of(job, limit=SHOWN) for job in jobs}
