"""On-demand list prices of the simulated account: Linux, per instance-hour, as AWS publishes them.

Most families are linear in size, so a family is one number: the price of its `large`.
GPU families are not, so their sizes are listed.
"""

from decimal import Decimal

# price of one `large` (2 vCPU) in us-east-1 and eu-west-3, USD per hour; Source: AWS price list
_LARGE = {
    "m5": ("0.096", "0.112"),
    "m5a": ("0.086", "0.101"),
    "m5d": ("0.113", "0.132"),
    "m6i": ("0.096", "0.112"),
    "m6a": ("0.0864", "0.1008"),
    "m7i": ("0.1008", "0.1176"),
    "c5": ("0.085", "0.101"),
    "c5a": ("0.077", "0.091"),
    "c5d": ("0.096", "0.115"),
    "c6i": ("0.085", "0.101"),
    "c6a": ("0.0765", "0.0909"),
    "c7i": ("0.08925", "0.10605"),
    "r5": ("0.126", "0.148"),
    "r5a": ("0.113", "0.133"),
    "r6i": ("0.126", "0.148"),
    "r7i": ("0.1323", "0.1554"),
    "t2": ("0.0928", "0.1056"),
    "t3": ("0.0832", "0.0944"),
    "t3a": ("0.0752", "0.085"),
}
# sizes in units of one `large`
_SIZES = {
    "large": 1,
    "xlarge": 2,
    "2xlarge": 4,
    "4xlarge": 8,
    "8xlarge": 16,
    "9xlarge": 18,
    "12xlarge": 24,
    "16xlarge": 32,
    "18xlarge": 36,
    "24xlarge": 48,
    "32xlarge": 64,
    "48xlarge": 96,
    "metal": 48,
}
_BURSTABLE = {"nano": Decimal("0.0625"), "micro": Decimal("0.125"), "small": Decimal("0.25"), "medium": Decimal("0.5")}
_SIZES_OF = {
    "c5": ("large", "xlarge", "2xlarge", "4xlarge", "9xlarge", "12xlarge", "18xlarge", "24xlarge", "metal"),
    "c5d": ("large", "xlarge", "2xlarge", "4xlarge", "9xlarge", "12xlarge", "18xlarge", "24xlarge", "metal"),
    "t2": ("nano", "micro", "small", "medium", "large", "xlarge", "2xlarge"),
    "t3": ("nano", "micro", "small", "medium", "large", "xlarge", "2xlarge"),
    "t3a": ("nano", "micro", "small", "medium", "large", "xlarge", "2xlarge"),
}
_USUAL = ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge")
# accelerated types in us-east-1: USD per hour, vCPU, memory in GiB
_ACCELERATED = {
    "g4dn.xlarge": ("0.526", 4, 16),
    "g4dn.2xlarge": ("0.752", 8, 32),
    "g4dn.4xlarge": ("1.204", 16, 64),
    "g4dn.8xlarge": ("2.176", 32, 128),
    "g4dn.12xlarge": ("3.912", 48, 192),
    "g5.xlarge": ("1.006", 4, 16),
    "g5.2xlarge": ("1.212", 8, 32),
    "g5.4xlarge": ("1.624", 16, 64),
    "g5.8xlarge": ("2.448", 32, 128),
    "g5.12xlarge": ("5.672", 48, 192),
    "g5.48xlarge": ("16.288", 192, 768),
    "g6.xlarge": ("0.8048", 4, 16),
    "g6.2xlarge": ("0.9776", 8, 32),
    "g6.4xlarge": ("1.3232", 16, 64),
    "g6.8xlarge": ("2.0144", 32, 128),
    "g6.12xlarge": ("4.6016", 48, 192),
    "p3.2xlarge": ("3.06", 8, 61),
    "p3.8xlarge": ("12.24", 32, 244),
    "p3.16xlarge": ("24.48", 64, 488),
}
_ACCELERATED_PARIS = Decimal("1.17")
_MEMORY_GIB_PER_VCPU = {"c": 2, "m": 4, "r": 8, "t": 4}
# what a licence adds to an hour: (per vCPU, flat), USD
LICENCES = {
    "Linux": (Decimal(0), Decimal(0)),
    "Windows": (Decimal("0.046"), Decimal(0)),
    "RHEL": (Decimal("0.0144"), Decimal("0.0288")),
    "SUSE": (Decimal(0), Decimal("0.1")),
}
PRODUCTS = {
    "Linux/UNIX": "Linux",
    "Linux/UNIX (Amazon VPC)": "Linux",
    "Red Hat Enterprise Linux": "RHEL",
    "Red Hat Enterprise Linux (Amazon VPC)": "RHEL",
    "SUSE Linux": "SUSE",
    "SUSE Linux (Amazon VPC)": "SUSE",
    "Windows": "Windows",
    "Windows (Amazon VPC)": "Windows",
}
LOCATIONS = {"us-east-1": "US East (N. Virginia)", "eu-west-3": "Europe (Paris)"}


def known_types() -> tuple[str, ...]:
    """Every instance type with a list price, sorted."""
    plain = (f"{family}.{size}" for family in _LARGE for size in _SIZES_OF.get(family, _USUAL))
    return tuple(sorted((*plain, *_ACCELERATED)))


def list_price(instance_type: str, region: str, system: str = "Linux") -> Decimal | None:
    """USD per instance-hour on demand; None when it has no list price here.

    system  Linux, Windows, RHEL or SUSE
    """
    if region not in LOCATIONS or system not in LICENCES:
        return None
    linux = _linux_price(instance_type, region)
    if linux is None:
        return None
    per_vcpu, flat = LICENCES[system]
    return linux + per_vcpu * vcpus(instance_type) + flat


def _linux_price(instance_type: str, region: str) -> Decimal | None:
    if instance_type in _ACCELERATED:
        price = Decimal(_ACCELERATED[instance_type][0])
        return price if region == "us-east-1" else (price * _ACCELERATED_PARIS).quantize(Decimal("0.0001"))
    family, _, size = instance_type.partition(".")
    if family not in _LARGE or size not in _SIZES_OF.get(family, _USUAL):
        return None
    large = Decimal(_LARGE[family][0 if region == "us-east-1" else 1])
    return large * (_BURSTABLE[size] if size in _BURSTABLE else _SIZES[size])


def vcpus(instance_type: str) -> int:
    """vCPU of a known type; 2 for a type this table does not know."""
    if instance_type in _ACCELERATED:
        return _ACCELERATED[instance_type][1]
    return 2 * _SIZES.get(instance_type.partition(".")[2], 1)


def memory_gib(instance_type: str) -> float:
    """Memory of a type; burstable sizes below large halve with each step."""
    if instance_type in _ACCELERATED:
        return float(_ACCELERATED[instance_type][2])
    family, _, size = instance_type.partition(".")
    if size in _BURSTABLE:
        return float(8 * _BURSTABLE[size])
    return float(vcpus(instance_type) * _MEMORY_GIB_PER_VCPU.get(family[:1], 4))


def is_accelerated(instance_type: str) -> bool:
    return instance_type in _ACCELERATED
