"""Whether somebody asks for a change, wonders about one, or only asks. Doubt never becomes a request."""

import re
from typing import Literal

from agent.models.planner.entities import Entities

Mood = Literal["ask", "what-if", "request"]

MAKE_SAFE = (
    r"\b(?:make|keep|get)\b.{0,60}\b(?:safe|safer|resilient|robust|reliable|stable|sturdy"
    r"|bullet-?proof|more available)\b"
    r"|\b(?:protect|harden|secure|safeguard|diversif\w*|de-?risk)\b|\bspread\b.{0,40}\b(?:pools?"
    r"|types?|zones?|az|out|across)"
    r"|\bneeds? to be\b.{0,30}\b(?:safer?|resilient|robust|reliable|stable)\b"
    r"|\b(?:reduce|lower|cut|minimi[sz]e|fix)\b.{0,30}\b(?:risk|interruptions?|concentration)"
    r"|\bstop\b.{0,20}\b(?:losing|getting|from being|from dying)|\b(?:add(?:ing)?|more"
    r"|use)\b (?:more )?(?:instance )?types\b"
    r"|타입\S{0,2}\s?(?:더\s?)?(?:추가|늘)"
    r"|안전하게|안정적으로|튼튼하게|분산|다양화|다변화|보호해|(?:위험|중단|리스크)\S*\s?(?:을|를"
    r"|이)?\s?(?:줄여|낮춰|막아|줄이|낮추)"
)
_CHANGE_VERB = (
    r"(?:set|change|make|switch|move|migrate|scale|resize|raise|increase|bump|lower|reduce|decrease"
    r"|drop|cut|shrink|grow|"
    r"expand|put|turn|adjust|update|use|add|remove|diversify|spread|protect|harden|secure|apply"
    r"|convert|take|bring|have|"
    r"keep|guarantee|double|halve|run|get|fix|stop|de-?risk|enable|go|give|modify|edit|configure|swap|roll|undo|revert|"
    r"start|begin|terminate|kill|destroy|hibernate|unprotect|cancel|abort|refresh|"
    r"trim|pare|crank|dial|nudge|ramp|boost|slim|knock|restore|replace|recover|resume|rebalance|allow|exclude|include)"
)
_ASKED_EN = (
    rf"(?:^|[.,;:!?—-]\s*|\b(?:please|pls|plz|and|then|now|just|also|so|ok|okay|let'?s|go ahead and|"
    r"(?:can|could|would|will) you|want you to|like you to|need you to|i want(?: to)?"
    r"|i'?d like(?: to)?|we (?:need|want) to|"
    rf"i need(?: to)?|help me|kindly|[\w.-]+,)\s+){_CHANGE_VERB}\b"
)
_KO_STEM = (
    r"(?:바꿔|바꾸|올려|올리|낮춰|낮추|내려|내리|늘려|늘리|줄여|줄이|설정해|설정하|옮겨|옮기|변경해"
    r"|변경하|조정해|조정하|적용해|적용하|"
    r"전환해|전환하|맞춰|맞추|분산해|분산시켜|분산하|다양화해|다양화하|다변화해|만들어|추가해"
    r"|추가하|제거해|제거하|빼|넣어|키워|축소해|확장해|"
    r"증설해|스케일해|스케일 ?(?:업|다운|아웃|인)?해|보호해|막아|세팅해|지정해|복구해|복원해|교체해"
    r"|돌려놔|되돌려|돌려|써|사용해|갈아|고쳐|종료해|정지해|멈춰|꺼|켜|시작해|취소해|해)"
)
_ASKED_KO = (
    rf"{_KO_STEM}\s?(?:줘|주세요|주십시오|줄래|줄 ?수 ?있|주라|주길|주시|주실|주겠|주삼|주심|라\b|자\b|놔|두"
    rf"|주면 좋|요\b|$|[.!~,])"
    r"|(?:변경|설정|적용|조정|전환|분산|다양화|증설|축소|교체|복원|복구|확장|추가|제거)\s?(?:부탁"
    r"|바람|바랍|요망|요청|진행|필요|해주|해 주|$|[.!])"
    r"|부탁(?:해|드)|(?:으로|로) (?:가자|하자|해줘|해 줘|해주세요|해라|해)"
)
_TELL_KO = (
    r"(?:알려|보여|설명해|말해|계산해|비교해|추천해|찾아|확인해|분석해|요약해|써|적어|조회해|점검해"
    r"|체크해|봐|제안해|조언해|답해|가르쳐|정리해|작성해|예측해|평가해)"
    r"\s?(?:줘|주세요|주십시오|줄래|주라|달라|줄 ?수|주시|라\b|자\b|봐)"
)
_STATES_KO = r"(?:위험|안전|불안|가능|이상|심각|취약|저렴|궁금)해(?!\s?(?:줘|주))"
"""«위험해» says how something is, and asks for nothing"""
_WHAT_IF = (
    r"\bwhat will\b|\bwhat(?:'s| is| would| will)? (?:happens?|be the (?:effect|impact|cost)|change|it cost)"
    r"|\bwhat if\b|\bif (?:i|we|you|it|all)\b|\bwould\b|\bshould\b|^(?:can|could|may) (?!you\b)"
    r"|\b(?:should|could|can|may) (?:i|we|it)\b|\bhow (?:can|do|could|should|would|much|many|about)\b"
    r"|\bis it (?:ok|okay|safe|wise|worth|possible|better|a good)"
    r"|\bworth\b|\bsimulat|\bpreview\b|\bhypothetical|\bsuppose\b|\bassum|\bestimate\b"
    r"|\bdry[ -]?run\b|\bimpact of\b|\beffect of\b|\bcompare\b"
    r"|[가-힣]면(?=[\s,?.]|$)|어때|어떨까|어떤가|될까|되나|되는지|괜찮|해도\s?(?:돼|될|되)|얼마"
    r"|위험해|어떻게\s?(?:돼|되|변|달라)|만약|가정|미리\s?보|시뮬|"
    r"예상|할까|나을까|좋을까|필요할까|가능할까|까요?\?|해야\s?(?:해|하|돼|될|되)|시\s?(?:절감|비용|위험|영향)|영향"
)
NO_CHANGE = (
    r"\b(?:don'?t|do not|without|never|not)\s+(?:actually\s+)?(?:chang|touch|apply"
    r"|do(?:ing)? anything|mak(?:e|ing) (?:any )?change|propos|execut)"
    r"|\b(?:don'?t|do not) do it\b|\bnot yet\b|\bjust (?:show|tell|look|asking|curious)|\bonly (?:show|tell"
    r"|preview)|\bread[ -]?only\b"
    r"|바꾸지\s?(?:말|마)|변경(?:은|하지)?\s?(?:하지\s?)?(?:말|마)"
    r"|(?:적용|실행|제안)하지\s?(?:말|마)|건드리지|보기만|말고\s?(?:보여|알려|설명)"
)
PAST = (
    r"^(?:so |and |but |ok )?(?:why|who|when|what)\b(?! if\b)(?! (?:did|does|do) (?:it|that|they"
    r"|\S+) cost).{0,30}\b(?:did|have|has|was|were|made|chang|scal|approv|den|decid|replac|restor"
    r"|happened)"
    r"|^(?:did|have|has|was|were) (?:you|we|the agent|spotwarden|anyone|anybody|someone|somebody|there|any)\b"
    r"|(?:왜|누가|언제|뭐가|무엇이|무슨).{0,40}(?:했|였|꿨|렸|췄|됐|갔|왔|났|었|섰|은\s?거|한\s?거"
    r"|된\s?거)|(?:했|바꿨|줄였|늘렸|올렸|내렸|낮췄"
    r"|변경됐|바뀌었)(?:어|나|니|지|는지|습니까|었|던|을까)"
)


