"""What is asked of risk to come, of single instances, of where to run and of what is wrong, told from frames.

These stand before the field's words: «how likely is it to be taken tomorrow» speaks of risk, and wants its chance.
"""

from collections.abc import Sequence
from dataclasses import replace

from agent.models.planner.entities import Entities
from agent.models.planner.moods import MAKE_SAFE, PAST, has
from agent.models.planner.patterns import Intent

_CHANCE = (
    r"\blikel(?:y|ihood)\b|\blikley\b|\bprobab\w*|\bchances?\b|\bodds\b|\bforecasts?\b|\bpredict\w*|\bpercent(?:age)?\b"
    r"|\bexpect\w*|\bgoing to\b|\bgonna\b|\babout to\b|\bbet\b|확률|가능성|예측|전망|예상|몇\s?(?:%|퍼센트"
    r"|프로)|것\s?같|거\s?같|ㄹ까"
    r"|[할될갈질을를일길릴칠날올]까"
)
_SURE_CHANCE = (
    r"\blikel(?:y|ihood)\b|\blikley\b|\bprobab\w*|\bchances?\b|\bodds\b|\bforecasts?\b|\bpredict\w*|확률|가능성"
    r"|예측|전망"
)
_TAKEN = (
    r"\binterr?upt\w*|\breclaim\w*|\bevict\w*|\bpre-?empt\w*|\btaken?\b|\btakes\b|\byank\w*|\bkill\w*|\bdies?\b"
    r"|\bdead\b"
    r"|\bdying\b|\blos(?:e|es|ing|t)\b|\bsurviv\w*|\bkick\w*|\bpulled\b|\bgone\b|\bdisappear\w*|\bvanish\w*|\bcrash\w*"
    r"|\b(?:go|goes|going) (?:down|away)\b|\bterminat\w*|\bshut ?down\b|\brisk\w*|\bsafe\b|\bworr\w*"
    r"|\bsnatch\w*|\bbumped\b"
    r"|\bgrab\w*"
    r"|중단|인터럽|회수|뺏|빼앗|끊|끊길|죽|날아|날라|내려가|꺼지|꺼질|사라|종료|선점|리클레임|버티|버틸|버텨"
    r"|살아|터지|터질|털리|위험|리스크|잃|무사|안전|안정|걱정|불안"
)
_SURE_TAKEN = r"\binterr?upt\w*|\breclaim\w*|\bevict\w*|\bpre-?empt\w*|중단|인터럽|회수|뺏|빼앗|선점|리클레임"
_ONE = (
    r"(?:\binstances?\b(?! types?)|\bnodes?\b|\bmachines?\b|\bboxe?s?\b|\bservers?\b|\bvms?\b"
    r"|\bworkers?\b|인스턴스(?!\s?(?:타입|유형))|노드|서버|머신|장비)"
)
_PRESSED = (
    r"(?:\brisk\w*|\bdanger\w*|\bworr\w*|\bunsafe\b|\bvulnerab\w*|\binterrupt\w*|\breclaim\w*|\bevict\w*|\blose\b"
    r"|\btaken\b"
    r"|\babout to\b|\bgoing to\b|\bdie\b|\btrouble\b|문제|저장\s?안\s?된|\bmost exposed\b|\bunsaved\b"
    r"|\bsave first\b|\bpress\w*"
    r"|위험|위태|불안|죽|중단|회수|뺏|끊|날아|잃|걱정|먼저)"
)
_WHICH = (
    r"(?:\b(?:which|what|any|list|show|how many|are there|every|each|per)\b|어느|어떤|무슨|몇|중에|중\s"
    r"|별(?:로)?\s|마다|각)"
)
_INSTANCES = (
    rf"(?:리밸런스|rebalance|재조정)\S{{0,4}}\s?(?:권고|신호|받은|추천).{{0,12}}{_ONE}"
    rf"|{_WHICH}.{{0,30}}{_ONE}.{{0,40}}\brebalance"
    rf"|\bmost (?:vulnerable|exposed|endangered|pressed|risky|at[- ]risk)\b.{{0,12}}{_ONE}|"
    rf"저장\s?안\s?된.{{0,20}}{_ONE}|"
    rf"{_WHICH}.{{0,40}}{_ONE}.{{0,60}}{_PRESSED}|{_WHICH}.{{0,20}}{_PRESSED}.{{0,25}}{_ONE}"
    rf"|{_ONE}\S{{0,3}}\s?(?:중에?|별|마다|별로).{{0,25}}{_PRESSED}|\b(?:endangered|risky|pressed"
    rf"|at-risk)\b.{{0,12}}{_ONE}"
    rf"|{_ONE}.{{0,12}}\bat (?:most |high(?:est)? )?risk\b|(?:죽|끊|회수|날아|뺏|중단|잃|꺼)\S*\s?(?:것|거"
    rf"|듯)?\s?(?:같은"
    rf"|한)\s?.{{0,6}}{_ONE}|위험(?:도|이|가)?\s?(?:높은|큰|한|해\s?보이는|할\s?것\s?같은)\s?.{{0,8}}{_ONE}"
    rf"|\bper[- ]instance\b.{{0,12}}risk"
)
_RUN = r"(?:run|launch|put|place|deploy|train|host|schedule|start|move|go|get|buy|spin up|fit|land)"
_WHERE = (
    rf"\bwhere (?:should|could|would|do|is it|is the|to|can|shall|best|would be)\b.{{0,50}}\b{_RUN}\b|\bwhere(?:'s"
    rf"| is) (?:the )?(?:best|cheapest|safest)\b"
    rf"|\b(?:best|safest|smartest|good) (?:place|spot|pool|zone|az|home|choice|option|bet|type)s?\b.{{0,30}}\b(?:for"
    rf"|to {_RUN})\b"
    r"|\b(?:which|what) (?:pool|zone|az|type|instance type|capacity)s?\b.{0,40}\b(?:should|best|pick|choose"
    r"|recommend|to use|go for|makes? sense)\b"
    r"|\buseful[ -]hour|\bper hour of (?:useful )?work\b|\bworth (?:running|using)\b.{0,20}\bspot\b"
    r"|\bopportunit\w+\b.{0,20}\b(?:spot|pools?|capacity)\b|\bspot opportunit"
    r"|어디(?:서|에서|에다|에|다가?)?\s?.{0,14}(?:돌리|돌려야|돌릴|띄우|띄워야|띄울|실행하|실행해야|실행할"
    r"|올리|올려야|올릴|굴리|굴릴|쓰는\s?게|쓰면|쓸까|써야|학습하|학습할|배치하"
    r"|배치할|하는\s?게|하면|할까|잡는|잡으면)"
    r"|어디(?:가|쪽이)\s?.{0,8}(?:좋|나[아으을]|유리|낫|제일|가장|싸|저렴|안전)"
    r"|(?:어느|어떤|무슨|뭔)\s?(?:풀|존|az|영역|타입|인스턴스\s?타입|유형)\S{0,2}\s?.{0,20}(?:좋|나[을아으]|낫"
    r"|쓰|쓸|써야|돌리|돌릴|유리|추천|고르|골라|괜찮)"
    r"|(?:제일|가장|젤)\s?(?:안전|안정|좋)\S{0,2}\s?.{0,6}(?:풀|존|az|영역|곳|데)\S{0,2}"
    r"|유효\s?시간|쓸모\s?있는\s?시간|실제\s?작업\s?시간|(?:풀|타입)\s?추천"
)
_TYPES_WEIGHED = (
    r"\brank\b|\bcompar\w*|\bvs\.?(?=\s)|\bversus\b|\bbetter\b|\bwhich (?:one|of)\b|\bor\b|\bshould i (?:use"
    r"|pick|choose|take"
    r"|go)\b|\brecommend\w*|\bgood (?:choice|idea|pick|bet)\b"
    r"|\bworth\b|\bmakes? sense\b|비교|중에|둘\s?중|아니면|vs|나을까|나아|낫|좋을까|괜찮|추천|쓸\s?만|고르|어때"
)
_PRICE_ONLY = (
    r"\bpric(?:e|es|ing)\b|\bcheaper\b|\bcheapest\b|\bcosts?\b|\bhistory\b|가격|시세|단가|비용|더\s?싼|더\s?싸"
    r"|싼\s?(?:게|거|쪽)|저렴"
)
_STAND_INS = (
    r"보다\s?.{0,12}(?:싸|저렴|안전|좋|나은|낫)\S{0,3}\s?(?:거|것|게|타입|인스턴스|풀)|\balternatives?\b"
    r"|\binstead of\b|\breplac\w+ for\b|\bsubstitut\w*|\bother than\b|대신|대안|대체"
)
_SEARCH = (
    r"\bfind\b|\bsearch\b|\blook(?:ing)? for\b|\bneed\b|\bwant\b|\bcheapest\b|\bbest\b|\bwhich\b|\bwhat\b|\bany\b"
    r"|\brecommend\w*|\bsuggest\w*|\bshow\b"
    r"|\blist\b|\bgive me\b|\bget me\b|\bpools?\b|\binstance types?\b|\boptions?\b|\bavailable\b|\bwhere\b|\bscan\b"
    r"|\bpick\b|\bspot\b|\bgot\b"
    r"|찾|추천|필요|있어|있나|있을까|있는지|싼|저렴|알려|보여|골라|구해|구할|뭐|어떤|어느|풀|타입|인스턴스"
    r"|어디|줘|할까|좋|스캔|원해|쓰고\s?싶|쓸"
)
_SCAN = (
    r"\bmarket scan\b|\bscan (?:the )?(?:whole |entire )?(?:market|region|spot)\b|시장\s?(?:스캔|전체|훑)"
    r"|(?:리전|지역)\s?(?:전체"
    r"|통틀어|다)"
    r"|\b(?:cheapest|best)\b.{0,25}\b(?:in|of) (?:the|this|our|whole) (?:whole |entire )?(?:region|market)\b"
    r"|\banywhere in (?:the|this) region\b"
    r"|(?:리전|시장)(?:에서|에)\s?.{0,12}(?:제일|가장|젤)\s?(?:싼|싸|저렴)"
)
_ALERTS = (
    r"\balerts?\b|\balarms?\b|\bpaged?\b(?!s)|\bwarnings?\b|\bwhat(?:'s| is|s| has| did)? (?:going |gone |currently "
    r"|now )?wrong\b|\b(?:anything|something|everything|stuff) "
    r"(?:is )?(?:\w+ )?(?:wrong|broken|on fire|burning)\b|\bon fire\b|\bwhat(?:'s| is|s) (?:broken|down|failing"
    r"|burning|going wrong)\b|\bmonitor(?:ing)?\b.{0,25}\b(?:say|see|show|find|found|status|report|tell|up|on"
    r"|running)\w*"
    r"|\b(?:open|current|active|ongoing) (?:issues?|problems?|incidents?)\b|\b(?:any|which|what) (?:issues?"
    r"|problems?)\b.{0,20}\b(?:now|right now|currently|open|today|at the moment)\b"
    r"|\bwho(?:'s| is)? watch(?:es|ing)?\b|\bis (?:anybody|anyone|somebody|someone) watching\b"
    r"|경보|경고|알람|얼[럿러]트|알럿|알러트|(?<!중단 )(?<!중단)(?<!회수 )(?<!재조정 )알림(?!이 뭐|이란|이 뜻"
    r"|은 뭐|이 오면)|모니터링?\S{0,2}\s?.{0,15}(?:뭐"
    r"|상태|이상|잡|보고|돌)"
    r"|(?:지금|현재|요즘|당장).{0,14}(?:문제|이상|잘못|터진|고장|장애|탈)|(?:문제|이상|장애)\S{0,2}\s?(?:있|생"
    r"|난|터)(?!\S*면).{0,4}(?:어|나|니|는지|습"
    r"|\?)|뭐가\s?(?:문제|잘못|이상)|감시\S{0,2}\s?(?:하|되|돼)"
)
_SURE_ALERTS = (
    r"\bon fire\b|\bbroken\b|\balerts?\b|\balarms?\b|경보|경고|알람|얼[럿러]트|알럿|알러트|알림|\bwarnings?\b"
)


