"""Which things a question wants: patterns over normal text, English and Korean side by side, several at once."""

import re
from typing import Literal

from agent.models.planner.entities import Entities

Mood = Literal["ask", "what-if", "request"]
Intent = Literal[
    "costs", "savings", "commitments", "prices", "risk", "checkpoints", "audit", "audit-check", "fleets", "fleet",
    "overview", "help", "thanks", "max-price", "interval", "autonomy", "policy", "advice", "capacity", "change",
    "restore", "rollback", "replace", "unsupported", "glossary", "confirm", "decline", "statement", "cluster",
    "secret", "setup",
]  # fmt: skip

_MAKE_SAFE = (
    r"\b(?:make|keep|get)\b.{0,60}\b(?:safe|safer|resilient|robust|reliable|stable|sturdy"
    r"|bullet-?proof|more available)\b"
    r"|\b(?:protect|harden|secure|safeguard|diversif\w*|de-?risk)\b|\bspread\b.{0,40}\b(?:pools?"
    r"|types?|zones?|az|out|across)"
    r"|\bneeds? to be\b.{0,30}\b(?:safer?|resilient|robust|reliable|stable)\b"
    r"|\b(?:reduce|lower|cut|minimi[sz]e|fix)\b.{0,30}\b(?:risk|interruptions?|concentration)"
    r"|\bstop\b.{0,20}\b(?:losing|getting)"
    r"|안전하게|안정적으로|튼튼하게|분산|다양화|다변화|보호해|(?:위험|중단|리스크)\S*\s?(?:을|를"
    r"|이)?\s?(?:줄여|낮춰|막아|줄이|낮추)"
)
_CHANGE_VERB = (
    r"(?:set|change|make|switch|move|migrate|scale|resize|raise|increase|bump|lower|reduce|decrease"
    r"|drop|cut|shrink|grow|"
    r"expand|put|turn|adjust|update|use|add|remove|diversify|spread|protect|harden|secure|apply"
    r"|convert|take|bring|have|"
    r"keep|guarantee|double|halve|run|get|fix|stop|de-?risk|enable|go|give|modify|edit|configure|swap|roll|undo|revert|"
    r"restore|replace|recover|resume|rebalance|allow|exclude|include)"
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
    r"|돌려놔|되돌려|써|사용해|갈아|고쳐|해)"
)
_ASKED_KO = (
    rf"{_KO_STEM}\s?(?:줘|주세요|주십시오|줄래|줄 ?수 ?있|주라|주길|주시|라\b|자\b|놔|두|주면 좋|요\b|$|[.!~,])"
    r"|(?:변경|설정|적용|조정|전환|분산|다양화|증설|축소|교체|복원|복구|확장|추가|제거)\s?(?:부탁"
    r"|바람|바랍|요망|요청|진행|필요|해주|해 주|$|[.!])"
    r"|부탁(?:해|드)|(?:으로|로) (?:가자|하자|해줘|해 줘|해주세요|해라|해)"
)
_TELL_KO = (
    r"(?:알려|보여|설명해|말해|계산해|비교해|추천해|찾아|확인해|분석해|요약해|써|적어|조회해|점검해"
    r"|체크해|봐|제안해|조언해|답해|가르쳐|정리해|작성해|예측해|평가해)"
    r"\s?(?:줘|주세요|주십시오|줄래|주라|달라|줄 ?수|주시|라\b|자\b|봐)"
)
_WHAT_IF = (
    r"\bwhat(?:'s| is| would| will)? (?:happens?|be the (?:effect|impact|cost)|change|it cost)"
    r"|\bwhat if\b|\bif (?:i|we|you|it)\b|\bwould\b"
    r"|\b(?:should|could|can|may) (?:i|we|it)\b|\bhow (?:can|do|could|should|would|much|many|about)\b"
    r"|\bis it (?:ok|okay|safe|wise|worth|possible|better|a good)"
    r"|\bworth\b|\bsimulat|\bpreview\b|\bhypothetical|\bsuppose\b|\bassum|\bestimate\b"
    r"|\bdry[ -]?run\b|\bimpact of\b|\beffect of\b|\bcompare\b"
    r"|[가-힣]면(?=[\s,?.]|$)|어때|어떨까|어떤가|될까|되나|되는지|괜찮|해도\s?(?:돼|될|되)|얼마"
    r"|위험해|어떻게\s?(?:돼|되|변|달라)|만약|가정|미리\s?보|시뮬|"
    r"예상|할까|나을까|좋을까|필요할까|가능할까|까요?\?|해야\s?(?:해|하|돼|될|되)|시\s?(?:절감|비용|위험|영향)|영향"
)
_NO_CHANGE = (
    r"\b(?:don'?t|do not|without|never|not)\s+(?:actually\s+)?(?:chang|touch|apply"
    r"|do(?:ing)? anything|mak(?:e|ing) (?:any )?change|propos|execut)"
    r"|\bjust (?:show|tell|look|asking|curious)|\bonly (?:show|tell|preview)|\bread[ -]?only\b"
    r"|바꾸지\s?(?:말|마)|변경(?:은|하지)?\s?(?:하지\s?)?(?:말|마)"
    r"|(?:적용|실행|제안)하지\s?(?:말|마)|건드리지|보기만|말고\s?(?:보여|알려|설명)"
)
_PAST = (
    r"^(?:so |and |but |ok )?(?:why|who|when|what)\b(?! (?:did|does|do) (?:it|that|they"
    r"|\S+) cost).{0,30}\b(?:did|have|has|was|were|made|chang|scal|approv|den|decid|replac|restor"
    r"|happened)"
    r"|^(?:did|have|has|was|were) (?:you|we|the agent|spotwarden|anyone|anybody|someone|somebody|there|any)\b"
    r"|(?:왜|누가|언제|뭐가|무엇이|무슨).{0,40}(?:했|였|꿨|렸|췄|됐|갔|왔|났|었|섰|은\s?거|한\s?거"
    r"|된\s?거)|(?:했|바꿨|줄였|늘렸|올렸|내렸|낮췄"
    r"|변경됐|바뀌었)(?:어|나|니|지|는지|습니까|었|던|을까)"
)

