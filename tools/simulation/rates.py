"""On-demand list prices of the simulated account: Linux, per instance-hour, as remembered from AWS's public price list.

Most families are linear in size, so a family is one number: the price of its `large`.
Accelerated families and a few old ones are not, so their sizes are listed.
"""

import re
from decimal import Decimal
from functools import cache

# price of one `large` (2 vCPU) in us-east-1 and eu-west-3, USD per hour; None = not listed here
_LARGE: dict[str, tuple[str, str | None]] = {
    "m4": ("0.1", None),
    "m5": ("0.096", "0.112"),
    "m5a": ("0.086", "0.101"),
    "m5d": ("0.113", "0.132"),
    "m5n": ("0.119", None),
    "m6i": ("0.096", "0.112"),
    "m6a": ("0.0864", "0.1008"),
    "m6g": ("0.077", None),
    "m7i": ("0.1008", "0.1176"),
    "m7i-flex": ("0.09576", None),
    "m7a": ("0.11592", None),
    "m7g": ("0.0816", None),
    "m8g": ("0.08976", None),
    "c5": ("0.085", "0.101"),
    "c5a": ("0.077", "0.091"),
    "c5d": ("0.096", "0.115"),
    "c5n": ("0.108", None),
    "c6i": ("0.085", "0.101"),
    "c6a": ("0.0765", "0.0909"),
    "c6g": ("0.068", None),
    "c6gn": ("0.0864", None),
    "c7i": ("0.08925", "0.10605"),
    "c7a": ("0.10264", None),
    "c7g": ("0.0725", None),
    "c8g": ("0.07976", None),
    "r4": ("0.133", None),
    "r5": ("0.126", "0.148"),
    "r5a": ("0.113", "0.133"),
    "r6i": ("0.126", "0.148"),
    "r6a": ("0.1134", None),
    "r6g": ("0.1008", None),
    "r7i": ("0.1323", "0.1554"),
    "r7g": ("0.1071", None),
    "r8g": ("0.11782", None),
    "t2": ("0.0928", "0.1056"),
    "t3": ("0.0832", "0.0944"),
    "t3a": ("0.0752", "0.085"),
    "t4g": ("0.0672", None),
    "x2gd": ("0.167", None),
}
# sizes in units of one `large`
_SIZES: dict[str, Decimal] = {
    "medium": Decimal("0.5"),
    "large": Decimal(1),
    "xlarge": Decimal(2),
    "2xlarge": Decimal(4),
    "4xlarge": Decimal(8),
    "8xlarge": Decimal(16),
    "9xlarge": Decimal(18),
    "10xlarge": Decimal(20),
    "12xlarge": Decimal(24),
    "16xlarge": Decimal(32),
    "18xlarge": Decimal(36),
    "24xlarge": Decimal(48),
    "32xlarge": Decimal(64),
    "48xlarge": Decimal(96),
}
# the whole machine, in units of one `large`
_METAL = {"c5": 48, "c5d": 48, "m5": 48, "r5": 48, "m6i": 64, "c6i": 64, "m7g": 32, "c7g": 32}
_BURSTABLE = {"nano": Decimal("0.0625"), "micro": Decimal("0.125"), "small": Decimal("0.25"), "medium": Decimal("0.5")}
_USUAL = ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge")
_ARM = ("medium", "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge")
_NINES = ("large", "xlarge", "2xlarge", "4xlarge", "9xlarge", "12xlarge", "18xlarge", "24xlarge")
_SMALL = ("nano", "micro", "small", "medium", "large", "xlarge", "2xlarge")
_SIZES_OF = {
    "c5": _NINES,
    "c5d": _NINES,
    "c5n": ("large", "xlarge", "2xlarge", "4xlarge"),
    "m4": ("large", "xlarge", "2xlarge", "4xlarge", "10xlarge", "16xlarge"),
    "r4": ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge"),
    "m7i-flex": ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge"),
    "m8g": (*_ARM, "24xlarge", "48xlarge"),
    "c8g": (*_ARM, "24xlarge", "48xlarge"),
    "r8g": (*_ARM, "24xlarge", "48xlarge"),
    **dict.fromkeys(("m6g", "m7g", "c6g", "c6gn", "c7g", "r6g", "r7g", "x2gd"), _ARM),
    **dict.fromkeys(("t2", "t3", "t3a", "t4g"), _SMALL),
}
# types that are not linear, in us-east-1: USD per hour, vCPU, memory in GiB
_ACCELERATED: dict[str, tuple[str, int, float]] = {
    "g4dn.xlarge": ("0.526", 4, 16),
    "g4dn.2xlarge": ("0.752", 8, 32),
    "g4dn.4xlarge": ("1.204", 16, 64),
    "g4dn.8xlarge": ("2.176", 32, 128),
    "g4dn.12xlarge": ("3.912", 48, 192),
    "g4dn.16xlarge": ("4.352", 64, 256),
    "g5.xlarge": ("1.006", 4, 16),
    "g5.2xlarge": ("1.212", 8, 32),
    "g5.4xlarge": ("1.624", 16, 64),
    "g5.8xlarge": ("2.448", 32, 128),
    "g5.12xlarge": ("5.672", 48, 192),
    "g5.16xlarge": ("4.096", 64, 256),
    "g5.24xlarge": ("8.144", 96, 384),
    "g5.48xlarge": ("16.288", 192, 768),
    "g5g.xlarge": ("0.42", 4, 8),
    "g5g.2xlarge": ("0.556", 8, 16),
    "g5g.4xlarge": ("0.828", 16, 32),
    "g5g.8xlarge": ("1.372", 32, 64),
    "g5g.16xlarge": ("2.744", 64, 128),
    "g6.xlarge": ("0.8048", 4, 16),
    "g6.2xlarge": ("0.9776", 8, 32),
    "g6.4xlarge": ("1.3232", 16, 64),
    "g6.8xlarge": ("2.0144", 32, 128),
    "g6.12xlarge": ("4.6016", 48, 192),
    "g6.16xlarge": ("3.3968", 64, 256),
    "g6.24xlarge": ("6.6752", 96, 384),
    "g6.48xlarge": ("13.3504", 192, 768),
    "g6e.xlarge": ("1.861", 4, 32),
    "g6e.2xlarge": ("2.24208", 8, 64),
    "g6e.4xlarge": ("3.00424", 16, 128),
    "g6e.12xlarge": ("10.49264", 48, 384),
    "g6e.48xlarge": ("30.13118", 192, 1536),
    "p3.2xlarge": ("3.06", 8, 61),
    "p3.8xlarge": ("12.24", 32, 244),
    "p3.16xlarge": ("24.48", 64, 488),
    "p4d.24xlarge": ("21.95764", 96, 1152),
    "p5.48xlarge": ("55.04", 192, 2048),
    "inf1.xlarge": ("0.228", 4, 8),
    "inf1.2xlarge": ("0.362", 8, 16),
    "inf1.6xlarge": ("1.18", 24, 48),
    "inf1.24xlarge": ("4.721", 96, 192),
    "inf2.xlarge": ("0.7582", 4, 16),
    "inf2.8xlarge": ("1.96786", 32, 128),
    "inf2.24xlarge": ("6.49063", 96, 384),
    "inf2.48xlarge": ("12.98127", 192, 768),
    "trn1.2xlarge": ("1.34375", 8, 32),
    "trn1.32xlarge": ("21.5", 128, 512),
}
_ROUNDED: dict[str, tuple[str, int, float]] = {
    "c4.large": ("0.1", 2, 3.75),
    "c4.xlarge": ("0.199", 4, 7.5),
    "c4.2xlarge": ("0.398", 8, 15),
    "c4.4xlarge": ("0.796", 16, 30),
    "c4.8xlarge": ("1.591", 36, 60),
    "i4i.large": ("0.172", 2, 16),
    "i4i.xlarge": ("0.343", 4, 32),
    "i4i.2xlarge": ("0.686", 8, 64),
    "i4i.4xlarge": ("1.373", 16, 128),
    "i4i.8xlarge": ("2.746", 32, 256),
    "i4i.16xlarge": ("5.491", 64, 512),
}
_LISTED = _ACCELERATED | _ROUNDED
_ACCELERATED_PARIS = Decimal("1.17")
_PARIS = ("g4dn", "g5", "g6", "p3")
_MEMORY_GIB_PER_VCPU = {"c": 2.0, "m": 4.0, "r": 8.0, "t": 4.0, "x": 16.0}
_MEMORY_OF = {"c5n": 2.625, "r4": 7.625}
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


