"""What is created and ended: EC2 Fleets, Spot Fleet requests, instances, launch template versions."""

from typing import Any

from tools.cloud import FleetSettings, Receipt
from tools.records import CreateFleet, CreateTemplateVersion, DeleteFleet, FleetRef, Intent, RunInstances


def modify_spot_fleet(send: Any, ref: FleetRef, settings: FleetSettings) -> Receipt:
    raise NotImplementedError


def create(send: Any, action: CreateFleet, intent: Intent) -> Receipt:
    raise NotImplementedError


def delete(send: Any, action: DeleteFleet) -> Receipt:
    raise NotImplementedError


def run(send: Any, action: RunInstances, intent: Intent) -> Receipt:
    raise NotImplementedError


def create_template_version(send: Any, action: CreateTemplateVersion, intent: Intent) -> Receipt:
    raise NotImplementedError
