"""Nouns of an account: who we are, and what hangs on its fleets as AWS tells of it."""

from tools.records.base import Name, Record, UtcTime


class Account(Record):
    """Who we are."""

    account_id: str
    region: str
    arn: str


class StoredObject(Record):
    key: str
    size_bytes: int


class InstanceRefresh(Record):
    refresh_id: Name
    status: Name
    """AWS's word: Pending, InProgress, Successful, Failed, Cancelling, Cancelled, …"""
    percentage_complete: int | None
    started_at: UtcTime | None
    reason: str = ""
    min_healthy_percentage: int | None = None
    instance_warmup_seconds: int | None = None
    skip_matching: bool | None = None

    @property
    def runs(self) -> bool:
        return self.status in {"Pending", "InProgress", "Cancelling", "RollbackInProgress", "Baking"}


class TargetGroup(Record):
    arn: Name
    name: Name
    deregistration_delay_seconds: int


class TemplateVersion(Record):
    template_id: Name
    number: int
    instance_type: str | None
    image_id: str | None
    description: str
    default: bool
    market: str | None = None
    """spot, capacity-block, …: what the template itself buys; None = on demand, or whatever the launch says"""


class Site(Record):
    """Where something new would stand."""

    zones: dict[str, str]
    """subnet → zone name; a subnet that EC2 does not know is left out"""
    bearers: tuple[str, ...]
    """ids of what lives and bears the name already"""
    as_of: UtcTime