@cache
def known_types() -> tuple[str, ...]:
    """Every instance type with a list price, sorted."""
    plain = (f"{family}.{size}" for family in _LARGE for size in _sizes_of(family))
    return tuple(sorted((*plain, *_LISTED)))


def _sizes_of(family: str) -> tuple[str, ...]:
    sizes = _SIZES_OF.get(family, _USUAL)
    return (*sizes, "metal") if family in _METAL else sizes


def list_price(instance_type: str, region: str, system: str = "Linux") -> Decimal | None:
    """USD per instance-hour on demand; None when it has no list price here.

    system  Linux, Windows, RHEL or SUSE
    """
    if region not in LOCATIONS or system not in LICENCES or (system == "Windows" and is_arm(instance_type)):
        return None
    linux = _linux_price(instance_type, region)
    if linux is None:
        return None
    per_vcpu, flat = LICENCES[system]
    return linux + per_vcpu * vcpus(instance_type) + flat


def _linux_price(instance_type: str, region: str) -> Decimal | None:
    family, _, size = instance_type.partition(".")
    if instance_type in _LISTED:
        price = Decimal(_LISTED[instance_type][0])
        if region == "us-east-1":
            return price
        return (price * _ACCELERATED_PARIS).quantize(Decimal("0.0001")) if family in _PARIS else None
    if family not in _LARGE or size not in _sizes_of(family):
        return None
    large = _LARGE[family][0 if region == "us-east-1" else 1]
    return None if large is None else Decimal(large) * _units(family, size)


