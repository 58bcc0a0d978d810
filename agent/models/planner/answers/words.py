"""Answers that need no figures: what I am, what words mean, what AWS advises, what I cannot do."""

import re

from agent.models.planner.answers import fleets
from agent.models.planner.answers.common import rows_of, which_fleet
from agent.models.planner.figures import basis, named, percent, usd
from agent.models.planner.lexicon import about_the_account
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
            "- market: “prices of g5.xlarge over the last 12 months”, “where should I run g5.xlarge?”, “a spot pool "
            "with at least 8 vCPU, 32 GiB, arm”\n"
            "- risk: “how likely is ml-train to be interrupted tomorrow?”, “which instances are at risk?”, “any open "
            "alerts?”\n"
            "- checkpoints: “how old is the last checkpoint of ml-train?”, “restore ml-train from its last "
            "checkpoint”\n"
            "- kept: “what do orphan volumes cost?”, “which snapshots are old?”, “is anything stuck in the queues?”, "
            "“review cluster.yaml”, “can I hibernate?”\n"
            "- changes: “what if ml-train had base 1?” (preview only), “diversify ml-train”, “set web-canary "
            "to 70% spot”, “scale batch to 30”\n"
            "- history: “what happened last night?”, “why did you change ml-train?”, “who approved it?”\n"
            "I cannot delete fleets, buy commitments, change policies or IAM, or forecast prices.",
            "저는 이 AWS 계정을 읽는 도구의 결과로만 답하고, 변경은 제안만 합니다. 결정은 정책과 사람이 "
            "합니다. 예를 들어:\n"
            "- 비용: “돈이 어디로 나가?”, “얼마나 아낄 수 있어?”, “Savings Plan 사용률은?”\n"
            "- fleet: “fleet 목록 보여줘”, “ml-train 구성 알려줘”\n"
            "- 시장: “지난 12개월 g5.xlarge 가격”, “g5.xlarge는 어디서 돌리는 게 좋아?”, "
            "“8 vCPU 이상 32 GiB arm 풀 찾아줘”\n"
            "- 위험: “ml-train이 내일 중단될 확률은?”, “지금 위험한 인스턴스는?”, “열린 경보 있어?”\n"
            "- checkpoint: “ml-train 마지막 checkpoint 언제야?”, “ml-train 마지막 checkpoint에서 복원해줘”\n"
            "- 보관: “고아 볼륨 비용은?”, “오래된 스냅샷 있어?”, “큐에 밀린 거 있어?”, “cluster.yaml 검토해줘”\n"
            "- 변경: “base 1로 줄이면 얼마 절감돼?”(미리 보기), “ml-train 분산해줘”, “web-canary spot "
            "70%로 바꿔줘”, “batch 30대로 늘려줘”\n"
            "- 기록: “어젯밤 무슨 일 있었어?”, “왜 바꿨어?”, “누가 승인했어?”\n"
            "fleet 삭제, 약정 구매, 정책·IAM 변경, 가격 예측은 할 수 없습니다.",
        )
    ]


def thanks(walk: Walk) -> list[str]:
    if re.search(r"thank|thx|cheers|고마|고맙|감사|수고", walk.question.text.lower()):
        return [walk.say("You are welcome.", "천만에요. 더 궁금한 것이 있으면 물어보세요.")]
    return [
        walk.say(
            "Hello. Ask about money, fleets, prices, interruption risk, checkpoints or the audit log.",
            "안녕하세요. 비용, fleet, 가격, 중단 위험, checkpoint, 감사 로그에 대해 물어보세요.",
        )
    ]


def identity(walk: Walk) -> list[str]:
    return [
        walk.say(
            "I am spotwarden's offline planner: rules, no language model. I read this AWS account with tools, "
            "answer from "
            "what they say, and propose changes that policy and people decide on. “help” shows what you can ask.",
            "저는 spotwarden의 오프라인 플래너입니다. 언어 모델이 아니라 규칙으로 동작합니다. 도구로 이 AWS "
            "계정을 읽어 답하고, "
            "변경은 제안만 하며 결정은 정책과 사람이 합니다. “도움말”이라고 하면 질문 예를 보여 드립니다.",
        )
    ]