_PATTERNS: tuple[tuple[Intent, str], ...] = (
    ("max-price", (r"max(?:imum)?[\s-]*(?:spot[\s-]*)?price|(?:spot )?price (?:cap|ceiling|limit)|\bbid(?:ding|s)?\b"
                  r"|\bcap\b.{0,20}\bprice|최대\s?가격|최고\s?가격|상한가|가격\s?(?:상한|제한)|입찰")),
    ("interval", (r"checkpoint.{0,60}(?:every|how often|interval|frequen|cadence|period|마다|간격|주기|자주|빈도)"
                  r"|(?:every"
                 r"|how often|interval|frequen|cadence|마다|간격|주기|자주).{0,60}checkpoint|\byoung\b.{0,10}\bdaly\b"
                 r"|\bdaly\b")),
    ("audit-check", (r"(?:audit|\blog\b|journal|chain|hash|감사|로그|기록).{0,40}(?:\bok\b|okay|valid|verif|intact"
                     r"|tamper"
                    r"|trust|integrity|complete|broken|good|sound|forg|무결|검증|정상|괜찮|멀쩡|변조|위조|조작|온전"
                    r"|이상|믿|신뢰|깨)"
                    r"|(?:verify|tamper|integrity|prove|검증|변조|조작).{0,40}(?:audit|\blog\b|journal|chain|감사"
                    r"|로그|기록)")),
    ("audit", (r"what (?:has |have )?(?:happened|changed|went on|was done|did (?:you|we)\b)"
              r"|\bhistory of (?:changes|actions)|\baudit|\blogs?\b|\bwho (?:approved|changed|did|made|denied"
              r"|touched|scaled|restored|asked)|\bwhy (?:did|was|were|has|have)\b|\bdid (?:you|we|anyone"
              r"|anybody|someone)\b|have you (?:done|changed|made|touched)|\b(?:approvals?|denials?|denied"
              r"|approved)\b|(?:recent|past|latest|last|pending) (?:changes?|actions?|activity|decisions?"
              r"|approvals?|proposals?|interruptions?|events?)|what did (?:you|we|the \w+|spotwarden"
              r"|anyone)\b.{0,20}\b(?:do|change|touch)|\b(?:has|have|was|were|did"
              r"|been)\b.{0,40}\b(?:interrupted|reclaimed|terminated|replaced|evicted|preempted)\b|\bactivity\b"
              r"|\btimeline\b|\bincidents?\b|무슨\s?일|어젯밤|지난\s?밤|간밤|누가|왜.{0,40}(?:했|꿨|줄였|늘렸"
              r"|렸|췄|됐|껐)|감사|기록|로그|이력"
              r"|승인|변경\s?내역|뭐\s?했|무엇을\s?했|한\s?일|있었|중단된|사건|타임라인|거절된|거부된")),
    ("checkpoints", (r"checkpoint|\bsnapshots?\b|resume (?:point|from)|how much (?:work|progress|training)|(?:work"
                    r"|progress|training|hours).{0,25}\b(?:lost|lose|losing)|\bwhat\b.{0,20}\b(?:lost|lose)\b"
                    r"|\b(?:lost|lose|losing)\b.{0,25}(?:work"
                    r"|progress|training)|\bcan\b.{0,20}\b(?:resume|recover)\b|\bfinish|\bprogress\b|진행(?:됐|률"
                    r"|\s?상황|도)|끝나|recovery point|\brpo\b|복구\s?지점"
                    r"|저장\s?(?:지점|시점)|(?:작업|진행|학습).{0,15}(?:잃|유실|날아|손실|날리)|얼마나.{0,10}(?:잃"
                    r"|유실|날아|날리)|마지막\s?저장")),
    ("commitments", (r"savings-plan|\breserved instances?\b|\bris?\b(?=.{0,20}(?:cover|utili|use))|commitments?\b"
                    r"|\bcoverage\b|utili[sz]ation|약정|예약\s?인스턴스|커버리지|사용률")),
    ("savings", (r"\bsav(?:e|ed|es|ing|ings)\b|\bcheaper\b|(?:cut|reduce|lower|trim|shrink"
                r"|bring down).{0,25}(?:cost|spend|bill)|optimi[sz]e|\bwast(?:e|ed|ing|eful)\b|opportunit"
                r"|\bpotential\b|overpay|too much|good deal|\bpays? off|(?<!how )\bworth (?:it|running|using)"
                r"|not on spot|n't .{0,20}on spot|이득|손해|절감|절약|아끼|아낄|아꼈|낭비|더\s?싸게|싸게"
                r"|줄일\s?수|최적화(?!로)")),
    ("costs", (r"\bcost(?:s|ing|ly)?\b|\bspend(?:ing|s)?\b|\bspent\b|\bmoney\b|\bbill(?:s|ing|ed)?\b|expens"
              r"|\bburns?\b|\bcheap\b|\bcash\b|\bdollars?\b|\bbudget|\binvoice|\bburn\b|\bpay(?:ing|s)?\b|\$|비용"
              r"|돈(?!은\s?안)|지출|요금|청구|금액|예산|얼마(?:나|를)?\s?(?:써|쓰|쓴|나가|들|내|야|인|예요"
              r"|에요)|비싸|비싼|finops")),
    ("prices", (r"\bpric(?:e|es|ed|ey|ing)\b|\bcheapest\b|\bper hour\b|\bhourly\b|spot market|volatil"
               r"|\brates?\b(?! limit)|시세|가격|단가|시간당|가장\s?싼|제일\s?싼|저렴|변동")),
    ("risk", (r"\brisk|interrupt|reclaim|evict|pre-?empt|\bsafe|\bstab(?:le|ility)\b|reliab|\blikel|\bdanger"
             r"|\bfragile|\bprobab|\bchances?\b|single point|concentrat|\bexpos|\bodds\b|\bvulnerab|taken away"
             r"|\btrust\b|\bsurviv|keeps? (?:dying|losing)|we (?:keep )?los(?:e|ing)|go(?:ing)? down|위험|중단|회수"
             r"|안전|안정|뺏|끊|선점|리스크|인터럽|죽|집중|쏠|취약|확률|가능성|불안")),
    ("capacity", (r"insufficient|can'?t (?:get|launch|find)|cannot (?:get|launch)|unable to (?:get|launch)"
                 r"|no (?:spot )?capacity|\bice\b|(?:out of|short of|lack of) capacity|not launching"
                 r"|fails? to launch|안\s?(?:잡|떠|뜨|구해)|못\s?(?:잡|띄|구)|용량\s?부족|부족(?:해|하)")),
    ("autonomy", (r"\bautonom|auto-?pilot|\bunattended|\bon (?:its|your|their) own\b|\bby (?:itself|yourself)\b"
                 r"|(?:run|leave|let|act|work|handle|manage)\b.{0,30}\b(?:alone|automatic|overnight|unsupervised)"
                 r"|without (?:asking|approv|me\b|a human|human)|while (?:i|we)(?:'m| am| are)? (?:sleep|away"
                 r"|asleep)|\bfull control|자율|자동으로|알아서|혼자|무인|승인\s?없이|(?:묻"
                 r"|물어)[가-힣]*\s?(?:말고|지\s?말|않고)|맡겨|맡길"
                 r"|자동\s?모드|자동화")),
    ("policy", (r"\bpolic(?:y|ies)\b|\bguard-?rails?\b|\brules?\b|what (?:are you|is it) allowed|kill[ -]?switch"
               r"|\bpermissions?\b|정책|규칙|한도|권한|허용|킬\s?스위치|가드레일|제한\s?사항")),
    ("statement", (r"(?:write|draft|compose|prepare).{0,40}(?:statement|report|sentence|summary|note|email|paragraph"
                  r"|message)|for (?:the )?(?:finance|cfo|management)|보고\s?(?:문|서)|문장|재무팀|경영진|메일")),
    ("cluster", (r"\bray\b|\bk8s\b|kubernetes|\bkarpenter\b|\bterraform\b|\bcloudformation\b|\.ya?ml\b"
                r"|쿠버네티스|테라폼")),
    ("advice", (r"what (?:should|can|could|would you|do you|to) (?:i|we|you|do|change|suggest|recommend|improve"
               r"|fix)|recommend|\bsuggest|\badvi[cs]e|\bhow (?:can|do|could|should|would) (?:i|we|you|one)\b"
               r"|\bway(?:s)? to\b|\bnext step|\bideas?\b|\bwhat(?:'s| is) wrong|\bfix\b|any (?:issue|problem"
               r"|concern)|alternatives?\b|추천|제안|권장|어떻게\s?(?:하|해|줄|막|개선)|방법|뭘\s?(?:바꿔|해야"
               r"|고쳐|하면)|무엇을\s?(?:바꿔|해야"
               r"|고쳐)|뭐부터|개선|조언|대안|해결|문제(?:가|는|점)?\s?(?:있|뭐|없)?")),
    ("overview", (r"how (?:are|r) (?:we|things)|how(?:'s| is| are) (?:it|everything|spot|things|our|the|we|all)\b"
                 r"|\boverview|\bsummar(?:y|i[sz]e)|\bdashboard|\bhealth\b|\bstate of\b|\bstatus\b|\breport\b"
                 r"|brief me|catch me up|what(?:'s| is) (?:up|going on|new|happening)|big picture|bird'?s"
                 r"|everything (?:ok|okay|fine|good)|현황|요약|상황|전반|개요|어떻게\s?(?:되|돼|돌아|지내)"
                 r"|잘\s?(?:되|돼|하고|돌)|요즘|브리핑|정리"
                 r"|상태|어때")),
    ("fleets", (r"\bfleets\b|\ball (?:the |our |my )?(?:fleets?|groups?|instances)|\b(?:which|what|list|show"
               r"|every|each|any|many) (?:me )?(?:all )?(?:the |our |my |of our )?(?:spot )?(?:fleets?|groups?"
               r"|clusters?|workloads?)|\binventory|what(?:'s| is| are| do)? (?:we |you |i )?(?:running|run|have"
               r"|own|manage)|how many (?:instances|machines|servers|nodes|spot|fleets?)|\blist\b|(?:percent"
               r"|percentage|share|ratio|portion|how (?:much|many)) (?:of )?.{0,30}\b(?:on |is |are )?(?:spot"
               r"|on-demand)\b|목록|리스트|인벤토리|뭐가\s?돌|뭐\s?돌|뭘\s?(?:돌|운영)|무엇을\s?운영"
               r"|어떤\s?(?:fleet|그룹|워크로드)"
               r"|전체\s?(?:fleet|인스턴스)|fleet(?:들|이|은|을)?\s?(?:뭐|몇|전부|모두|보여|알려|목록|있)"
               r"|인스턴스.{0,10}몇|몇\s?대")),
    ("fleet", (r"\bdescribe\b|\bdetails?\b|tell me (?:more )?about|\bconfig|\bsettings?\b|\bpurchase mix|\bmix\b"
              r"|\bpools?\b|which (?:instance )?types|instance types|\bzones?\b|\bcapacity\b|\bbase\b"
              r"|\ballocation|\bstrategy\b|look at|\bshow\b|\binspect\b|\btags?\b|상세|설명|구성|설정|정보"
              r"|보여|전략|몇\s?대|타입"
              r"|유형|태그|풀\b|살펴")),
    ("setup", (r"\b(?:connect|set[- ]?up|get(?:ting)? started|install|onboard|configure"
              r"|point)\b.{0,40}(?:account|aws|profile|you\b|spotwarden|model|llm|openai)|real account"
              r"|read-only (?:role|access|permission)|(?:which|what) (?:iam|permissions)|연결(?:해|하|방법)|설치"
              r"|실제\s?계정|시작하려면")),
    ("help", (r"^help\b|\bhelp\b(?! me (?:make|set|change|save|reduce|diversif|cut|understand))|what (?:can"
             r"|could) you|what (?:do|are) you(?: able)?\b(?! recommend| suggest| think)|who are you|how (?:do"
             r"|can) i use|\bcapabilit|\bcommands?\b|\bfeatures?\b|are you (?:an? )?(?:ai|llm|bot|gpt|human"
             r"|model|chatgpt|claude)|which model|도움|뭐\s?(?:할|해줄)\s?수|무엇을\s?할|할\s?(?:수"
             r"|줄)\s?(?:있는|아는)|누구(?:야|니"
             r"|세요|냐)|넌\s?뭐|사용법|어떻게\s?(?:써|사용)|기능|명령어|무슨\s?모델|(?:^|\s)ai(?:야|니|인가)")),
    ("thanks", (r"^(?:thanks?|thank you|thx|cheers|great|perfect|nice|cool|hi|hello|hey|good (?:morning|evening"
               r"|afternoon))\b[\s!.,]*(?:so much|a lot|you|there|spotwarden)?[\s!.]*$|^(?:고마워|감사합니다"
               r"|감사해|고맙|안녕"
               r"|하이|좋아|수고)[가-힣]*[\s!.~]*$")),
    ("secret", (r"(?:api|secret|access)[\s_-]*keys?|\bpasswords?\b|\bcredentials?\b|system prompt"
               r"|your (?:instructions|prompt)|비밀번호|시크릿|자격\s?증명|액세스\s?키|프롬프트")),
)  # fmt: skip
_COMPILED = tuple((name, re.compile(pattern, re.ASCII)) for name, pattern in _PATTERNS)  # Hangul hangs on English words