def asked_first(
    text: str, found: Entities, wanted: Sequence[Intent], *, names_fleet: bool, asks: bool
) -> tuple[Intent, ...]:
    """The intents of this page that a normal text wants, with those of `wanted` that stand beside them; empty = none.

    wanted  what the field's words point at
    asks    False: a change is asked for
    """
    others = replace(found.change, types_word=None)  # «without» is also said of interruptions
    changes = others.says_something or (found.change.says_something and not has(_SURE_TAKEN, text))
    if changes or (found.instance_ids and not asks) or (has(MAKE_SAFE, text) and not asks):
        return ()
    if _wants_scan(text, found, wanted, names_fleet=names_fleet):
        return ("scan",)
    if _wants_choice(text, found, wanted, names_fleet=names_fleet):
        return ("opportunities",)
    past = has(PAST, text) and not has(_CHANCE, text) and not has(rf"{_SURE_ALERTS}|\bmonitor", text)
    return _of_risk(text, found, wanted, names_fleet=names_fleet) if asks and not past else ()


def _of_risk(text: str, found: Entities, wanted: Sequence[Intent], *, names_fleet: bool) -> tuple[Intent, ...]:
    beside = _beside(text, found, wanted, names_fleet=names_fleet)
    if "outage" not in wanted and wants_instances(text, found):
        return ("instances", *(w for w in beside if w in {"costs", "prices"}))
    if _wants_forecast(text, found, wanted, names_fleet=names_fleet):
        kept = tuple(w for w in beside if w != "checkpoints" or has(r"checkpoint|저장", text))
        return ("forecast", *kept, *(("alerts",) if has(_SURE_ALERTS, text) else ()))
    if has(_ALERTS, text) and _alerts_fit(text, wanted, names_fleet=names_fleet):
        return ("alerts", *(w for w in beside if w in {"costs", "savings", "checkpoints"}))
    return ()