def halt(walk: Walk) -> list[str]:
    return [
        walk.say(
            "**To stop every change at once: F8 in the app, or `spotwarden run --stop`.** That sets the kill "
            "switch; nothing "
            "is applied while it is on, interruption answers included. I cannot set it from the chat, and I "
            "change nothing "
            "without a proposal. A proposal that waits expires by itself.",
            "**모든 변경을 즉시 멈추려면 앱에서 F8 또는 `spotwarden run --stop`을 쓰세요.** 킬 스위치가 켜지고, "
            "켜져 있는 동안 "
            "중단 대응을 포함해 아무것도 적용되지 않습니다. 채팅에서는 켤 수 없으며, 저는 제안 없이 바꾸지 "
            "않습니다. 대기 중인 "
            "제안은 스스로 만료됩니다.",
        )
    ]


def utilisation(walk: Walk) -> list[str]:
    return [
        walk.say(
            "**Unknown: no tool here reads CPU, memory or traffic, so I cannot say whether anything is idle or "
            "too large.** "
            "AWS Compute Optimizer or CloudWatch tells; what I can tell is cost, purchase mix, risk and checkpoints.",
            "**모릅니다. CPU·메모리·트래픽을 읽는 도구가 없어 유휴이거나 과다한지 알 수 없습니다.** AWS Compute "
            "Optimizer나 "
            "CloudWatch에서 확인하세요. 저는 비용, 구매 구성, 위험, checkpoint를 알려 드릴 수 있습니다.",
        )
    ]


def offtopic(walk: Walk) -> list[str]:
    return [
        walk.say(
            "I cannot help with that: I only know this account's spot fleets, their cost, prices, risk, "
            "checkpoints and audit "
            "log. Try “where is the money?” or “which fleet is riskiest?”.",
            "그것은 도와드릴 수 없습니다. 이 계정의 spot fleet, 비용, 가격, 위험, checkpoint, 감사 로그만 압니다. "
            "“돈이 어디로 "
            "나가?”, “제일 위험한 fleet은?”처럼 물어보세요.",
        )
    ]


def not_understood(walk: Walk) -> list[str]:
    """Said plainly, with what can be asked instead."""
    strangers = walk.question.named.strangers
    if not strangers and about_the_account(normal(walk.question.text)):
        return _nearest(walk)
    return [
        *(which_fleet(walk, "look at") if strangers and walk.question.names_known else []),
        walk.say(
            "I did not understand that, so I looked nothing up and changed nothing. I can answer for example:\n"
            "- “where is the money?”, “what could we save?”, “how risky is ml-train?”, “prices of g5.xlarge, last "
            "7 days”\n"
            "- “how old is the last checkpoint of ml-train?”, “what happens if us-east-1a goes down?”, “who "
            "changed batch?”\n"
            "- “what if web-canary were 70% spot?” (preview only), “set web-canary base to 4” (a proposal)\n"
            "“help” shows more.",
            "질문을 이해하지 못해 조회도 변경도 하지 않았습니다. 예를 들어 이렇게 물어보세요.\n"
            "- “돈이 어디로 나가?”, “얼마나 아낄 수 있어?”, “ml-train 위험해?”, “지난 7일 g5.xlarge 가격”\n"
            "- “ml-train 마지막 checkpoint 언제야?”, “us-east-1a가 죽으면?”, “누가 batch 바꿨어?”\n"
            "- “web-canary spot 70%로 하면?”(미리 보기), “web-canary base 4로 바꿔줘”(제안)\n"
            "“도움말”이라고 하면 더 보여 드립니다.",
        ),
    ]