_RESTORE = (
    r"\brestor(?:e|ing)\b|\bresum(?:e|ing)\b.{0,40}(?:checkpoint|last|from)|\brecover\b"
    r"|(?:roll|go|revert).{0,12}back.{0,20}checkpoint|load .{0,15}checkpoint|복원"
    r"|복구(?!까지|에|\s?시간|\s?지점|된)|되살|재개|checkpoint.{0,15}(?:이어서|되돌|부터\s?(?:다시|시작))"
)
_ROLLBACK = (
    r"\broll(?:ing)?[\s-]?back|\bundo\b|\brevert|put (?:it|that|things) back|change it back"
    r"|되돌려|되돌리|롤백|원래대로|원복|undo"
)
_REPLACE = (
    r"\breplac(?:e|ing)\b|\bswap(?: out)?\b|\brecycle\b|\bdetach\b|\bdrain\b|\brotate\b"
    r"|get rid of|교체|갈아|바꿔|바꾸|빼|분리|드레인"
)
_UNSUPPORTED = (
    r"\b(?:delete|terminate|kill|destroy|nuke|wipe|tear down|shut ?down|power off"
    r"|stop(?! wast| los| pay| get| us))\b.{0,40}\b(?:fleet|instances?|group|asg|everything|all|it"
    r"|i-[0-9a-f]+|[a-z]+-[a-z]+)\b"
    r"|\b(?:create|launch|provision|spin up|start)\b.{0,20}\b(?:a |an )?(?:new|another)\b|\b(?:buy"
    r"|purchase|sign up for)\b.{0,40}(?:savings-plan|reserved|commitment|instances?|\bris?\b)"
    r"|^(?:please )?(?:interrupt|preempt|fail|crash)\b (?:one|a|an|the|some|any|i-)|\b(?:trigger"
    r"|inject|simulate|force|cause)\b.{0,20}interruption|\bfis\b|chaos"
    r"|삭제|지워|없애|종료(?:시켜|해|하)|꺼\s?줘|(?:새|신규)\s?(?:fleet|인스턴스|그룹).{0,8}(?:만들"
    r"|생성|띄)|(?:savings-plan|약정"
    r"|예약).{0,10}(?:사\s?줘|구매|사자|구입)|중단시켜|강제로\s?중단|iam.{0,20}(?:바꿔|추가|변경)"
)
_SURE = re.compile(
    r"^(?:yes|yep|yeah|yup|sure|ok(?:ay)?|do it|go ahead|go for it|apply(?: it| that)?|proceed"
    r"|please do|make it so|sounds good|let'?s do (?:it|that)|approve(?: it)?|confirm(?:ed)?"
    r"|응|네|예|그래|좋아|오케이|ㅇㅇ|ㅇㅋ|어|해\s?줘|그렇게\s?해\s?(?:줘|주세요)?|진행(?:해)?(?:줘"
    r"|주세요)?|적용해?\s?(?:줘|주세요)?|부탁해요?)"
    r"(?:[\s,.!~]*(?:please|then|now|do it|go ahead|apply it|apply that|그렇게|진행|적용|해|해줘"
    r"|해\s?줘|해주세요|부탁해"
    r"|제안해줘|propose it))*[\s.!~]*$"
)
_NOPE = re.compile(r"^(?:no|nope|nah|cancel|stop|never ?mind|don'?t|not now|forget it"
                   r"|아니(?:요|오|야)?|됐어"
                   r"|취소(?:해)?(?:줘)?"
                   r"|하지\s?마|그만|ㄴㄴ|괜찮아|안\s?할래)[\s.!~,]*(?:thanks|thank you|고마워"
    r"|do it)?[\s.!~]*$")  # fmt: skip