def _beside(text: str, found: Entities, wanted: Sequence[Intent], *, names_fleet: bool) -> tuple[Intent, ...]:
    """What else is asked in the same breath; what a type costs, or a fleet over time, is a price."""
    money = has(_MONEY, text)
    kept: tuple[Intent, ...] = tuple(w for w in wanted if w in _BESIDE and (money or w not in _MONEYS))
    if found.types:
        kept = tuple(w for w in kept if w not in _MONEYS)
    over_time = names_fleet and (found.window_hours or 0) > 24
    if money and (found.types or over_time) and "prices" not in kept:
        return ("prices", *kept)
    return kept


_MONEY = (
    r"\bcost\w*|\bspen[dt]\b|\bmoney\b|\bbill\b|\bpric\w+|\bpay\w*|\bbudget|\bsav(?:e|ing)s?\b|\$"
    r"|비용|돈|가격|시세|단가|지출|요금|금액|절감|절약"
)
_MONEYS: frozenset[Intent] = frozenset(["costs", "savings", "prices"])
_BESIDE: frozenset[Intent] = frozenset(["costs", "savings", "prices", "checkpoints", "commitments"])


def _wants_scan(text: str, found: Entities, wanted: Sequence[Intent], *, names_fleet: bool) -> bool:
    if found.types or names_fleet:
        return False
    if has(_SCAN, text):
        return True
    machine = found.hardware
    if machine is None or "capacity" in wanted:
        return False
    ours = has(
        r"\bfleets?\b|\bour\b|\bwe (?:have|run|use|pay)\b|\bsp(?:end|ent)\b|\bbill\b|우리|비용|지출|사용률|utili[sz]",
        text,
    )
    sized = machine.vcpus != (None, None) or machine.memory_gib != (None, None)
    if has(_SURE_TAKEN, text) or (has(_TAKEN, text) and not sized):
        return False
    return (sized or not ours) and (has(_SEARCH, text) or not ours)