def _nearest(walk: Walk) -> list[str]:
    """A question about the account that was not understood gets the state of the account, and is told so."""
    state = fleets.overview(walk)
    if not state:
        return []
    return [
        walk.say(
            "**I did not understand exactly what you ask, so this is how the account stands; nothing was changed.**",
            "**질문을 정확히 이해하지 못해 계정의 현재 상태로 답합니다. 바꾼 것은 없습니다.**",
        ),
        *state,
        walk.say(
            "Ask about one thing for more: cost, savings, risk, prices, checkpoints, history, or “what if …”.",
            "더 자세히는 한 가지씩 물어보세요: 비용, 절감, 위험, 가격, checkpoint, 이력, “~하면?”.",
        ),
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
    text = normal(walk.question.text)
    first = []
    if re.search(r"approv|sign|veto|승인|결재", text):
        first.append(
            walk.say(
                "**A person answers what the policy says to ask about, on the approvals screen or with `spotwarden "
                "approve ID`; never the chat.**",
                "**정책이 ‘ask’로 판정한 제안은 승인 화면이나 `spotwarden approve ID`로 사람이 답합니다. 채팅은 "
                "승인할 수 "
                "없습니다.**",
            )
        )
    if re.search(r"accident|mistake|delet|terminat|실수|삭제|지워|함부로", text):
        first.append(
            walk.say(
                "**Nothing can be deleted from here: no tool deletes a fleet, and a question never changes anything.**",
                "**여기서는 아무것도 삭제되지 않습니다. fleet을 지우는 도구가 없고, 질문만으로는 아무것도 바뀌지 "
                "않습니다.**",
            )
        )
    return [
        *first,
        walk.say(
            "**Every change goes through the policy file: deny beats ask beats allow, and what no policy names is "
            "denied.** "
            "Without a question I do nothing; only fleets in `mode: autonomous` are changed without a person, "
            "inside their "
            "limits. From the chat a policy can be neither read nor changed: `spotwarden policy explain` reads "
            "yours in "
            "prose, and each proposal shows the clauses that spoke.",
            "**모든 변경은 정책 파일이 결정합니다: deny > ask > allow, 정책에 없는 것은 거부됩니다.** 사람 없이 "
            "바뀌는 것은 "
            "`mode: autonomous`인 fleet뿐이며 그 한도 안에서만입니다. 채팅에서는 정책을 읽거나 바꿀 수 없습니다. "
            "`spotwarden policy explain`이 정책을 풀어서 보여 주고, 제안마다 적용된 조항이 표시됩니다.",
        ),
    ]


def unsupported(walk: Walk) -> list[str]:
    """What no tool does, with the nearest that can be done."""
    return [
        walk.say(
            "**I cannot do that, and nothing was proposed:** no tool here deletes groups, ends what is not named by "
            "its id, buys commitments, changes IAM or injects interruptions. What I can propose: on-demand base, spot "
            "share, allocation strategy, instance types, desired capacity and size limits; standby, protection, stop, "
            "start or end of named instances, or their replacement; an instance refresh; undoing a change; restoring "
            "a checkpoint. `spotwarden plan --help` has the rest, such as creating and deleting EC2 Fleets. To see a "
            "recovery without risk, run `spotwarden demo`.",
            "**그 일은 할 수 없고 아무것도 제안하지 않았습니다.** 그룹 삭제, id로 지정하지 않은 종료, 약정 구매, "
            "IAM 변경, 중단 주입을 하는 도구가 없습니다. 제안할 수 있는 것: 온디맨드 base, spot 비율, "
            "allocation strategy, 인스턴스 타입, desired capacity와 크기 한도, 지정한 인스턴스의 "
            "standby·보호·정지·시작·종료·교체, instance refresh, 변경 되돌리기, checkpoint 복원. "
            "EC2 Fleet 생성·삭제 등은 `spotwarden plan --help`에 있습니다. "
            "복구를 안전하게 보려면 `spotwarden demo`를 쓰세요.",
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