_TERMS = (
    r"price-capacity|capacity-optimi|lowest-price|\bspot (?:instance|price|fleet)s?\b"
    r"|rebalance|interruption notice|on-demand base|base capacity|allocation strateg"
    r"|savings-plan|capacity pool|\besr\b|effective savings|effective cost|list (?:price|cost|basis)"
    r"|mixed instances|placement score|checkpoint$|\bpools?\b|\bspot\b|\bnotice\b"
    r"|유효\s?비용|할당\s?전략|재조정|중단\s?알림"
)
_DEFINE = (
    r"what happens (?:when|if) (?:a|an|the|spot|one|ec2)\b|되면\s?어떻게|^(?:so |and |ok )?(?:what(?:'s"
    r"| is| are| does| do)|explain|define|tell me what|difference between"
    r"|what's the difference)\b(?! (?:the |our |my )?(?:current|total|cost|price|risk of|situation|status"
    r"|cheapest|going|up\b|new\b|happening))"
    r"|뭐야|뭔가요|무엇인가|무슨\s?(?:뜻|의미)|뜻이|의미가|(?:이란|란)\s?(?:뭐|무엇)?|차이(?:가|점)?"
)


def _has(pattern: str, text: str) -> bool:
    """Word borders are ASCII: Korean particles hang on English words."""
    return re.search(pattern, text, re.ASCII) is not None


