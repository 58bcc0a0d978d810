"""What a machine shall have: vCPUs, memory, GPUs, architecture, in English and Korean; ranges as people write them."""

import re
from dataclasses import dataclass, replace
from typing import Any, Literal

Kind = Literal["vcpus", "memory_gib", "accelerators"]
Bound = Literal["least", "most", "exactly", "about", "range"]
MOST_VCPUS, MOST_GIB = 1024, 65_536
_UNITS: tuple[tuple[Kind, str], ...] = (
    ("accelerators", r"gpus?|accelerators?|지피유|그래픽\s?카드|가속기"),
    ("vcpus", r"v?[\s-]?cpus?|v?cores?|코어|씨피유|브이씨피유"),
    (
        "memory_gib",
        (
            r"(?:gib|gb|gigs?|gigabytes?|기가(?:바이트)?|g)\b(?:\s*(?:of\s*)?(?:ram|memory|mem|메모리|램))?"
            r"|기가(?:바이트)?|(?:tib|tb|테라(?:바이트)?)"
        ),
    ),
)
_NUM = r"(\d[\d,]*(?:\.\d+)?)"
_DASH = r"\s*(?:-|~|–|—|to|and|\.\.+|에서|부터|사이)\s*"
_TOP = r"(?:\s*,?\s*(?P<top>\d[\d,]*)\s*(?:개|장|대|gib|gb|g|기가|코어)?\s*(?:이하|미만|까지|안쪽))?"
_WORDS = (
    (r"\b(?:one|single|an?)(?= (?:gpu|core|accelerator))|하나|한(?= ?(?:개|장|코어))", "1"),
    (r"\btwo\b|둘|두(?= ?(?:개|장|코어))", "2"),
    (r"\bfour\b|넷|네(?= ?(?:개|장|코어))", "4"),
    (r"\beight\b|여덟", "8"),
    (r"\bsixteen\b|열여섯", "16"),
)
_SEP = r"\s*(?:개|장|대|코어|gib|gb|g|기가)?\s*"
_LEAST = (
    r"(?:≥|>=|=>|>|at least|no less than|not less than|minimum(?: of)?|min\.?|more than|over|above|from"
    r"|최소(?:한)?|적어도|못해도)"
)
_MOST = (
    r"(?:≤|<=|=<|<|at most|no more than|not more than|maximum(?: of)?|max\.?|up to|under|below|less than|within|최대)"
)
_LEAST_AFTER = (
    r"(?:이상|넘는|초과|부터|or more|and up|or above|or higher|or bigger|or larger|\+|plus|at least|minimum|min\b)"
)
_MOST_AFTER = r"(?:이하|미만|까지|or less|or fewer|or below|at most|max(?:imum)?\b|tops)"
_ARM = (
    r"\barm(?:64|v8)?\b|\baarch64\b|\bgravitons?\d?\b|그라비톤|그래비톤|(?<![가-힣])암(?=\s?(?:아키|기반|칩|cpu"
    r"|인스턴스|서버|풀))"
)
_X86 = r"\bx86(?:[_-]?64)?\b|\bx64\b|\bamd64\b|\bintel\b|\bamd\b|인텔|엑스86"
_MODELS = r"\b(t4g?|a10g?|a100|v100|h100|h200|l4|l40s|k80|m60|inferentia\d?|trainium\d?)s?(?![a-z0-9])"
_NO_GPU = r"\b(?:no|without|non)[ -]?(?:a )?gpus?\b|\bcpu[ -]only\b|gpu\s?(?:없|말고|빼고|필요\s?없|제외)"


@dataclass(frozen=True)
class Hardware:
    """low and high of each; None = not named.

    about  those that were named bare and are read as «this much, at most twice»
    """

    vcpus: tuple[float | None, float | None] = (None, None)
    memory_gib: tuple[float | None, float | None] = (None, None)
    accelerators: tuple[float | None, float | None] = (None, None)
    architectures: tuple[str, ...] = ()
    model: str | None = None
    """of accelerator, as A10G"""
    graphics: bool = False
    """GPUs are wanted, not other accelerators"""
    about: tuple[Kind, ...] = ()

    @property
    def counted(self) -> bool:
        return any(b is not None for r in (self.vcpus, self.memory_gib, self.accelerators) for b in r)

    @property
    def gpus(self) -> int:
        return int(self.accelerators[0] or self.accelerators[1] or (1 if self.model else 0))


@dataclass(frozen=True)
class _Said:
    kind: Kind
    low: float
    high: float | None
    bound: Bound


def hardware(text: str) -> Hardware | None:
    """Of a normal text; None = it describes no machine."""
    clean = _readable(text)
    model = re.search(_MODELS, clean, re.ASCII)
    machine = Hardware(
        architectures=_architectures(clean),
        model=model.group(1).upper() if model and "g4" not in model.group(1) else None,
    )
    for one in _shared(_quantities(re.sub(_MODELS, " gpu ", clean, flags=re.ASCII))):
        machine = _with(machine, one)
    graphics = re.search(r"\bgpus?\b|지피유|그래픽\s?카드", clean, re.ASCII) is not None
    if graphics and machine.accelerators == (None, None) and not re.search(_NO_GPU, clean, re.ASCII):
        machine = replace(machine, accelerators=(1, None))
    if graphics and machine.accelerators != (None, None):
        machine = replace(machine, graphics=True)
    return machine if machine != Hardware() else None


def _architectures(clean: str) -> tuple[str, ...]:
    named = (("arm64", _ARM), ("x86_64", _X86))
    found = ((name, re.search(pattern, clean, re.ASCII)) for name, pattern in named)
    return tuple(name for name, match in found if match and not _denied(clean, match))


