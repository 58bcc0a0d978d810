"""The words for operations on instances and fleets, English and Korean side by side."""

import re

_ON_INSTANCES: tuple[tuple[str, str], ...] = (
    ("exit-standby", (r"\b(?:out of|exit|leave|from) standby\b|back (?:in|into) service"
                     r"|(?:standby|대기)\S{0,3}에서\s?(?:빼|꺼|나)|다시\s?서비스")),
    ("enter-standby", r"\bstandby\b|스탠바이|대기\s?상태"),
    ("unprotect-from-scale-in", r"\bunprotect|\bremove\b.{0,20}protection|보호.{0,6}(?:해제|풀)"),
    ("protect-from-scale-in", r"\bprotect\b|보호"),
    ("hibernate", r"\bhibernat|최대\s?절전|하이버네이트"),
    ("terminate", r"\b(?:terminate|kill|destroy)\b|종료|죽여"),
    ("stop", r"\b(?:stop|shut ?down|power off)\b|정지|멈춰|꺼"),
    ("start", r"\b(?:start|power on|boot)\b|시작|켜"),
)  # fmt: skip
_ON_FLEETS: tuple[tuple[str, str], ...] = (
    ("cancel-instance-refresh", (r"\b(?:cancel|stop|abort)\b.{0,20}\brefresh"
                                r"|(?:refresh|리프레시|새로\s?고침)\S{0,3}\s?(?:취소|중지|멈춰)")),
    ("start-instance-refresh", (r"\b(?:start|begin|run|do|trigger)\b.{0,25}\brefresh|\brefresh (?:the )?instances\b"
                               r"|(?:refresh|리프레시)\S{0,3}\s?(?:시작|해|돌려|실행)")),
)  # fmt: skip


def instance_operation(text: str) -> str | None:
    """The operation that a normal text asks for on named instances; None = none of them."""
    return next((name for name, pattern in _ON_INSTANCES if re.search(pattern, text)), None)


def fleet_operation(text: str) -> str | None:
    return next((name for name, pattern in _ON_FLEETS if re.search(pattern, text)), None)