def mood(text: str, found: Entities) -> Mood:  # noqa: PLR0911 - one return a case
    """Whether somebody asks for a change, wonders about one, or only asks. Doubt never becomes a request."""
    if _has(_NO_CHANGE, text):
        return "what-if"
    if _has(_PAST, text):
        return "ask"
    tells = _has(_TELL_KO, text)
    asked_ko = re.search(_ASKED_KO, re.sub(_TELL_KO, " ", text))
    if asked_ko and not (tells and _has(_WHAT_IF, text)):
        wonders = re.search(r"\?|까\b|까요|나요|을까|는지|얼마|어때|하면\s|되면\s", text[asked_ko.start() :])
        if not wonders or _has(r"줄래|줄\s?수\s?있|주시겠|주실", text):
            return "request"
    hypothetical = re.sub(
        r"\b(?:can|could|would|will) you\b(?! (?:recommend|suggest|tell|show|explain))|\bif (?:you can"
        r"|possible)\b|would like|가능하면|괜찮으면|되도록이면",
        " please ",
        text,
    )
    if _has(_WHAT_IF, hypothetical):
        return "what-if"
    if _has(_ASKED_EN, hypothetical):
        return "request"
    wish = r"\b(?:i|we)(?:'d| would)? (?:want|need|like)\b|\bneeds? to be\b|\bdo something\b|\btake care of\b"
    if _has(wish, text) and "?" not in text:
        return "request"
    if _has(r"→", text) and found.change.says_something and "?" not in text:
        return "request"
    return "ask"


