"""The field's words, in one line each."""

import re

from agent.models.planner.text import normal
from agent.models.planner.walk import Walk

_GLOSSARY = (
    (
        r"price-capacity",
        (
            "**price-capacity-optimized**: EC2 takes spot from the pools with the most spare capacity among "
            "the cheap ones; AWS recommends it."
        ),
        "**price-capacity-optimized**: 싼 풀 중 여유 용량이 가장 많은 풀에서 spot을 받습니다. AWS 권장 전략입니다.",
    ),
    (
        r"(?<!price-)capacity-optimi",
        "**capacity-optimized**: spot comes from the pools with the most spare capacity, whatever their price.",
        "**capacity-optimized**: 가격과 무관하게 여유 용량이 가장 많은 풀에서 spot을 받습니다.",
    ),
    (
        r"lowest-price",
        "**lowest-price**: the cheapest pools, which run out first; interrupted most.",
        "**lowest-price**: 가장 싼 풀을 쓰며 먼저 고갈되어 중단이 가장 잦습니다.",
    ),
    (
        r"rebalance|재조정",
        (
            "**Rebalance recommendation**: EC2 says that an instance is at elevated risk, before the "
            "interruption notice; evidence, not an order."
        ),
        "**Rebalance recommendation**: 중단 알림 전에 위험이 높아졌다는 EC2의 신호입니다. 명령이 아니라 근거입니다.",
    ),
    (
        r"interruption notice|중단\s?알림",
        "**Interruption notice**: EC2 takes a spot instance back; the notice comes two minutes before, best effort.",
        "**Interruption notice**: EC2가 spot 인스턴스를 회수하기 2분 전에 보내는 알림이며 보장되지 않습니다.",
    ),
    (
        r"base",
        (
            "**On-demand base capacity**: the units of a group that are always on-demand; the percentage "
            "above base splits the rest."
        ),
        "**온디맨드 base capacity**: 그룹에서 항상 온디맨드로 두는 용량이며, 나머지는 base 초과분 비율로 나눕니다.",
    ),
    (
        r"strateg|할당\s?전략",
        (
            "**Allocation strategy**: how EC2 chooses pools for spot: price-capacity-optimized "
            "(recommended), capacity-optimized, lowest-price, diversified."
        ),
        (
            "**Allocation strategy**: spot 풀을 고르는 방법: price-capacity-optimized(권장), capacity-optimized, "
            "lowest-price, diversified."
        ),
    ),
    (
        r"savings-plan|약정",
        (
            "**Savings Plan**: a commitment in $/h that lowers on-demand rates; paid whether used or not, "
            "and never applies to spot."
        ),
        "**Savings Plan**: 온디맨드 단가를 낮추는 시간당 약정. 쓰지 않아도 내며 spot에는 적용되지 않습니다.",
    ),
    (
        r"pool|풀",
        "**Capacity pool**: one instance type in one zone; it is what runs out.",
        "**Capacity pool**: 한 가용 영역의 한 인스턴스 타입. 고갈되는 단위입니다.",
    ),
    (
        r"\besr\b|effective savings|유효\s?절감",
        "**Effective savings rate**: 1 − effective cost / on-demand list cost, unused commitment included.",
        "**ESR(유효 절감률)**: 1 − effective 비용 / 온디맨드 list 비용, 미사용 약정 포함.",
    ),
    (
        r"effective|list|contracted|유효",
        (
            "**Bases**: list = on-demand list price of every hour; contracted = spot at its price, on-demand "
            "at list; effective = contracted with commitments, unused commitment added."
        ),
        (
            "**비용 기준**: list = 모든 시간을 온디맨드 정가로; contracted = spot은 시세, 온디맨드는 정가; "
            "effective = 약정 반영, 미사용 약정 포함."
        ),
    ),
    (
        r"placement",
        "**Spot placement score**: EC2's guess, 1 to 10, that a request succeeds now; not an interruption risk.",
        "**Spot placement score**: 지금 요청이 성공할 가능성에 대한 EC2의 1~10점 추정. 중단 위험이 아닙니다.",
    ),
    (
        r"mixed",
        "**Mixed instances policy**: how an Auto Scaling group mixes types, on-demand and spot.",
        "**Mixed instances policy**: Auto Scaling group이 타입과 온디맨드·spot을 섞는 설정입니다.",
    ),
    (
        r"checkpoint",
        "**Checkpoint**: a job's saved state; without its manifest, which is written last, it does not exist.",
        "**Checkpoint**: 작업의 저장 상태. 마지막에 쓰는 manifest가 없으면 없는 것입니다.",
    ),
    (
        r"spot",
        "**Spot**: spare EC2 capacity at a market price; EC2 may take it back with two minutes' notice.",
        "**Spot**: 시세로 쓰는 EC2 여유 용량. 2분 알림 후 회수될 수 있습니다.",
    ),
)


def glossary(walk: Walk) -> list[str]:
    """The field's words in one line each."""
    text = normal(walk.question.text)
    found = [(en, ko) for pattern, en, ko in _GLOSSARY if re.search(pattern, text)]
    specific = found[:-1] if len(found) > 1 and found[-1][0].startswith("**Spot**") else found
    return [walk.say(en, ko) for en, ko in specific[:3]]