def _with(machine: Hardware, one: "_Said") -> Hardware:
    """With one quantity more; a second of the same kind closes what the first left open."""
    low, high = _bounds(one)
    known: tuple[float | None, float | None] = getattr(machine, one.kind)
    bounds = (known[0] if low is None else low, known[1] if high is None else high)
    about = (*machine.about, one.kind) if one.bound == "about" and one.kind != "accelerators" else machine.about
    changed: dict[str, Any] = {one.kind: bounds, "about": about}
    return replace(machine, **changed)


def _readable(text: str) -> str:
    """Instance types and times out of the way: their digits count nothing here."""
    out = re.sub(
        r"\b[a-z][a-z0-9-]{1,12}\.(?:\d{0,2}x?large|metal|nano|micro|small|medium)\b", " ", text, flags=re.ASCII
    )
    for pattern, digits in _WORDS:
        out = re.sub(pattern, digits, out, flags=re.ASCII)
    return re.sub(r"\d+\s?(?:시간|분|일|개월|달|주|hours?|hrs?|days?|weeks?|months?|min)\b", " ", out, flags=re.ASCII)


def _denied(text: str, found: re.Match[str]) -> bool:
    before = re.search(r"\b(?:not|no|without|non|except)[ -]?$", text[: found.start()], re.ASCII)
    after = re.match(r"\S{0,2}\s?(?:말고|빼고|제외|아닌)", text[found.end() :])
    return bool(before or after)


def _quantities(text: str) -> list[_Said]:
    found: list[tuple[int, _Said]] = []
    rest = text
    for kind, unit in _UNITS:
        for pattern in (_number_first(unit), _unit_first(unit)):
            for match in list(re.finditer(pattern, rest, re.ASCII)):
                found.append((match.start(), _said(kind, match)))
                rest = rest[: match.start()] + " " * (match.end() - match.start()) + rest[match.end() :]
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]


def _number_first(unit: str) -> str:
    """≥ 8 vcpu, 16-64 gib, 8코어 이상, between 4 and 16 vcpus, 4코어 이상 16코어 이하."""
    again = rf"(?:{_SEP}(?:{unit})?\s*(?:{_DASH}){_NUM})?"
    return (
        rf"(?P<before>{_LEAST}|{_MOST}|between|exactly|정확히|딱)?\s*{_NUM}{again}\s*(?P<plus>\+)?[\s-]*"
        rf"(?:개|장|대)?\s*(?:{unit})(?![a-z])\s*(?:짜리|급|를|을|는|은|가|이(?![상하])|로|의|램|메모리|ram"
        rf"|memory|of ram)?\s*"
        rf"(?:\d개|[한두세네] ?개|한 ?장)?\s*(?P<after>{_LEAST_AFTER}|{_MOST_AFTER})?{_TOP}"
    )


def _unit_first(unit: str) -> str:
    """vcpu 8개 이상, memory ≥ 32, gpu 1개, ram 64g, 메모리 16~64."""
    words = rf"(?:{unit}|memory|ram|mem|메모리|램)" if "gib" in unit else rf"(?:{unit})"
    again = rf"(?:{_SEP}{_DASH}{_NUM})?"
    return (
        rf"(?<![\w.]){words}(?![a-z])\s*(?:수|개수|용량|크기|count|size)?\s*(?:를|을|는|은|가|이(?![상하])|도"
        rf"|of|:|=)?\s*"
        rf"(?P<before>{_LEAST}|{_MOST}|between|exactly|정확히|딱)?\s*{_NUM}{again}\s*(?P<plus>\+)?\s*"
        rf"(?:개|장|대|gib|gb|g|기가)?(?![a-z.\d])\s*(?:짜리|급)?\s*(?P<after>{_LEAST_AFTER}|{_MOST_AFTER})?{_TOP}"
    )


def _said(kind: Kind, match: re.Match[str]) -> _Said:
    numbers = [float(g.replace(",", "")) for g in match.groups() if g and re.fullmatch(r"\d[\d,]*(?:\.\d+)?", g)]
    if kind == "memory_gib" and re.search(r"tib|tb|테라", match.group(0)):
        numbers = [n * 1024 for n in numbers]
    before, after = match.group("before") or "", match.group("after") or ""
    low = numbers[0]
    if len(numbers) > 1 and not match.group("top"):
        return _Said(kind, min(numbers), max(numbers), "range")
    if top := match.group("top"):
        return _Said(kind, low, float(top.replace(",", "")), "range")
    if match.group("plus") or re.fullmatch(_LEAST_AFTER, after) or re.fullmatch(_LEAST, before):
        return _Said(kind, low, None, "least")
    if re.fullmatch(_MOST_AFTER, after) or re.fullmatch(_MOST, before):
        return _Said(kind, low, None, "most")
    if before in {"exactly", "정확히", "딱"}:
        return _Said(kind, low, None, "exactly")
    return _Said(kind, low, None, "about")


def _shared(said: list[_Said]) -> list[_Said]:
    """«at least 8 vCPU and 32 GiB», «8코어 32기가 이상»: a bound is said once for several."""
    bounds = {one.bound for one in said}
    shared: Bound | None = "least" if "least" in bounds else "exactly" if "exactly" in bounds else None
    return [replace(one, bound=shared) if shared and one.bound == "about" else one for one in said]


def _bounds(one: _Said) -> tuple[float | None, float | None]:
    match one.bound:
        case "range":
            return one.low, one.high
        case "least":
            return one.low, None
        case "most":
            return None, one.low
        case "exactly":
            return one.low, one.low
        case "about":
            return one.low, None if one.kind == "accelerators" else one.low * 2