def intents(text: str, found: Entities, *, names_fleet: bool) -> tuple[Intent, ...]:
    """What a normal text wants, most telling first; empty when nothing was understood."""
    if _SURE.match(text):
        return ("confirm",)
    if _NOPE.match(text) or (not names_fleet and _has(r"제안.{0,8}취소", text)):
        return ("decline",)
    wanted = [name for name, pattern in _COMPILED if pattern.search(text)]
    now = _has(
        (
            r"\bprices\b|doing|\bnow\b|today|current|cheap|\bour\b|\bwe\b|\bmy\b|covered|\bused\b|percent"
            r"|우리|지금|현재|오늘"
        ),
        text,
    )
    if _has(_DEFINE, text) and _has(_TERMS, text) and not (names_fleet or found.types or now):
        return ("glossary",)
    if acts := _acts(text, found, wanted):
        return acts
    return _settled(found, wanted, names_fleet=names_fleet)


def _acts(  # noqa: PLR0911 - one return a case
    text: str, found: Entities, wanted: list[Intent]
) -> tuple[Intent, ...]:
    """The intents that are about doing something."""
    feeling = mood(text, found)
    past = _has(_PAST, text)
    if "max-price" in wanted:
        return ("max-price",)
    if "autonomy" in wanted and not past:
        return ("autonomy",)
    if past:
        return ()
    if found.instance_ids and _has(_REPLACE, text):
        return ("replace",)
    if _has(_ROLLBACK, text) and "checkpoint" not in text:
        return ("rollback",)
    if _has(_RESTORE, text) and (
        feeling == "request"
        or re.search(
            rf"(?:^|[,.;:]\s*|please\s|you\s|and\s|then\s|now\s|to\s)(?:{_RESTORE})|(?:복원|복구|되살|재개)", text
        )
    ):
        return ("restore",)
    if _has(_UNSUPPORTED, text) and not found.change.says_something and not _has(_MAKE_SAFE, text):
        return ("unsupported",)
    moves = found.change.says_something or _has(_MAKE_SAFE, text)
    if moves and feeling != "ask" and "interval" not in wanted:
        return ("change", *(("risk",) if feeling == "what-if" and _has(r"risk|위험|리스크", text) else ()))
    about = set(wanted) <= {"fleet", "fleets", "overview"} and not _has(
        r"^(?:is|are|does|do|has|have|what|which|how)\b|인가|이야|인지", text
    )
    if found.change.says_something and found.change.types_word is None and about:
        return ("change",)
    return ()


