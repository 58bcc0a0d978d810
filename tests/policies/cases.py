"""An action and the facts under which a plain autonomous policy allows it, to be changed one thing at a time."""

from datetime import UTC, datetime
from typing import Any

from policies.document import Policy, parse_policy
from policies.records import Facts
from tools.records import ACTION, Action

NOW = datetime(2026, 11, 19, 2, tzinfo=UTC)  # a Thursday
ACCOUNT = "123456789012"
REF = {"kind": "asg", "fleet_id": "batch", "account_id": ACCOUNT, "region": "us-east-1"}
MIX = {
    "on_demand_base_capacity": 2,
    "on_demand_percentage_above_base": 30,
    "spot_allocation_strategy": "price-capacity-optimized",
    "overrides": [{"instance_type": "m6i.large"}, {"instance_type": "m5.large"}],
}
FACTS: dict[str, Any] = {
    "account_id": ACCOUNT,
    "region": "us-east-1",
    "actor": "agent",
    "resource": "aws.asg",
    "fleet": "batch",
    "tags": {"workload": "batch", "team": "data", "checkpointed": "true"},
    "desired_capacity": 40,
    "instances": 40,
    "mixed_instances": True,
    "mix_before": MIX,
    "mix_after": MIX,
    "desired_capacity_after": 40,
    "on_demand_instances_after": 14,
    "zones": 3,
    "largest_pool_share_after": 0.3,
    "instance_ids": ["i-0000000a", "i-0000000b"],
    "scale_in_protected": 0,
    "instances_replaced": 2,
    "added_cost_usd_per_day": "1.5",
    "net_saving_usd_per_day": "4",
    "net_saving_basis": "contracted",
    "net_saving_after": ["interruption_overhead", "commitment_waste"],
    "risk_before": "medium",
    "risk_after": "low",
    "placement_score": 7,
    "price_age_seconds": 60.0,
    "verification": "rollback",
    "principal_arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/spotwarden-write/session",
    "audit_verified": True,
    "kill_switch": False,
    "failed_launches": 0,
    "interruptions_per_100_instance_hours": 0.1,
    "use": {
        "actions": {"1h": 1},
        "instances_replaced": {"1h": 1},
        "added_cost_usd": {"extra": "10"},
        "tool_cost_usd": {"tools": "1"},
        "effective_cost_usd": {"month": "1000"},
        "seconds_since_change": 7200.0,
        "fleets_changing": 0,
    },
    "track_record": {
        "observed_days": 30.0,
        "prediction_error_percent": 5.0,
        "approved_in_a_row": 20,
        "drill_age_days": 9.0,
        "drill_ready_seconds": 240.0,
    },
}
WHOLE = """
version: 1
defaults: {timezone: UTC, mode: observe, currency: USD, kill_switch: ~/STOP}
accounts:
  - id: "123456789012"
    regions: [us-east-1]
    read_role: arn:aws:iam::123456789012:role/spotwarden-read
    write_role: arn:aws:iam::123456789012:role/spotwarden-write
protect:
  tags: [{key: spotwarden, value: "off"}, {key: keep}]
  instance_ids: [i-000000ff]
  scale_in_protected: respect
  never: [terminate-outside-asg, delete-asg, buy-commitment, change-iam, change-network]
budgets:
  - {name: extra, limit: 50, per: day, measure: added_cost}
  - {name: tools, limit: 5 USD, per: day, measure: llm_and_api_cost}
  - {name: month, limit: 42000, per: month, measure: effective_cost, on_breach: observe}
blast_radius:
  max_actions: {count: 6, per: 1h}
  max_instances_replaced: {percent: 10, count: 5, per: 1h}
  max_concurrent_fleets: 1
  cooldown_after_change: 30m
  halt_if:
    - {metric: failed_launches, over: 3, within: 15m}
    - {metric: interruptions_per_100_instance_hours, over: 5, within: 1h}
    - {metric: audit_chain_valid, equals: false}
    - {metric: price_data_age, over: 2h}
windows:
  change-ok: {days: [mon, tue, wed, thu], from: "01:00", to: "06:00"}
  freeze: {dates: ["2026-11-26/2026-11-30", "2026-12-24"], deny: all, timezone: Asia/Seoul}
escalation:
  approvers: [sre-oncall, finops]
  quorum: {default: 1, replace_over_20_percent: 2}
  approval_ttl: 30m
  channels: [{type: tui}, {type: webhook, url_env: SPOTWARDEN_SLACK_WEBHOOK}]
policies:
  - name: watch
    resource: aws.asg
    mode: {type: observe, schedule: every 10m}
    filters: []
    actions: [record-kpis, propose]
  - name: web
    description: A floor.
    resource: aws.asg
    filters:
      - {"tag:team": web}
      - {type: value, key: MixedInstancesPolicy, value: present}
      - or: [{type: value, key: instances, op: ge, value: 2}, {not: [{"tag:env": present}]}]
    mode: {type: approve, window: change-ok}
    capacity:
      on_demand_base: {min: 2}
      on_demand_percent_above_base: {min: 30, max: 100}
      on_demand_instances: {min: 1}
      desired: {max: 100}
      spot_floor_percent: 0
    diversification: {min_instance_types: 2, min_azs: 3, max_share_per_pool_percent: 40}
    actions:
      - {type: set-allocation-strategy, value: price-capacity-optimized}
      - {type: enable-capacity-rebalance}
      - {type: set-instance-types, values: ["m6i.*"]}
      - {type: set-purchase-mix}
  - name: batch
    resource: aws.asg
    filters:
      - and: [{"tag:workload": batch}, {"tag:checkpointed": "true"}]
    mode:
      type: autonomous
      window: change-ok
      requires:
        observe_days: 14
        prediction_error_max_percent: 15
        approved_in_a_row: 10
        drill_newer_than_days: 30
        drill_ready_within_seconds: 600
    capacity:
      on_demand_base: {min: 1}
      on_demand_percent_above_base: {min: 0, max: 50}
      spot_floor_percent: 50
    limits:
      max_price: none
      min_net_saving: {amount: 1, per: day, basis: contracted, after: [interruption_overhead, commitment_waste]}
      max_added_cost: {amount: 5, per: day}
      min_placement_score: 5
      max_risk: medium
      max_price_age: 2h
      max_instances_replaced: 4
    when: facts.zones > 1 && facts.tags["team"] == "data"
    actions:
      - {type: set-purchase-mix, step_percent: 10, verify_after: 20m, on_verify_fail: rollback}
      - {type: add-instance-types, from: list, max_added: 4}
    else: {type: approve}
    expires: "2027-06-01T00:00:00Z"
  - name: notices
    resource: any
    filters: [{"tag:checkpointed": "true"}]
    mode: {type: autonomous, on: interruption-notice}
    actions: [request-checkpoint, replace-instances]
"""
"""every key of the target document, and those that came since; `batch` allows on FACTS"""


def facts(**changes: Any) -> Facts:
    return Facts.model_validate({**FACTS, **changes})


def action(**changes: Any) -> Action:
    wanted = {"on_demand_base_capacity": 2} if changes.get("kind", "change-fleet") == "change-fleet" else {}
    return ACTION.validate_python({"kind": "change-fleet", "fleet": REF, **wanted, **changes})


def policy(body: str, *, head: str = "") -> Policy:
    """A document for our account; `body` is its policies."""
    text = (
        f'version: 1\naccounts: [{{id: "{ACCOUNT}", regions: [us-east-1], write_role: current}}]\n{head}\npolicies:\n'
    )
    return parse_policy(text + body, source="p.yaml")


def rule(
    name: str = "a", mode: str = "{type: autonomous}", extra: str = "", actions: str = "[set-purchase-mix]"
) -> str:
    """One policy as YAML."""
    return f"  - name: {name}\n    resource: aws.asg\n    mode: {mode}\n    actions: {actions}\n{extra}"
