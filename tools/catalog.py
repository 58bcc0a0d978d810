"""Every tool on one page: what a model may call. A new tool is one file and one line here.

agent/models/menu.py chooses which of them a conversation is shown, at most 20 at once.
"""

from tools.audit import search_audit
from tools.choice.opportunities import analyze_spot_opportunities
from tools.choice.scan import scan_market
from tools.clusters import plan_ray_cluster, review_ray_cluster
from tools.fleets.change import change_fleet, preview_change
from tools.fleets.configure import configure_fleet
from tools.fleets.describe import describe_fleet, list_fleets
from tools.fleets.operate import operate_fleet, operate_instances
from tools.fleets.replace import replace_instances
from tools.fleets.roll_back import roll_back
from tools.jobs.report import describe_jobs, recover_job
from tools.market.analyze import analyze_prices
from tools.money.costs import report_costs
from tools.monitor.watch import watch_fleets
from tools.queues.describe import describe_queues
from tools.recovery.checkpoints import list_checkpoints, restore_checkpoint
from tools.risk.instances import assess_instances
from tools.risk.job_interval import advise_checkpoint_interval
from tools.risk.outlook import forecast_interruptions
from tools.risk.score import score_risk
from tools.tool import Tool
from tools.volumes.advice import advise_keeping
from tools.volumes.describe import describe_volumes
from tools.volumes.keep import keep_volume

CATALOG: tuple[Tool, ...] = (
    # looks
    list_fleets,
    describe_fleet,
    analyze_prices,
    score_risk,
    forecast_interruptions,
    assess_instances,
    analyze_spot_opportunities,
    scan_market,
    watch_fleets,
    report_costs,
    preview_change,
    list_checkpoints,
    describe_jobs,
    advise_checkpoint_interval,
    describe_volumes,
    advise_keeping,
    describe_queues,
    review_ray_cluster,
    plan_ray_cluster,
    search_audit,
    # draws up an action, for the one way to write
    change_fleet,
    configure_fleet,
    operate_fleet,
    operate_instances,
    replace_instances,
    restore_checkpoint,
    recover_job,
    keep_volume,
    roll_back,
)