def _settled(found: Entities, wanted: list[Intent], *, names_fleet: bool) -> tuple[Intent, ...]:
    """Drop the intents that another one explains."""
    got = set(wanted)
    for winner, losers in _EXPLAINS:
        if winner in got:
            got -= losers
    got = _about_money(got, found, names_fleet=names_fleet)
    if names_fleet:
        got -= {"fleets"} if got - {"fleets"} else set()
        if got & {"overview", "fleets"} and not got & {"savings", "costs"}:
            got = (got - {"overview", "fleets"}) | {"fleet"}
    elif "fleet" in got and found.types and not got - {"fleet"}:
        got = {"prices"}
    elif "fleet" in got:
        got = (got - {"fleet"}) | (set() if got - {"fleet"} else {"fleets"})
    return tuple(name for name, _ in _COMPILED if name in got)


def _about_money(got: set[Intent], found: Entities, *, names_fleet: bool) -> set[Intent]:
    """Costs, savings and prices told apart by what was named."""
    if found.types and not names_fleet and "costs" in got:  # what a type costs is a price
        got = (got - {"costs"}) | {"prices"}
    if found.types and not names_fleet and "savings" in got:  # a cheaper type than this one
        got = (got - {"savings"}) | {"prices"}
    if names_fleet and "costs" in got and found.window_hours is not None and found.window_hours > 24:
        got |= {"prices"}
    if "prices" in got and not names_fleet and not found.types and got & {"costs", "savings"}:
        got -= {"prices"}
    return got