def _wants_choice(text: str, found: Entities, wanted: Sequence[Intent], *, names_fleet: bool) -> bool:
    if "capacity" in wanted or "max-price" in wanted:
        return False
    if found.types and has(_STAND_INS, text) and (not has(_PRICE_ONLY, text) or has(r"\bsafer\b|안전", text)):
        return True
    if has(_WHERE, text) and (found.types or names_fleet or not has(_OURS, text)):
        return not has(_SURE_CHANCE, text) or not has(_SURE_TAKEN, text)
    weighed = has(_TYPES_WEIGHED, text) and not has(_PRICE_ONLY, text) and not has(_TAKEN, text)
    return weighed and bool(found.types) and not names_fleet and (len(found.types) > 1 or "capacity" not in wanted)


_OURS = r"\b(?:money|cash|start|begin|numbers?|figures?|data|checkpoints?|logs?)\b|돈|숫자|기록|어디부터|\bour fleets\b"


def wants_instances(text: str, found: Entities) -> bool:
    if found.instance_ids:
        return has(_PRESSED, text) or has(_CHANCE, text)
    return has(_INSTANCES, text) and not has(
        r"\bif\b.{0,40}\b(?:zone|az|use1|us-)|\b(?:which|what) fleets\b|어느\s?fleet|(?:하|되|돼|으)면\s", text
    )


