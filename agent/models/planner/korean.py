"""The tools' own English sentences in Korean: those that answers quote. An unknown sentence stays as the tool "
"wrote it."""

import re

_SENTENCES: tuple[tuple[str, str], ...] = (
    # risk
    (r"(\d+) of (\d+) spot instances are in (\S+/\S+): one event can take them all",
     r"spot \2대 중 \1대가 한 풀(\3)에 있어 한 번에 모두 잃을 수 있음"),
    (r"(\d+) of (\d+) spot instances are in (\S+): it may also launch in (.+)",
     r"spot \2대 중 \1대가 \3에 있음. \4에도 띄울 수 있음"),
    (r"(\d+) of (\d+) spot instances are in (\S+): open it to more zones",
     r"spot \2대 중 \1대가 \3에 있음. 가용 영역을 더 여는 것이 좋음"),
    (r"add instance types of like size: (\d+) now, (\d+) or more are safer",
     r"비슷한 크기의 인스턴스 타입 추가: 현재 \1개, \2개 이상이 더 안전"),
    (r"(\S+) does not look at capacity: price-capacity-optimized does, and at price",
     r"\1 전략은 여유 용량을 보지 않음. price-capacity-optimized는 용량과 가격을 함께 봄"),
    (r"turn on Capacity Rebalancing: .+",
     "Capacity Rebalancing 켜기: 중단 알림 전에 교체 인스턴스가 먼저 뜸"),
    (r"no spot instance runs: nothing here can be interrupted by EC2", "spot 인스턴스가 없어 EC2가 중단할 것이 없음"),
    (r"a placement score of three or more types", "타입 3개 이상의 placement score"),
    (r"own interruption records of this pool", "이 풀의 실제 중단 기록"),
    (r"Spot Advisor band", "Spot Advisor 구간"),
    # chances
    (r"no Advisor band, and own records say too little \((.+); (\d+) hours or (\d+) interruptions are needed\)",
     r"Advisor 구간이 없고 자체 기록도 부족함(\2시간 또는 중단 \3회가 필요)"),
    (r"the Advisor's band alone leaves everything between (\S+ %) and (\S+ %) open",
     r"Advisor 구간만으로는 \1에서 \2까지 모두 가능함"),
    (r"own records(?: and the Advisor's band)? leaves? everything between (\S+ %) and (\S+ %) open",
     r"지금까지의 기록으로는 \1에서 \2까지 모두 가능함"),
    (r"pools like it average (\S+ %)", r"비슷한 풀의 평균은 \1"),
    (r"own records would tell", "자체 기록이 쌓이면 알 수 있음"),
    (r"1 − exp\(−rate × hours\)( with hour and weekday factors)?, over the rate's own range",
     r"1 − exp(−위험률 × 시간), 위험률의 범위 전체에 대해 평균"),
    (r"rate from own records and the Advisor's band", "위험률은 자체 기록과 Advisor 구간에서"),
    (r"rate from the Advisor's band alone", "위험률은 Advisor 구간에서만"),
    (r"rate from own records", "위험률은 자체 기록에서"),
    (r"no state forecast: we do not watch this pool", "상태 예측 없음: 이 풀을 지켜보고 있지 않음"),
    (r"no state forecast: one look at this pool is no history", "상태 예측 없음: 이 풀을 본 기록이 한 번뿐임"),
    (r"no state forecast: the last look at this pool is (\d+) minutes old",
     r"상태 예측 없음: 마지막으로 본 지 \1분 지남"),
    (r"no state forecast: (\S+) h of looks at this pool, 24 h are needed",
     r"상태 예측 없음: 지켜본 시간 \1시간, 24시간 필요"),
    (r"no state forecast: the pool is dry by the last look", "상태 예측 없음: 마지막으로 봤을 때 풀에 여유가 없었음"),
    (r"no state forecast: no look saw the pool dry for (\S+) h", r"상태 예측 없음: \1시간 동안 풀이 고갈된 적이 없음"),
    (r"trained on public availability traces, read from our own looks at this pool: .+",
     "공개 가용성 기록으로 학습하고 이 풀을 직접 본 기록으로 예측: 어느 순간 띄울 수 없게 될 확률"),
    (r"an instance that runs may outlive that", "실행 중인 인스턴스는 그래도 남을 수 있음"),
    (r"state forecast for 24 h, then (.+)", r"24시간까지 상태 예측, 그 뒤는 \1"),
    (r"share of instances interrupted in the trailing month, all zones and customers",
     "지난 한 달 동안 중단된 인스턴스의 비율(모든 영역·고객)"),
    (r"no hourly probability", "시간당 확률이 아님"),
    (r"placement score: EC2 scores requests of fewer than (\d+) types low whatever the capacity",
     r"placement score(타입 \1개 미만 요청은 용량과 무관하게 낮게 나옴)"),
    (r"placement score: not asked in a scan, .+", "placement score(스캔에서는 묻지 않음)"),
    (r"own launches in this pool", "이 풀에서 직접 띄워 본 기록"),
    (r"a checkpoint store: the fleet names none, .+", "checkpoint 저장소(fleet에 지정되지 않아 중단 시 손실을 모름)"),
    (r"a whole checkpoint: there is none among (\d+) in (\S+)", r"온전한 checkpoint(\2의 \1개 중 없음)"),
    # what may be done
    (r"save now", "지금 저장"),
    (r"work not saved: unknown", "저장 안 된 작업량 모름"),
    (r"work not saved: (\d+) minutes", r"저장 안 된 작업 \1분"),
    (r"the fleet names no checkpoint store: tag it, or save by hand",
     "fleet에 checkpoint 저장소가 없음: 태그를 달거나 직접 저장"),
    (r"prepare a replacement", "교체 인스턴스 준비"),
    (r"an EC2 Fleet of type maintain replaces what it loses by itself",
     "maintain 유형의 EC2 Fleet은 잃은 것을 스스로 채움"),
    (r"EC2 takes it: the two minutes are for starting another", "EC2가 회수함: 2분 안에 다른 것을 띄워야 함"),
    (r"EC2 expects to take it: a new one is up before that", "EC2가 회수를 예상함: 그 전에 새것이 뜸"),
    (r"new instances go where EC2 has capacity already.*",
     "이미 여유 용량이 있는 곳에 뜸. 타입을 늘리는 것이 가장 도움됨"),
    (r"(\S+) would start it in the pool that is being emptied", r"\1 전략은 비워지는 풀에 다시 띄울 수 있음"),
    (r"re-rank the jobs", "작업 순서 조정"),
    (r"start nothing long here, and finish what is nearly done",
     "여기서 긴 작업을 시작하지 말고 거의 끝난 것부터 마칠 것"),
    (r"the scheduler is yours", "스케줄러는 직접 조정해야 함"),
    (r"consider on-demand", "온디맨드 고려"),
    (r"the group has no mixed instances policy to say it in", "그룹에 mixed instances policy가 없음"),
    (r"its on-demand base is the whole fleet already", "이미 전체가 온디맨드 base임"),
    (r"(\d+) of (\d+) spot instances are at high risk", r"spot \2대 중 \1대의 위험이 높음"),
    (r"it costs more, see the preview", "비용이 늘어남, 미리 보기 참고"),
    (r"verify the checkpoints", "checkpoint 확인"),
    (r"(\d+) minutes are not saved: that is fresh", r"저장 안 된 작업 \1분: 최신임"),
    (r"watch for replacements", "교체 인스턴스가 뜨는지 지켜보기"),
    (r"a pool with refusals or a low placement score grants none when it matters",
     "거절이 있었거나 placement score가 낮은 풀은 정작 필요할 때 내주지 않음"),
    (r"check the job's progress", "작업 진행률 확인"),
    (r"a job that is nearly done is left alone", "거의 끝난 작업은 그대로 둠"),
    (r"keep monitoring", "계속 지켜보기"),
    (r"no sign presses", "급한 신호 없음"),
    (r"confirm the savings", "절감 확인"),
    (r"the cost report has realised savings", "비용 보고서에 실현된 절감액이 있음"),
    (r"nothing to change", "바꿀 것 없음"),
    (r"find out more", "더 알아보기"),
    (r"nothing is known of the pool: .+", "풀에 대해 아는 것이 없음: 모르는 것을 확인하고 monitor가 지켜보게 할 것"),
    (r"EC2 takes this instance: at (\S+)", r"EC2가 이 인스턴스를 회수함(\1)"),
    (r"EC2 recommends to rebalance this instance: at (\S+)", r"EC2가 이 인스턴스의 rebalance를 권고함(\1)"),
    # alerts
    (r"the fleets of (\S+) were last looked at never: .+",
     r"\1의 fleet을 아무도 살펴본 적이 없음: spotwarden run이 돌 때마다 살핌"),
    (r"the fleets of (\S+) were last looked at (\d+) minutes ago: .+",
     r"\1의 fleet을 \2분 전에 마지막으로 살핌: spotwarden run이 돌 때마다 살핌"),
    (r"(.+): (\d+) of (\d+) spot instances in (\S+): one event can take them all",
     r"\1: spot \3대 중 \2대가 \4에 있어 한 번에 모두 잃을 수 있음"),
    (r"(.+): the risk that its spot pools are taken is (\w+)", r"\1: spot 풀이 회수될 위험 \2"),
    (r"(.+): EC2 took (\d+) instances in the last hour: (.+)", r"\1: 지난 한 시간 동안 EC2가 \2대를 회수함: \3"),
    (r"(.+): (\d+) of (\d+) units have not run for (\d+) minutes", r"\1: \3대 중 \2대가 \4분째 뜨지 못함"),
    (r"(.+): spot costs (\S+) of on-demand: (\S+) of (\S+) USD/h", r"\1: spot 가격이 온디맨드의 \2(\4 중 \3 USD/h)"),
    (r"(.+): what it costs is not known, nor its risk: (.+)", r"\1: 비용도 위험도 알 수 없음: \2"),
    # a scan
    (r"not sold on the spot market", "spot으로 팔지 않음"),
    (r"architecture is not (.+)", r"아키텍처가 \1 아님"),
    (r"vCPUs outside (\S+)", r"vCPU \1 범위 밖"),
    (r"memory outside (\S+) GiB", r"메모리 \1 GiB 범위 밖"),
    (r"accelerators outside (\S+)", r"가속기 \1 범위 밖"),
    (r"bare metal", "베어메탈"),
    (r"burstable", "버스터블"),
    (r"not offered in the zone", "그 영역에 없음"),
    (r"no spot price in the zone over the window", "그 영역의 spot 가격 없음"),
    (r"the region offers no such type", "리전에 없는 타입"),
    (r"a checkpoint every (\S+) min \((.+)\): an interruption loses half of that, (\S+) min.*",
     r"checkpoint \1분마다(\2): 한 번 중단되면 그 절반인 \3분을 잃음"),
    (r"an interruption loses (\S+) min of work \((.+)\).*", r"한 번 중단되면 작업 \1분을 잃음(\2)"),
    (r"a restart takes (\S+) min \((.+)\)", r"재시작 \1분(\2)"),
    # money
    (r"(\d+) more on spot, (\d+) kept on-demand: interruptible and checkpointed by its tags",
     r"\1대를 더 spot으로, 온디맨드는 \2대 유지(태그상 중단 가능하고 checkpoint가 있음)"),
    (r"(\d+) on-demand is the floor: nothing more to move", r"온디맨드 \1대가 하한이라 더 옮길 것이 없음"),
    (r"all on spot already", "이미 모두 spot"),
    (r"not rated: workload (\S+), checkpointed (\S+): nothing says that its work survives an interruption",
     r"평가하지 않음: workload \1, checkpointed \2라서 중단을 견딘다는 근거가 없음"),
    (r"don't: its hours are paid by (.+) until (\S+); on spot the account would lose (\S+)",
     r"옮기지 말 것: \2까지 \1이 비용을 내고 있어 spot으로 옮기면 \3 손해"),
    (r"don't: its hours are paid by a Savings Plan", "옮기지 말 것: Savings Plan이 비용을 내고 있음"),
    (r"don't: spot would cost (\S+) more now", r"옮기지 말 것: 지금은 spot이 \1 더 비쌈"),
    # previews
    (r"desired capacity (\d+) is outside (\d+)…(\d+): AWS will refuse", r"desired \1은 범위 \2~\3 밖이라 AWS가 거절함"),
    (r"AWS will terminate (\d+) of (\d+) instances, new ones before old; .+",
     r"AWS가 \2대 중 \1대를 종료함(새 인스턴스를 먼저 띄움, 어느 것일지는 AWS가 고름)"),
    (r"AWS will terminate (\d+) of (\d+) instances; .+", r"AWS가 \2대 중 \1대를 종료함(어느 것일지는 AWS가 고름)"),
    (r"(\d+) running instances of removed types stay until something else replaces them",
     r"제거된 타입의 인스턴스 \1대는 다른 이유로 교체될 때까지 남음"),
    (r"a new allocation strategy holds for new launches only: no running instance is replaced",
     "새 전략은 앞으로 뜨는 인스턴스에만 적용되며 실행 중인 것은 교체되지 않음"),
    (r"the fleet counts by weights: .+", "가중치로 세는 fleet이라 대수는 추정치임"),
    (r"where new spot instances land is EC2's choice: costed as an even spread over the pools",
     "새 spot이 어느 풀에 뜰지는 EC2가 정하므로 풀에 고르게 나눈 비용으로 계산함"),
    (r"CloudFormation made this fleet: .+", "CloudFormation이 만든 fleet이라 다음 업데이트 때 되돌아감"),
    (r"tags say Terraform: .+", "Terraform 관리 태그가 있어 다음 apply 때 되돌아감. 코드도 고칠 것"),
    (r"detached instances run, and are billed, until EC2 takes them or somebody ends them",
     "분리된 인스턴스는 회수되거나 종료될 때까지 계속 과금됨"),
    (r"a price or a commitment is unknown: the change in cost cannot be told",
     "가격이나 약정을 몰라 비용 변화를 알 수 없음"),
    (r"(\$\S+) of Savings Plan commitment is freed and paid all the same, .+: effective cost (.+)",
     r"Savings Plan 약정 \1이 남지만 그대로 내야 함(약정은 spot에 적용 안 됨): effective \2"),
    # the tools' refusals
    (r"(\S+) has no mixed instances policy, so (.+) cannot be set",
     r"\1에는 mixed instances policy가 없어 \2을(를) 설정할 수 없음"),
    (r"give the group a mixed instances policy from its launch template first; desired capacity can be set",
     "먼저 launch template으로 mixed instances policy를 만들어야 함. desired capacity는 바꿀 수 있음"),
    (r"\S+?: no tag spotwarden:checkpoints", "spotwarden:checkpoints 태그가 없음"),
    (r"tag the fleet (spotwarden:checkpoints=\S+)", r"fleet에 \1 태그를 다세요"),
    (r"\S+?: EC2 knows no spot price of (\S+) in the last (\S+) h", r"지난 \2시간 동안 \1의 spot 가격이 EC2에 없음"),
    (r"check the region and the spelling of the type", "리전과 타입 철자를 확인하세요"),
    (r"no manifest: it was never finished", "manifest가 없음: 저장이 끝나지 않았음"),
    # policy
    (r"mode approve: a person must say yes", "approve 모드: 사람이 승인해야 함"),
    (r"observe only: proposals are recorded, nothing is changed", "관찰 전용: 제안만 기록하고 바꾸지 않음"),
    (r"no policy names (\S+) for this fleet(?: on an interruption notice)?",
     r"이 fleet에 \1을(를) 허용하는 정책이 없음"),
    (r"the fleet is protected by its tag (\S+)", r"태그 \1로 보호된 fleet임"),
    (r"replaces (\d+) instances after (\d+) in (\S+): at most (\d+) are allowed",
     r"\3 안에 이미 \2대, 이번에 \1대 교체: 최대 \4대까지 허용"),
    (r"(.+) would be (\S+), at least (\S+) is wanted", r"\1 값이 \2이 됨: 최소 \3 필요"),
    (r"(.+) would be (\S+), at most (\S+) is allowed", r"\1 값이 \2이 됨: 최대 \3까지 허용"),
    (r"(\d+) instance types, at least (\d+) are wanted", r"인스턴스 타입 \1개: 최소 \2개 필요"),
    (r"STOP is set: nothing is applied", "킬 스위치(STOP)가 켜져 있어 아무것도 적용하지 않음"),
    (r"the audit log does not verify: .+", "감사 로그 검증에 실패해 아무것도 적용하지 않음"),
    (r"fact missing: (.+)", r"판단에 필요한 사실이 없음: \1"),
    (r"outside the window (.+)", r"허용 시간대 \1 밖"),
    (r"inside the freeze (.+)", r"변경 동결 \1 기간"),
    (r"(\d+) actions in (\S+): at most (\d+) are allowed", r"\2 안에 \1건 실행: 최대 \3건까지 허용"),
    (r"changed (\S+) min ago: a fleet rests (\S+) after a change", r"\1분 전에 변경됨: 변경 후 \2 동안 쉬어야 함"),
    # what is kept
    (r"(\S+) dead items? waits? for a person: (.+)", r"데드 항목 \1개가 사람을 기다림: \2"),
    (r"items wait, and no worker is connected", "대기 항목이 있는데 연결된 워커가 없음"),
    (r"the job (\S+) runs on (\S+), and may (?:want it back|be restored from it)",
     r"\2에서 도는 작업 \1이(가) 쓸 수 있음"),
    (r"the policy protects what is tagged (.+)", r"정책이 \1 태그를 보호함"),
    (r"made (.+) ago: left alone for a day", r"만든 지 \1: 하루 동안 그대로 둠"),
    (r"(.+) old: kept for (\d+) days", r"만든 지 \1: \2일 동안 보존"),
    (r"it is a copy: somebody made it on purpose, .+", "누군가 일부러 만든 복사본"),
    (r"the image (.+) boots from it", r"이미지 \1이(가) 이것으로 부팅함"),
    (r"(.+) holds it \(tag (\S+)\)", r"\1의 것(태그 \2)"),
    (r"it is (in-use|pending|creating|deleting|error|recovering)", r"상태가 \1임"),
    (r"prices of EBS: (.+)", r"EBS 가격: \1"),
    (r"read back as wanted", "다시 읽어 원하는 값임을 확인"),
    (r"policy denies it; nothing was changed", "정책이 거부해 바뀐 것이 없음"),
)  # fmt: skip
_COMPILED = tuple((re.compile(english), korean) for english, korean in _SENTENCES)