_NO_VERB = (
    rf"\b(?:don'?t|do not|never)\s+(?:actually |really |please )?{_CHANGE_VERB}\b(?! me\b)"
    r"|(?:늘리|줄이|바꾸|올리|낮추|내리|옮기|건들|만지|변경하|적용하)지\s?(?:는\s?|도\s?)?(?:말|마)"
)


_HOW_KO = r"(?:어떻게|어째|뭘로|무엇으로)\s?(?:하|해|할|되|돼)(?!\S{0,4}\s?줘)"


def has(pattern: str, text: str) -> bool:
    """Word borders are ASCII: Korean particles hang on English words."""
    return re.search(pattern, text, re.ASCII) is not None


def mood(text: str, found: Entities) -> Mood:  # noqa: PLR0911 - one return a case
    """Whether somebody asks for a change, wonders about one, or only asks. Doubt never becomes a request."""
    if has(NO_CHANGE, text) or has(_NO_VERB, text):
        return "what-if"
    if has(PAST, text):
        return "ask"
    if has(_HOW_KO, text):
        return "what-if"
    tells = has(_TELL_KO, text)
    asked_ko = re.search(_ASKED_KO, re.sub(rf"{_TELL_KO}|{_STATES_KO}", " ", text))
    if asked_ko and not (tells and has(_WHAT_IF, text)):
        wonders = re.search(r"\?|까\b|까요|나요|을까|는지|얼마|어때|하면\s|되면\s", text[asked_ko.start() :])
        if not wonders or has(r"줄래|줄\s?수\s?있|주시겠|주실", text):
            return "request"
    hypothetical = re.sub(
        r"\b(?:can|could|would|will) you\b(?! (?:recommend|suggest|tell|show|explain))|\bif (?:you can"
        r"|possible)\b|would like|가능하면|괜찮으면|되도록이면",
        " please ",
        text,
    )
    if has(_WHAT_IF, hypothetical):
        return "what-if"
    if has(_ASKED_EN, hypothetical):
        return "request"
    wish = r"\b(?:i|we)(?:'d| would)? (?:want|need|like)\b|\bneeds? to be\b|\bdo something\b|\btake care of\b"
    if has(wish, text) and "?" not in text:
        return "request"
    if has(r"→", text) and found.change.says_something and "?" not in text:
        return "request"
    return "ask"


def names_diversifying(text: str) -> bool:
    """Whether spreading over pools is asked for by its name, whatever else is asked beside it."""
    return has(r"diversif|분산|다양화|다변화", text)


def make_safe(text: str) -> bool:
    """Whether a fleet is to be made safer without saying how: then diversifying it is the proposal."""
    return has(MAKE_SAFE, text)
