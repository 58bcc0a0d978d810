"""Answers that need no figures: what I am, what words mean, what AWS advises, what I cannot do."""

import re

from agent.models.planner.answers.common import rows_of
from agent.models.planner.figures import basis, named, percent, usd
from agent.models.planner.text import normal
from agent.models.planner.walk import Walk


def help_text(walk: Walk) -> list[str]:
    """What can be asked, with examples."""
    return [
        walk.say(
            "I answer from tools that read this AWS account, and propose changes that policies and people "
            "decide on. Ask for example:\n"
            "- money: “where is the money?”, “what could we save?”, “Savings Plan coverage?”\n"
            "- fleets: “list fleets”, “describe ml-train”\n"
            "- market: “prices of g5.xlarge over the last 7 days”, “how likely is ml-train to be "
            "interrupted, and why?”\n"
            "- checkpoints: “how old is the last checkpoint of ml-train?”, “restore ml-train from its last "
            "checkpoint”\n"
            "- changes: “what if ml-train had base 1?” (preview only), “diversify ml-train”, “set web-canary "
            "to 70% spot”, “scale batch to 30”\n"
            "- history: “what happened last night?”, “why did you change ml-train?”, “who approved it?”\n"
            "I cannot delete fleets, buy commitments, change policies or IAM, or forecast prices.",
            "저는 이 AWS 계정을 읽는 도구의 결과로만 답하고, 변경은 제안만 합니다. 결정은 정책과 사람이 "
            "합니다. 예를 들어:\n"
            "- 비용: “돈이 어디로 나가?”, “얼마나 아낄 수 있어?”, “Savings Plan 사용률은?”\n"
            "- fleet: “fleet 목록 보여줘”, “ml-train 구성 알려줘”\n"
            "- 시장: “지난 7일 g5.xlarge 가격”, “ml-train 중단 위험은? 왜?”\n"
            "- checkpoint: “ml-train 마지막 checkpoint 언제야?”, “ml-train 마지막 checkpoint에서 복원해줘”\n"
            "- 변경: “base 1로 줄이면 얼마 절감돼?”(미리 보기), “ml-train 분산해줘”, “web-canary spot "
            "70%로 바꿔줘”, “batch 30대로 늘려줘”\n"
            "- 기록: “어젯밤 무슨 일 있었어?”, “왜 바꿨어?”, “누가 승인했어?”\n"
            "fleet 삭제, 약정 구매, 정책·IAM 변경, 가격 예측은 할 수 없습니다.",
        )
    ]


def thanks(walk: Walk) -> list[str]:
    return [
        walk.say(
            "I am here. Ask about money, fleets, prices, interruption risk, checkpoints or the audit log.",
            "네. 비용, fleet, 가격, 중단 위험, checkpoint, 감사 로그에 대해 물어보세요.",
        )
    ]


def not_understood(walk: Walk) -> list[str]:
    """Said plainly, with what can be asked instead."""
    return [
        walk.say(
            "I cannot answer that: I understood no question about fleets, cost, prices, risk, checkpoints or history.",
            (
                "그 질문에는 답할 수 없습니다. fleet, 비용, 가격, 위험, checkpoint, 기록에 관한 질문을 "
                "알아듣지 못했습니다."
            ),
        ),
        "",
        *help_text(walk),
    ]