_EXPLAINS: tuple[tuple[Intent, set[Intent]], ...] = (
    ("setup", {"help", "advice", "policy", "fleet", "fleets", "overview"}),
    ("secret", {"setup", "fleet", "fleets", "help", "policy", "audit", "advice", "overview"}),
    ("cluster", {"fleets", "fleet", "advice", "overview", "statement", "help"}),
    ("statement", {"savings", "costs", "overview", "fleet", "fleets", "help"}),
    ("interval", {"checkpoints", "savings", "risk", "costs", "advice", "overview", "fleet", "audit", "help"}),
    ("audit-check", {"audit", "fleet", "overview", "fleets", "risk", "advice", "policy", "checkpoints"}),
    ("capacity", {"advice", "risk", "fleet", "fleets", "prices", "overview", "audit", "help"}),
    ("audit", {"fleet", "fleets", "overview", "risk", "advice", "policy", "help"}),
    ("checkpoints", {"fleet", "risk", "savings", "overview", "fleets", "advice"}),
    ("policy", {"overview", "fleet", "fleets", "help", "costs", "advice"}),
    ("savings", {"costs", "fleet", "advice", "overview", "fleets"}),
    ("commitments", {"fleet", "savings", "costs", "overview", "fleets"}),
    ("advice", {"fleet", "fleets", "overview", "help", "risk"}),
    ("costs", {"fleet", "fleets", "overview"}),
    ("prices", {"fleet", "fleets", "overview"}),
    ("risk", {"fleet", "fleets", "overview"}),
    ("overview", {"fleets"}),
    ("help", {"overview", "fleet"}),
    ("thanks", {"overview"}),
)


def make_safe(text: str) -> bool:
    """Whether a fleet is to be made safer without saying how: then diversifying it is the proposal."""
    return _has(_MAKE_SAFE, text)