def _wants_forecast(  # noqa: PLR0911 - one return a case
    text: str, found: Entities, wanted: Sequence[Intent], *, names_fleet: bool
) -> bool:
    if {"outage", "watch", "interval", "audit-check"} & set(wanted) and not has(_SURE_CHANCE, text):
        return False
    if has(
        r"\bprice\w*\b.{0,30}(?:forecast|predict)|(?:forecast|predict)\w*.{0,30}\bprice|가격.{0,10}(?:예측|전망|예상)",
        text,
    ):
        return False
    about = bool(found.types) or names_fleet
    if about and has(r"\bforecast|예측", text) and not has(_PRICE_ONLY, text):
        return True
    if found.types and has(_BAND, text):
        return True
    if has(_SURE_CHANCE, text) and has(_TAKEN, text):
        return not has(r"sav(?:e|ing)|절감|아낄", text) or has(_SURE_TAKEN, text)
    ahead = found.horizon is not None or has(r"\bsoon\b|곧|조만간|금방", text)
    if has(_WHEN, text) or (found.horizon is not None and has(_START, text)):
        return True
    if has(r"\bwill\b|\b(?:about|going) to\b|\bgonna\b", text) and has(_WILL_TAKE, text) and not has(r"\bif\b", text):
        return True
    return ahead and has(_SURE_TAKEN if "checkpoints" in wanted else _TAKEN, text) and _speaks_of_risk(text)


_WHEN = (
    r"\bhow long (?:until|before|till)\b.{0,40}\b(?:interrupt|reclaim|evict|taken)|\bwhen (?:will|would|might"
    r"|could)\b.{0,40}"
    r"\b(?:interrupt|reclaim|evict|taken)|언제(?:쯤)?\s?.{0,12}(?:중단|회수|끊|뺏)(?:될|당할|길|길까|기)"
)
_START = (
    r"\b(?:good|bad|ok|okay|safe|right|wrong) (?:time|idea|moment)\b.{0,25}\b(?:start|run|launch|begin|kick)"
    r"|(?:시작|실행)해도|돌려도|돌리면"
)
_WILL_TAKE = (
    r"\binterr?upt\w*|\breclaim\w*|\bevict\w*|\bpre-?empt\w*|\btak(?:e|en|ing)\b.{0,15}\b(?:from us|from me"
    r"|back|away)\b"
)


_BAND = r"\badvisor\b|어드바이저|\b(?:interruption|eviction|reclaim) (?:rate|frequency|band)|중단\s?(?:율|률|빈도)"


def _speaks_of_risk(text: str) -> bool:
    """Not «what did we lose», «is it safe to switch», «the bill is killing us»."""
    return not has(
        r"\b(?:safe|risky|ok|okay) to\b|\b(?:bill|cost|money)\b.{0,15}\b(?:kill|los)|\bcheckpoints? (?:at|every)"
        r"|\bhow many\b|몇\s?대",
        text,
    )


def _alerts_fit(text: str, wanted: Sequence[Intent], *, names_fleet: bool) -> bool:
    """Not a definition, not the log of what was, not a fleet's general state."""
    if has(
        r"\bwhat (?:is|are|does) (?:a |an |the )?(?:interruption |rebalance )?(?:alerts?|warnings?"
        r"|notices?)\b.{0,10}(?:mean|\?|$)|\bnotices?\b",
        text,
    ):
        return False
    if {"audit-check", "interval", "outage", "explain", "halt"} & set(wanted):
        return False
    if has(r"\bmy (?:approval|ok)|승인|거부|거절|\bden(?:y|ied)\b", text):
        return False
    return not names_fleet or has(_SURE_ALERTS, text)
