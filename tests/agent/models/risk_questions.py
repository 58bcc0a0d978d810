"""Questions about what is to come, single instances, where to run, machines described, and what is wrong.

Each row: question, the calls that answer it and no other (list_fleets apart), texts that the answer must hold. The
account is world.py's.
"""

from typing import Any

Call = tuple[str, dict[str, Any]]
Row = tuple[str, tuple[Call, ...], tuple[str, ...]]


def forecast(subject: str) -> Call:
    return "forecast_interruptions", {"subject": subject}


def weigh(*types: str, hours: int = 168) -> Call:
    return "analyze_spot_opportunities", {"instance_types": list(types), "horizon_hours": hours}


def scan(**wanted: Any) -> Call:
    return "scan_market", wanted


def assess(fleet: str) -> Call:
    return "assess_instances", {"fleet": fleet}


def prices(subject: str, hours: int) -> Call:
    return "analyze_prices", {"fleet": subject, "window_hours": hours}


WATCH: Call = ("watch_fleets", {})
SPOT_FLEETS = (assess("ml-train"), assess("batch"), assess("render"))
TRAIN = ("g4dn.xlarge", "g5.xlarge")
FORECASTS: tuple[Row, ...] = (
    ("what's the chance ml-train gets pulled out from under us tomorrow night?", (forecast("ml-train"),),
     ("within 24 h", "within 48 h", "90 %", "Spot Advisor")),
    ("g5.xlarge reclaim odds for the next 6 hours pls", (forecast("g5.xlarge"),), ("within 6 h", "state forecast")),
    ("how probable is it that ml-train loses instances over the weekend",
     (forecast("ml-train"), weigh(*TRAIN)), ("within 7 days",)),
    ("will m6i.large be interrupted within 3 hours?", (forecast("m6i.large"), weigh("m6i.large", hours=3)),
     ("within 3 h", "constant hazard")),
    ("if I launch g4dn.xlarge now how likely is it to survive 6 hours", (forecast("g4dn.xlarge"),), ("within 6 h",)),
    ("how likely is c6i.xlarge to be interrupted tomorrow?", (forecast("c6i.xlarge"),),
     ("is unknown", "no Advisor band", "own interruption records")),
    ("which is more likely to be interrupted, g5.xlarge or g4dn.xlarge?",
     (forecast("g5.xlarge"), forecast("g4dn.xlarge")), ("`g5.xlarge` is likelier",)),
    ("interruption probability ml-train vs batch, next hour", (forecast("ml-train"), forecast("batch")),
     ("`ml-train` is likelier", "within 1 h")),
    ("Could my g5 boxes get yanked tonight?", (forecast("g5.xlarge"),), ("`g5.xlarge`", "within 24 h")),
    ("how confident is the forecast for ml-train?", (forecast("ml-train"),), ("90 %",)),
    ("is the advisor band for g5.xlarge bad?", (forecast("g5.xlarge"),), ("Spot Advisor: >20%", "no hourly")),
    ("how likely is ml-train to be interrupted tomorow and what does it cost per day?",
     (forecast("ml-train"), ("report_costs", {})), ("within 24 h", "/day")),
    ("내일 밤에 ml-train 날아갈 가능성 있어?", (forecast("ml-train"),), ("24시간 안에", "90 %")),
    ("g5.xlarge 앞으로 6시간 안에 뺏길 확률은?", (forecast("g5.xlarge"),), ("6시간 안에", "상태 예측")),
    ("오늘 밤에 스팟 끊길까?", (forecast("ml-train"), forecast("batch"), forecast("render")), ("`ml-train`",)),
    ("us-east-1b에 있는 g5.xlarge 6시간 안에 회수될 가능성", (forecast("g5.xlarge"),), ("6시간 안에", "일정 위험률")),
    ("다음주에 ml-train 위험할까?", (forecast("ml-train"), weigh(*TRAIN)), ("7일 안에",)),
    ("m6i.large 지금 띄우면 6시간 버틸 확률은?", (forecast("m6i.large"),), ("6시간 안에",)),
    ("g5.xlarge랑 g4dn.xlarge 중에 뭐가 더 잘 끊겨?", (forecast("g5.xlarge"), forecast("g4dn.xlarge")),
     ("더 높은 쪽은 `g5.xlarge`",)),
    ("ml-train 낼 중단될 확률이랑 하루 비용 같이 알려줘", (forecast("ml-train"), ("report_costs", {})), ("/일",)),
    ("m6i.large 지난 6개월 가격이랑 앞으로 6시간 중단 확률 같이 알려줘",
     (forecast("m6i.large"), prices("m6i.large", 4320)), ("6시간 안에", "이전의 가격은 모릅니다")),
)  # fmt: skip
INSTANCES: tuple[Row, ...] = (
    ("which machines in ml-train are most at risk right now?", (assess("ml-train"),),
     ("2 of 10 spot instances", "high", "EC2 recommends to rebalance", "25 min")),
    ("what should I do about the risky instances in ml-train", (assess("ml-train"),),
     ("What to do: prepare a replacement", "Nothing is proposed or changed yet")),
    ("any instances about to die?", SPOT_FLEETS, ("At high risk now: `ml-train` 2",)),
    ("is i-00000000000001001 in danger?", (*SPOT_FLEETS, assess("web-canary")),
     ("`i-00000000000001001` of `ml-train`: risk high",)),
    ("give me the endangered nodes in batch and tell me what to do with them", (assess("batch"),),
     ("None of the 24 spot instances", "unsaved work unknown")),
    ("list every instance at high risk across all fleets", SPOT_FLEETS, ("`ml-train` 2",)),
    ("ml-train에서 지금 제일 위험한 인스턴스가 뭐야", (assess("ml-train"),), ("10대 중 2대", "rebalance를 권고")),
    ("곧 죽을 것 같은 노드 있니", SPOT_FLEETS, ("지금 위험이 높은 인스턴스: `ml-train` 2",)),
    ("batch 위험한 서버들 알려주고 어떻게 해야 되는지도 알려줘", (assess("batch"),), ("교체 인스턴스가 뜨는지",)),
    ("인스턴스별 위험도 보여줘", SPOT_FLEETS, ("`batch`",)),
)  # fmt: skip
CHOICES: tuple[Row, ...] = (
    ("where's the best place to run a g5.xlarge for 24 hours", (weigh("g5.xlarge", hours=24),),
     ("Best by score: g5.xlarge/use1-az6", "within 24 h", "Useful hour assumes")),
    ("should I use g5.xlarge or g6.xlarge for training?", (weigh("g5.xlarge", "g6.xlarge"),),
     ("Cheapest useful hour of each type: `g5.xlarge`", "`g6.xlarge`")),
    ("what's the cheapest pool per useful hour among g5.xlarge, g4dn.xlarge and g6.xlarge",
     (weigh("g5.xlarge", "g4dn.xlarge", "g6.xlarge"),), ("Cheapest per useful hour: g4dn.xlarge",)),
    ("safest pool for g5.xlarge for the next day?", (weigh("g5.xlarge", hours=24),),
     ("Least likely to be interrupted: g5.xlarge/use1-az1",)),
    ("whats a good alternative to g5.xlarge",
     (weigh("g5.xlarge", "g4dn.xlarge", "g6.xlarge", "g5.2xlarge", "g4dn.2xlarge"),), ("`g6.xlarge`",)),
    ("best place to run ml-train for the next 3 days?", (weigh(*TRAIN, hours=72),), ("within 3 days",)),
    ("where should I run this?", (), ("Which instance types, or what size",)),
    ("학습용으로 g5.xlarge가 나아 g6.xlarge가 나아?", (weigh("g5.xlarge", "g6.xlarge"),), ("타입별",)),
    ("g5.xlarge 24시간 돌릴 건데 어디가 제일 좋아?", (weigh("g5.xlarge", hours=24),), ("24시간 안 중단 확률",)),
    ("g4dn.xlarge 어느 존에서 쓰는게 좋을까", (weigh("g4dn.xlarge"),), ("점수가 가장 높은 곳",)),
    ("이거 어디서 돌리는 게 좋아?", (), ("어떤 인스턴스 타입이나 크기",)),
)  # fmt: skip
ANY: dict[str, Any] = {
    "min_vcpus": 1, "max_vcpus": 1024, "min_memory_gib": 0.0, "max_memory_gib": 65536.0, "architectures": [],
    "min_accelerators": 0, "limit": 10,
}  # fmt: skip
SCANS: tuple[Row, ...] = (
    ("find me a pool with ≥ 8 vCPU, 32 GiB, arm",
     (scan(**ANY | {"min_vcpus": 8, "min_memory_gib": 32.0, "architectures": ["arm64"]}),),
     ("vCPU ≥ 8, memory ≥ 32 GiB, arm64", "m7g.2xlarge", "Left out: burstable")),
    ("I need something with 8 cores and 32 gigs", (scan(**ANY | {
        "min_vcpus": 8, "max_vcpus": 16, "min_memory_gib": 32.0, "max_memory_gib": 64.0}),), ("vCPU 8–16",)),
    ("cheapest spot box with a gpu", (scan(**ANY | {"min_accelerators": 1, "limit": 50}),), ("g4dn.xlarge",)),
    ("show me the cheapest spot capacity in the region", (scan(**ANY),), ("any size",)),
    ("got any pools with 64 GPUs?", (scan(**ANY | {"min_accelerators": 64, "limit": 50}),), ("No spot pool",)),
    ("8코어 이상 32기가 그래비톤 제일 싼 풀 찾아줘",
     (scan(**ANY | {"min_vcpus": 8, "min_memory_gib": 32.0, "architectures": ["arm64"]}),), ("유효 vCPU 시간당",)),
    ("vCPU 4~8개, 메모리 8~16기가 x86 풀 있어?", (scan(**ANY | {
        "min_vcpus": 4, "max_vcpus": 8, "min_memory_gib": 8.0, "max_memory_gib": 16.0, "architectures": ["x86_64"]}),),
     ("g4dn.xlarge",)),
    ("GPU 1개 달린 제일 저렴한 스팟 찾아줘", (scan(**ANY | {"min_accelerators": 1, "limit": 50}),), ("GPU ≥ 1",)),
)  # fmt: skip
ALERTS: tuple[Row, ...] = (
    ("show me open alerts", (WATCH,), ("2 open alerts, 1 critical", "4 of 6 units", "over since")),
    ("what's broken right now?", (WATCH,), ("critical · capacity: render",)),
    ("is anyone watching the fleets?", (WATCH,), ("2 open alerts",)),
    ("anything on fire with ml-train?", (WATCH,), ("1 open alert about `ml-train`",)),
    ("are there critical alerts?", (WATCH,), ("1 open alert, 1 critical",)),
    ("경보 떠 있는 거 보여줘", (WATCH,), ("열린 경보 2건", "render: 6대 중 4대가 12분째")),
    ("지금 뭐가 문제야?", (WATCH,), ("심각 1건",)),
    ("batch에 알람 걸린 거 있어?", (WATCH,), ("열린 경보가 없습니다 (`batch`)",)),
)  # fmt: skip
RISK_ROWS = FORECASTS + INSTANCES + CHOICES + SCANS + ALERTS