_CHOICES = (
    ("은(는)", "은", "는"),
    ("을(를)", "을", "를"),
    ("이(가)", "이", "가"),
    ("와(과)", "과", "와"),
    ("(으)로", "으로", "로"),
)
_WORD_THEN_CHOICE = re.compile(r"([0-9A-Za-z가-힣])([`”)]*)(은\(는\)|을\(를\)|이\(가\)|와\(과\)|\(으\)로)")


def particled(text: str) -> str:
    """The open choices of particles settled by how the word before them is read: `batch`는, `ml-train`은."""

    def settle(found: re.Match[str]) -> str:
        closed = _ends_closed(text[: found.end(1)])
        both = next(c for c in _CHOICES if c[0] == found.group(3))
        if both[0] == "(으)로" and text[found.start(1)] in "lL178":
            closed = False  # after ㄹ it is 로
        return found.group(1) + found.group(2) + (both[1] if closed else both[2])

    return _WORD_THEN_CHOICE.sub(settle, text)


def _ends_closed(text: str) -> bool:
    """Whether the last syllable ends in a consonant as Koreans read it."""
    last = text[-1].lower()
    if "가" <= last <= "힣":
        return (ord(last) - ord("가")) % 28 != 0
    if last.isdigit():
        return last in "013678"
    return re.search(r"(?:[lmn]|ng|[aeiou][ptk]|[aeiou]ck)$", text[-4:].lower()) is not None


def korean(text: str) -> str:
    """The sentence in Korean; several joined by «; » one by one; what is unknown stays as it is."""
    for english, there in _COMPILED:
        if english.fullmatch(text):
            return english.sub(there, text)
    parts = text.split("; ")
    return "; ".join(korean(p) for p in parts) if len(parts) > 1 else text