def max_price(walk: Walk) -> list[str]:
    """AWS advises against a maximum price; the levers that work instead, with today's prices of what was named."""
    lines = [
        walk.say(
            "I advise against a maximum spot price, as AWS does: you pay the spot price and never the "
            "maximum, so a cap saves nothing by itself; "
            "it only makes instances be interrupted or not launch when the price passes it. Nothing was "
            "proposed, and no tool here sets one.",
            "최대 가격 설정은 권하지 않습니다(AWS도 권하지 않음). 항상 spot 시세만 내므로 상한 자체로는 "
            "절감되지 않고, 시세가 상한을 넘으면 중단되거나 "
            "뜨지 않을 뿐입니다. 제안하지 않았으며 이를 설정하는 도구도 없습니다.",
        ),
        walk.say(
            "What works: more instance types and zones, price-capacity-optimized, a lower on-demand base "
            "where the work is checkpointed.",
            (
                "효과적인 방법: 타입과 가용 영역 늘리기, price-capacity-optimized, checkpoint가 있는 작업의 "
                "온디맨드 base 낮추기."
            ),
        ),
    ]
    for subject in [*walk.question.fleets, *walk.question.found.types][:2]:
        seen = walk.look("analyze_prices", fleet=subject, window_hours=2160)
        if seen is not None and seen.ok:
            for pool in rows_of(seen.body, "pools")[:4]:
                now, high = (
                    usd(pool.get("current_usd_per_hour"), walk.lang),
                    usd(pool.get("high_usd_per_hour"), walk.lang),
                )
                lines.append(
                    f"- {named(pool.get('pool'))}: {walk.say('now', '현재')} {now}, {walk.say('highest', '최고')} "
                    f"{high}, "
                    f"{walk.say('on-demand', '온디맨드')} {usd(pool.get('on_demand_usd_per_hour'), walk.lang)}, "
                    f"{walk.say('saving', '절감률')} {percent(pool.get('saving_share'), walk.lang)}"
                )
            lines.append(basis(seen.body, walk.lang))
    lines.append(
        walk.say(
            "Source of the advice: EC2 User Guide, Spot best practices.",
            "권고 출처: EC2 User Guide, Spot best practices.",
        )
    )
    return lines


def autonomy(walk: Walk) -> list[str]:
    """Letting it run alone is the policy's to allow, never the chat's."""
    return [
        walk.say(
            "I cannot switch myself to autonomous from the chat, and a chat never changes a policy. How to "
            "let it run on its own:\n"
            "1. In the policy file give the fleets a policy with `mode: autonomous`, a window, budgets, "
            "blast radius and `requires:`; what no policy allows stays denied.\n"
            "2. `spotwarden policy validate` and `spotwarden policy explain` read it back in prose; try "
            "decisions with `spotwarden policy decide`.\n"
            "3. `spotwarden run --once` does one round; `spotwarden run` keeps watching; `--status` shows, "
            "`--stop` sets the kill switch.\n"
            "4. Interruption notices are answered without a model; everything lands in `spotwarden audit show`.",
            "채팅에서는 자율 모드로 바꿀 수 없고, 정책도 바꾸지 않습니다. 혼자 돌게 하려면:\n"
            "1. 정책 파일에서 해당 fleet에 `mode: autonomous`, window, budgets, blast radius, "
            "`requires:`를 주세요. 정책이 "
            "허용하지 않은 것은 거부됩니다.\n"
            "2. `spotwarden policy validate`, `spotwarden policy explain`으로 확인하고 `spotwarden policy decide`로 "
            "판정을 시험하세요.\n"
            "3. `spotwarden run --once`는 한 번, `spotwarden run`은 계속 감시합니다. `--status`로 보고 "
            "`--stop`으로 멈춥니다.\n"
            "4. 중단 알림은 모델 없이 처리하며 모든 일은 `spotwarden audit show`에 남습니다.",
        )
    ]


def policy(walk: Walk) -> list[str]:
    return [
        walk.say(
            "Policies decide every change: deny beats ask beats allow, and what no policy covers is denied. "
            "They are read from the file given with `--policy`, "
            "else the project's, else your configuration's, else observe only. `spotwarden policy explain` "
            "reads yours in prose, `policy validate` checks it. "
            "From the chat they can be neither read nor changed; each proposal shows the clauses that spoke.",
            "모든 변경은 정책이 결정합니다: deny > ask > allow, 정책이 없으면 거부됩니다. `--policy` 파일, "
            "프로젝트, 사용자 설정 순으로 읽고, 없으면 "
            "관찰만 합니다. "
            "`spotwarden policy explain`이 풀어서 설명하고 `policy validate`가 검사합니다. 채팅에서는 "
            "정책을 읽거나 바꿀 수 없으며, 제안마다 "
            "적용된 조항이 표시됩니다.",
        )
    ]


