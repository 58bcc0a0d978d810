"""Everyday words for the things that can be asked: how people speak when they use none of the field's own words.

Frames say so much that they go before the field's words; hints only help where those said nothing, or only named
a fleet. Neither makes a change: a request is told from its verb, in moods.py.
"""

import re
from collections.abc import Collection

from agent.models.planner.patterns import Intent

_ALLOWED = (
    r"\bwho\b.{0,25}\b(?:can|may|could|must|should|needs? to|has to|gets? to|allowed|able)\b.{0,20}\b(?:approve"
    r"|decide|sign off|change)\b"
    r"|\bwho (?:approves|decides|signs)|\bapprovers?\b|누가.{0,12}승인\S{0,2}\s?(?:할|하나|하는|해야|가능)"
    r"|승인\S{0,3}\s?누가|승인\s?권한|승인자|결재자"
    r"|blast[ -]?radius|\bchange freeze|\b(?:change|maintenance) windows?|(?:변경|바꿔|바꾸|수정).{0,12}시간대"
    r"|변경\s?동결"
    r"|\b(?:are|am|is|were) (?:we|i|you|anyone|anybody|it|they|the agent|spotwarden) (?:even |still )?"
    r"(?:allowed|permitted|supposed)\b"
    r"|\b(?:do|does|will|would) (?:i|we|you|it|this|that|anything|everything)\b.{0,15}\bneed\b.{0,20}\b(?:approv"
    r"|permission|sign-?off)"
    r"|승인\S{0,2}\s?(?:꼭\s?)?(?:받아야|필요(?:해|한가|하나|합니까))"
    r"|\b(?:accidental(?:ly)?|by (?:mistake|accident)|behind my back|without (?:telling|asking) (?:me|us))\b"
    r"|실수로|(?:마음|맘|멋|제멋)\s?대로|함부로|몰래|허락\s?없이"
)
_FIRST = (
    r"\b(?:tackle|priorit\w*|low[- ]hanging|quick wins?)\b"
    r"|\bwhere (?:do|should|would|to|can) (?:i|we|you)?\s?(?:start|begin)\b"
    r"|\b(?:what|which|where|anything)\b.{0,40}\b(?:first|attention|urgent\w*|focus on)\b(?! (?:instance|month"
    r"|fleet is))"
    r"|\bbiggest (?:problem|issue|concern|worry|headache|offender)"
    r"|(?:먼저|우선|당장)\s?.{0,12}(?:손|해야|할\s?(?:일|거|것|게)|봐야|볼|처리|고[치쳐]|챙)|우선\s?순위"
    r"|(?:뭐|뭘|어디|무엇|어느\s?\S+)\s?부터|급한|시급|손봐|손\s?볼|신경\s?(?:써|쓸)"
)
_STAND = (
    r"\bstand-?up\b|\bshort version\b|\bsituation\b|퇴근|자러|자도\s?(?:돼|되|괜)|\bbullets?\b|\btl;?dr\b"
    r"|\bnutshell\b|\bat a glance\b|\brecap\b|\bhand-?over\b|\bbriefing\b"
    r"|\b(?:need|should|ought|want|like|have) to know\b[\s?!.]*$|\b(?:i|we) should know\b|\bdid i miss\b"
    r"|\bworth knowing\b"
    r"|\banything\b.{0,20}\b(?:new|weird|wrong|odd|unusual|strange|interesting|broken|off|worry\w*|up|on fire)\b"
    r"|\b(?:are|is) (?:we|everything|all|things) (?:all )?(?:good|ok|okay|fine|well|healthy)\b|\ball good\b"
    r"|스탠드\s?업|데일리|인수인계|한\s?(?:줄|눈|마디|문장)\S{0,2}\s|알아야\s?(?:할|되는)|특이\s?사항"
    r"|특별한\s?(?:일|거|것)"
    r"|이상\s?(?:한\s?거|한\s?점|은|이)?\s?(?:없|있)|별\s?(?:일|문제|탈)|요점|핵심만|문제\s?없"
)
_SAVED_WORK = (
    r"\bsav(?:e|es|ed|ing)\b (?:their|its|his|my|our|the|any|all)?\s?(?:own |training )?"
    r"(?:state|work|progress|weights|model|jobs?|checkpoint)"
    r"|\bhow far back\b|\b(?:redo|start over|from scratch|pick up where)\b|어디(?:까지|서부터)\s?(?:했|돌|진행"
    r"|저장|다시)|처음부터\s?다시"
    r"|(?:날아가|꺼지|죽으|끊기)\S{0,2}\s?.{0,10}(?:몇\s?시간|얼마).{0,8}(?:손해|날|잃)"
)
_MINE = (
    r"\b(?:anything|something|what|which)\b.{0,30}\bto (?:sign|approve)\b|\bsign (?:anything|something|it|them)? ?off\b"
    r"|\bneeds? my (?:approval|ok|okay|answer|decision)|\bon my (?:plate|desk)\b|내가?\s?.{0,6}(?:결재|승인"
    r"|답)\S{0,2}\s?할"
)
_STRATEGY = (
    r"(?:lowest[ _-]?price|price-capacity\S*|capacity[ _-]optimi\S*)\b.{0,50}\b(?:bad|good|better|worse|true"
    r"|wrong|best|safe|risky)\b"
    r"|\b(?:bad|good|better|worse|wrong|why|when)\b.{0,30}(?:lowest[ _-]?price|price-capacity|capacity[ _-]optimi)"
)
_WHICH_ZONE = (
    r"\b(?:which|what) (?:zone|az)\b|\b(?:zone|az)\b.{0,25}\b(?:crowded|concentrated|busiest|fullest|most)\b"
    r"|(?:어느|어떤|무슨)\s?(?:존|az)\S{0,2}\s?.{0,8}(?:많|몰|쏠|위험)|(?:존|az)\S{0,2}\s?.{0,8}(?:몰려|쏠려"
    r"|제일\s?많|가장\s?많)"
)
_ALONE = (
    r"^(?:can|could|will|would|do|does|might) (?:you|it|this|they)\b.{0,40}"
    r"\b(?:by (?:your|it)self|on (?:your|its) own|without (?:asking|being asked|approval|me\b|a human))"
    r"|(?:승인|허락|동의|결재)\S{0,2}\s?없이.{0,15}(?:수\s?.{0,2}있|되나|되니|됩니까|바뀌|가능)|(?:혼자|알아서"
    r"|스스로|자동으로).{0,20}수\S?\s?있(?:나|어|니|습|을까|는지)|"
    r"\b(?:can|could|is|are|may|does|do|will|would)\b.{0,12}\b(?:anyone|anybody|someone|somebody|people|(?:the"
    r"|this) (?:bot|tool|agent))\b"
    r".{0,40}\b(?:without|alone|by itself|on its own)\b"
)
_FRAMES: tuple[tuple[Intent, str], ...] = (
    ("pending", _MINE),
    ("glossary", _STRATEGY),
    ("outage", _WHICH_ZONE),
    ("policy", _ALONE),
    ("policy", _ALLOWED),
    ("checkpoints", _SAVED_WORK),
    ("advice", _FIRST),
    ("overview", _STAND),
)
_PEOPLE = (
    r"(?:boss|manager|cfo|ceo|cto|board|leadership|management|execs?|director|finance|팀장|사장|대표|임원|부장"
    r"|상사|재무|회계|경영)"
)
_HINTS: tuple[tuple[Intent, str], ...] = (
    ("checkpoints", r"\bstate\b.{0,15}\b(?:safe|kept|stored)|\bprogress\b|세이브|이어서|저장"),
    ("outage", r"\b(?:region|zone|az|data ?cent(?:er|re))\b.{0,30}\b(?:fire|blows?|crash|offline|dark)\b"),
    ("risk", (
        r"\bworr(?:y|ied|ies|ying)|\bafraid\b|\bscared\b|\bnervous\b|\banxious\b|\bconcern\w*|\bdisappear"
        r"|\bvanish|\byank"
        r"|\btak(?:e|en|ing)\b.{0,25}\b(?:from (?:us|me)|away|back)\b|\b(?:kick|bump|boot|snatch|knock|pull)(?:ed)?\b"
        r"|\blos(?:e|es|ing)\b|\bbasket\b|\bshaky|\bflak(?:y|ier|iest)|\bhealthy\b|\bnormal\b|\bok(?:ay)?\b"
        r"|\bfine\b|\bsketchy|\bresilien|\brobust"
        r"|\btoleran|\bredundan|\bhold(?:ing)? up\b|\btrouble|\bunstable|\bdependable|\bspread\b|\bthin\b"
        r"|\bcrash|\bdie(?:s|d)?\b|\bdying\b|\bblow up"
        r"|\balright\b|\ball right\b|\bmake it\b|\bsurviv|걱정|불안|괜찮|사라|없어지|날아가|빼앗|뺏|털리|위태"
        r"|아슬|튼튼|버티|버틸|견디|견딜|무너|정상|멀쩡|몰려"
        r"|몰빵|쏠|터지|터질|끊|무사|믿어"
    )),
    ("capacity", r"\bwon'?t (?:start|launch|come up|boot)|\bstuck\b|\bnot coming up|안\s?(?:올라|켜|붙)|할당\s?실패"),
    ("audit", (
        r"\bmess(?:ed|ing)? with|\bfiddl|\btweak|\btinker|\bpok(?:e|ed|ing)\b|\blast time\b|\brecently\b"
        r"|\blately\b|\bever been\b"
        r"|건드|건들|손\s?(?:댄|댔|대)|만졌|만진|바뀐|바뀌었|달라[졌진]|최근|방금"
    )),
    ("fleets", (
        r"(?:which|what|any)\b.{0,15}\bfleets?\b.{0,40}\b(?:spot|on-demand)\b|\bspot\b.{0,8}\b(?:ratio|share|mix"
        r"|split|percentage|vs|versus)\b|spot\s?(?:비율|비중|퍼센트|대수|몇)|\bhow many\b|몇\s?(?:개|대)"
        r"|(?:spot|on-demand).{0,25}fleet.{0,6}(?:있|뭐|몇)|\bin total\b|총\s?(?:몇|대수)|\bheadcount"
    )),
    ("savings", (
        r"\bpays? for (?:it|them)sel|\broi\b|\bbargain|\bless\b.{0,15}\b(?:pay|spend)|줄일|덜\s?(?:쓰|내|나)"
        r"|아깝|꼭\s?on-demand"
        r"|(?:need|must|stay|keep|still|why|reason|can'?t|cannot|not|without|really)\b.{0,40}\b(?:on-demand|spot)\b"
        r"|\b(?:on-demand|spot)\b.{0,25}(?:\bnecessary|\bneeded|\bpointless|이유|굳이|꼭|왜|못|필요|안\s?되"
        r"|안\s?돼)|(?:이유|굳이|꼭|왜).{0,15}(?:spot|on-demand)"
    )),
    ("commitments", r"\bexpir|\brun(?:s|ning)? out\b|\bsavings? plans?\b|\bsp\b.{0,12}(?:left|expire|cover)|만료"),
    ("costs", (
        r"\beating\b|\bbleed|\bhefty|\bsplurg|\bprice tag|\bhow much\b|\bsteep\b|\bpocket|\bupkeep|얼마|나온"
        r"|나왔|나오는|싼|싸|저렴|유지비"
        r"|\bnumbers?\b"
    )),
    ("fleet", r"\bexplain|\bset up\b|\blaid out\b|\blooks? like\b|\bmade of\b|\bconsist|\bwalk me through|\bset to\b"),
    ("prices", r"\bgoing rate|\bon sale\b|\btrend|\bchart|추이|그래프|추세"),
    ("advice", r"\bbetter\b|\bimprov|\bgood idea|\bshould\b|더\s?(?:낫|좋)|나아|좋을까"),
    ("statement", (
        rf"\b{_PEOPLE}\b.{{0,40}}(?:\bsay\b|\btell\b|\bshow\b|\bsee\b|\bask)|(?:\bsay\b|\btell\b"
        rf"|\bshow\b).{{0,30}}\b{_PEOPLE}"
                  rf"|\b{_PEOPLE}\b.{{0,30}}\bsay\b|{_PEOPLE}.{{0,20}}(?:뭐라|말|보고|설명|보낼)"
    )),
)  # fmt: skip
_THANKING = (
    r"\bthank|\bthx\b|\bty\b|\bcheers\b|\bgood (?:job|work)|\bwell done|\bgreat\b|\bnice\b|\bawesome"
    r"|고마|고맙|감사|수고|고생(?:했|많|하셨)|최고|잘했|땡큐|굿|ㄱㅅ"
)
_GREETING = (
    r"^(?:hi|hello|hey|yo|sup|good|morning|evening|howdy|greetings)\b|안녕|하이|ㅎㅇ|반가|헬로|좋은\s?(?:아침"
    r"|저녁|하루)"
)
_DOMAIN = re.compile(
    r"\bfleets?\b|\binstances?\b|\bservers?\b|\bmachines?\b|\bnodes?\b|\bbox(?:es)?\b|\bgpus?\b|\baws\b|\bec2\b"
    r"|spot|on-demand"
    r"|\bjobs?\b|\bworkloads?\b|\bcloud\b|\binfra|\baccount\b|\bprod(?:uction)?\b|\bour\b|서버|인스턴스|머신"
    r"|노드|장비|클러스터|인프라|계정|클라우드"
    r"|작업|운영|우리",
    re.ASCII,
)
NOTHING_SAID: frozenset[Intent] = frozenset(["fleet", "fleets", "overview", "glossary", "help", "thanks"])
"""intents that a question has by naming things, and that say little about what it wants"""
_COMPILED_FRAMES = tuple((name, re.compile(pattern, re.ASCII)) for name, pattern in _FRAMES)
_COMPILED_HINTS = tuple((name, re.compile(pattern, re.ASCII)) for name, pattern in _HINTS)


def framed(text: str) -> Intent | None:
    """What the frame of a normal text asks for, whatever its single words point at; None = no such frame."""
    return next((name for name, pattern in _COMPILED_FRAMES if pattern.search(text)), None)


def hinted(text: str, wanted: Collection[Intent]) -> tuple[Intent, ...]:
    """What everyday words point at in a normal text whose other words said nothing; at most one, the most telling."""
    if not set(wanted) <= NOTHING_SAID:
        return ()
    if _is_courtesy(text):
        return ("thanks",)
    return tuple(name for name, pattern in _COMPILED_HINTS if pattern.search(text))[:1]


def about_the_account(text: str) -> bool:
    """Whether a text that was not understood at least speaks of what this account runs."""
    return _DOMAIN.search(text) is not None


def _is_courtesy(text: str) -> bool:
    count = len(text.split())
    if "?" in text:
        return False
    return (count <= 6 and re.search(_THANKING, text, re.ASCII) is not None) or (
        count <= 4 and re.search(_GREETING, text, re.ASCII) is not None
    )