def _units(family: str, size: str) -> Decimal:
    """Sizes in units of one `large`; 1 for a size that this table does not know."""
    if size == "metal":
        return Decimal(_METAL.get(family, 48))
    if family.startswith("t") and size in _BURSTABLE:
        return _BURSTABLE[size]
    return _SIZES.get(size, Decimal(1))


def vcpus(instance_type: str) -> int:
    """vCPU of a known type; 2 for a type this table does not know."""
    if instance_type in _LISTED:
        return _LISTED[instance_type][1]
    family, _, size = instance_type.partition(".")
    if family.startswith("t") and size in _BURSTABLE:
        return 1 if family == "t2" and size != "medium" else 2
    return int(2 * _units(family, size))


def memory_gib(instance_type: str) -> float:
    """Memory of a type; burstable sizes below large halve with each step."""
    if instance_type in _LISTED:
        return float(_LISTED[instance_type][2])
    family, _, size = instance_type.partition(".")
    if family.startswith("t") and size in _BURSTABLE:
        return float(8 * _BURSTABLE[size])
    per_vcpu = _MEMORY_OF.get(family) or _MEMORY_GIB_PER_VCPU.get(family[:1], 4.0)
    return vcpus(instance_type) * per_vcpu


def is_accelerated(instance_type: str) -> bool:
    return instance_type in _ACCELERATED


def is_arm(instance_type: str) -> bool:
    """Graviton: m6g, c6gn, x2gd, g5g; not g4dn."""
    return re.match(r"[a-z]+\d+g", instance_type) is not None