def unsupported(walk: Walk) -> list[str]:
    """What no tool does, with the nearest that can be done."""
    return [
        walk.say(
            "I cannot do that: no tool here deletes or terminates, creates fleets, buys commitments, changes "
            "IAM or injects interruptions, so nothing was proposed. "
            "What I can propose: on-demand base and spot share, allocation strategy, instance types, desired "
            "capacity (“scale batch to 0” is one), replacing named "
            "instances, restoring a checkpoint. To see a recovery without risk, run `spotwarden demo`; on a "
            "real account AWS Fault Injection Service does it.",
            "그 일은 할 수 없습니다. 삭제·종료, fleet 생성, 약정 구매, IAM 변경, 중단 주입을 하는 도구가 "
            "없어 아무것도 제안하지 않았습니다. 제안할 수 있는 것: "
            "온디맨드 base와 "
            "spot 비율, allocation strategy, 인스턴스 타입, desired capacity(예: “batch 0대로”), 지정한 인스턴스 교체, "
            "checkpoint 복원. 복구를 안전하게 보려면 "
            "`spotwarden demo`, 실제 계정에서는 AWS Fault Injection Service를 쓰세요.",
        )
    ]


def setup(walk: Walk) -> list[str]:
    return [
        walk.say(
            "Start read-only: `spotwarden doctor --iam` prints the least-privilege read and write documents; "
            "give the read one to a role or profile, then "
            "`spotwarden --profile NAME --region REGION chat --mode observe`. `spotwarden doctor` checks "
            "credentials, permissions, prices and the model. "
            "A language model is used when OPENAI_API_KEY or OPENAI_BASE_URL and SPOTWARDEN_MODEL are set; "
            "without them I answer.",
            "먼저 읽기 전용으로 시작하세요. `spotwarden doctor --iam`이 최소 권한 문서를 출력합니다. 읽기 "
            "문서를 역할이나 프로필에 붙인 뒤 "
            "`spotwarden --profile NAME --region REGION chat --mode observe`로 여세요. `spotwarden doctor`가 자격 "
            "증명, 권한, 가격, 모델을 점검합니다. "
            "OPENAI_API_KEY 또는 OPENAI_BASE_URL과 SPOTWARDEN_MODEL을 주면 언어 모델을 쓰고, 없으면 제가 답합니다.",
        )
    ]


def cluster(walk: Walk) -> list[str]:
    return [
        walk.say(
            "I cannot read files or other systems from the chat. What to check in a spot cluster: one type "
            "in one zone is one pool, so allow many; RunInstances has no "
            "allocation strategy, an Auto Scaling group has; keep the head or control plane on-demand; drain "
            "and save on the interruption notice. "
            "I can look at the Auto Scaling groups and EC2 Fleets behind it: name one.",
            "채팅에서는 파일이나 다른 시스템을 읽을 수 없습니다. spot 클러스터에서 볼 점: 한 타입·한 "
            "영역은 풀 하나이므로 여러 개를 허용하고, RunInstances에는 "
            "allocation strategy가 "
            "없으니 Auto Scaling group을 쓰고, head는 온디맨드로 두고, 중단 알림에 drain과 저장을 하세요. "
            "뒤에 있는 fleet은 살펴볼 수 있으니 이름을 "
            "말씀해 주세요.",
        )
    ]


def secret(walk: Walk) -> list[str]:
    return [
        walk.say(
            "I hold no credentials and tell no secrets; there is no tool for that. `spotwarden doctor` "
            "checks access without showing keys.",
            (
                "자격 증명을 갖고 있지 않으며 비밀은 알려 드리지 않습니다. `spotwarden doctor`가 키를 보이지 "
                "않고 접근을 점검합니다."
            ),
        )
    ]


def decline(walk: Walk) -> list[str]:
    return [
        walk.say(
            "All right: nothing is proposed and nothing was changed.",
            "알겠습니다. 제안하지 않았고 아무것도 바뀌지 않았습니다.",
        )
    ]


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
