"""What the words of a question point at: one pattern an intent, over normal text, English and Korean side by side."""

import re
from typing import Literal

Intent = Literal[
    "costs", "savings", "commitments", "prices", "risk", "checkpoints", "audit", "audit-check", "fleets", "fleet",
    "overview", "help", "thanks", "max-price", "interval", "autonomy", "policy", "advice", "capacity", "change",
    "restore", "rollback", "replace", "unsupported", "glossary", "confirm", "decline", "statement", "cluster",
    "secret", "setup", "outage", "watch", "pending", "explain", "provenance", "identity", "halt", "utilisation",
    "offtopic", "forecast", "instances", "opportunities", "scan", "alerts", "operate",
    "jobs", "volumes", "keeping", "queues", "ray",
]  # fmt: skip

_PATTERNS: tuple[tuple[Intent, str], ...] = (
    ("max-price", (r"max(?:imum)?[\s-]*(?:spot[\s-]*)?price|(?:spot )?price (?:cap|ceiling|limit)|\bbid(?:ding|s)?\b"
                  r"|\bcap\b.{0,20}\bprice|최대\s?가격|최고\s?가격|상한가|가격\s?(?:상한|제한)|입찰")),
    ("interval", (r"\b(?:when|how) should\b.{0,15}\b(?:checkpoint|save)|\bsaving takes\b|"
                 r"checkpoint.{0,60}(?:every (?:\d|hour|min|day|half|few|couple|other)|how often|interval"
        r"|frequen|cadence"
                 r"|마다|간격|주기|자주|빈도)|(?:every (?:\d|hour|min|day|half)|how often|interval|frequen"
                 r"|cadence|마다|간격|주기"
                 r"|자주).{0,60}(?:checkpoint|\bsav(?:e|ing)\b|저장)|\byoung\b.{0,10}\bdaly\b|\bdaly\b")),
    ("outage", (r"\b(?:lose|lost|losing|without|reclaim\w*|interrupt\w*)\b.{0,15}\ball (?:of )?(?:the |our "
        r"|my )?spot|\ball (?:of )?(?:the |our |my )?"
               r"spot\b.{0,25}(?:gone|goes|reclaim|interrupt|taken|lost|die)|spot\S{0,5}\s?(?:\S{1,4}\s)?(?:다"
               r"|전부|모두|싹|전체)\s?.{0,6}(?:회수|끊|내려|종료|죽|날아|중단|뺏|사라|없)|"
               r"(?:\baz\b|\bzones?\b|data ?cent(?:er|re)|[a-z]{2}-[a-z]+-\d[a-z]\b|[a-z]{3,4}\d-az\d|\bpools?\b"
        r"|가용 ?존|(?<!조)존)"
               r".{0,45}(?:\bdies?\b|\bdown\b|\bfails?\b|outage|\bgoes\b|\bgone\b|\blost\b|disappear|unavailable"
               r"|\bdrops?\b"
               r"|\bhow many|죽|나가|날아|장애|내려가|없어지|사라|터지|빠지|고갈)"
               r"|\b(?:lose|losing|lost|without|outage|failure)\b.{0,30}(?:\baz\b|\bzones?\b"
               r"|[a-z]{2}-[a-z]+-\d[a-z]\b|largest pool"
               r"|biggest pool)|\b(?:run|running|runs|live|anything"
               r"|instances)\b.{0,25}\bin (?:[a-z]{2}-[a-z]+-\d[a-z]\b|use1-az)"
               r"|(?:[a-z]{2}-[a-z]+-\d[a-z]|[a-z]{3,4}\d-az\d)(?:에|에서)\s?.{0,20}(?:있|돌|몇|뭐)")),
    ("watch", (r"\bsurvive (?:the|until|till)\b|through the night|make it (?:to|till|until|through)\b|(?:내일"
        r"|아침|월요일)까지.{0,15}(?:괜찮|버티|안전|살)|"
              r"\b(?:leave|left|keep|trust|ignore|unattended)\b.{0,35}\b(?:tonight|overnight|over the weekend"
              r"|this weekend"
              r"|alone|as is|until (?:tomorrow|monday|morning))\b|go to (?:bed|sleep)|(?:오늘\s?밤|밤새|주말"
              r"|내일까지|자는\s?동안|퇴근)"
              r".{0,25}(?:둬|놔|내버려|괜찮|안전|맡)|그냥\s?(?:둬|놔|내버려)")),
    ("pending", (r"\bpending\b|\bwaiting\b|\bawait|\bqueue(?:d)?\b.{0,20}approv|open proposals?|대기\s?중|대기중"
        r"|기다리는|승인\s?대기"
                r"|결재\s?(?:대기|할)|승인할|^(?:please |pls |just )*approve\b|\b(?:you|just|auto) ?approve\b"
                r"|승인해\s?(?:줘|라|주)"
                r"|approve (?:it|that|them|everything|all)\b|내가.{0,10}승인")),
    ("explain", (r"\bwhy\b.{0,50}\b(?:den(?:y|ied)|reject|refus|block|not allowed|forbid|prevent"
        r"|need.{0,12}approv|have to approve"
                r"|ask(?:ed|ing)?\b.{0,15}(?:me|approv))|\bwhat\b.{0,20}\b(?:denied|blocked|rejected) (?:it|that"
                r"|me|my)\b"
                r"|\bwhich (?:clause|rule|policy)\b|왜.{0,25}(?:거부|거절|막|안\s?(?:돼|된|되)|승인(?:이"
                r"|을)?\s?(?:필요|해야|받))"
                r"|(?:거부|거절)(?:된|당한)?\s?(?:이유|사유|근거)|어떤\s?(?:조항|정책)")),
    ("provenance", (r"\b(?:prices?|numbers?|data|figures?)\b.{0,15}\b(?:real[ -]?time|live|up[ -]to[ -]date|fresh"
        r"|cached|stale)\b|실시간|믿어도|믿을\s?수|can i trust (?:this|that|you|it|these)|"
                   r"(?:where|how)\b.{0,30}\b(?:numbers?|figures?|data|prices?|values?)\b.{0,20}\b(?:come|from"
                   r"|get|got|know|calculat"
                   r"|comput|deriv)|how (?:fresh|old|recent|current|up to date|accurate"
                   r"|reliable)\b.{0,20}\b(?:data|numbers?|figures?"
                   r"|prices?|information)|\bsource of\b|(?:숫자|수치|데이터|자료|값|정보).{0,12}(?:어디|출처"
                   r"|언제|최신|신선|믿|정확|근거)"
                   r"|출처|기준\s?시각")),
    ("identity", (r"who are you|what are you\b(?! able| allowed| doing| going)|are you (?:an? )?(?:real "
        r"|actual )?(?:ai|llm|bot|robot|gpt|human|person"
                 r"|model|chatgpt|claude|language)|which (?:model|llm)|누구(?:야|니|세요|냐)"
                 r"|^(?:너|넌"
                 r"|당신)\S?\s?뭐(?:야|니|예요|에요)"
                 r"|무슨\s?모델|어떤\s?모델"
                 r"|(?:^|\s)(?:ai|gpt|챗봇|로봇|사람)(?:야|니|인가|이야|이니)")),
    ("halt", (r"kill[ -]?switch|emergency stop|^(?:please )?(?:stop|halt|freeze|pause)(?: (?:everything|all|now"
        r"|it all|all changes))?[!. ]*$"
             r"|\bstop (?:everything|all changes|you\b|the (?:agent|daemon))|\b(?:how|can) .{0,15}(?:stop|halt"
             r"|pause) (?:you|spotwarden|it all)\b"
             r"|킬\s?스위치|^(?:지금\s?|당장\s?|바로\s?|즉시\s?|다\s?|전부\s?|모두\s?)*(?:멈춰|정지|중지해|스톱"
             r"|중단해)|비상\s?정지|긴급\s?(?:정지|중지)|너를?\s?멈추")),
    ("utilisation", (r"over[ -]?provision|under[ -]?utili|right[ -]?siz|\bidle\b|\bunused\b(?! commit)|oversized"
        r"|too (?:big|large)\b"
                    r"|\bcpu\b|\bmemory\b|\bgpu util|\bload average|utili[sz]ation of (?:instances|machines|cpu"
                    r"|gpu)|(?<!ce )latency|\btraffic\b"
                    r"|안\s?쓰(?:는|이는)\s|노는\s?(?:거|것|인스|서버)|과다|과잉|유휴|놀고\s?있|사이즈가\s?(?:크"
                    r"|과)|메모리|트래픽|부하")),
    ("offtopic", (r"\bweather\b|\bpoem\b|\bjoke\b|\brecipe|\bsong\b|\bfootball|\bsoccer|\bmovie|\bnews\b"
        r"|\bstock (?:price|market)|\blunch\b|\bdinner\b"
                 r"|\btranslate\b|capital of|president of|meaning of life|\bhoroscope|bitcoin|lottery|날씨|점심"
                 r"|저녁\s?(?:뭐|메뉴)|농담|노래|영화|주식|로또|축구|야구"
                 r"|맛집|운세|번역해|시\s?(?:한\s?편|써)|비트코인|대통령")),
    ("audit-check", (r"(?:audit|\blog\b|journal|chain|hash|감사|로그|기록).{0,40}(?:\bok\b|okay|valid|verif|intact"
                     r"|tamper"
                    r"|trust|integrity|complete|broken|good|sound|forg|무결|검증|정상|괜찮|멀쩡|변조|위조|조작|온전"
                    r"|이상|믿|신뢰|깨)"
                    r"|(?:verify|tamper|integrity|prove|검증|변조|조작).{0,40}(?:audit|\blog\b|journal|chain|감사"
                    r"|로그|기록)")),
    ("audit", (r"\bchanges (?:since|made|from|over|today|yesterday|this|last|in)\b|변경\s?사항|바뀐\s?(?:거|것"
    r"|점)|\b(?:has|have|did|was|were)\b.{0,12}\b(?:any(?:one|body)|some(?:one|body))\b|\b(?:touched"
        r"|modified|edited|tampered with)\b|what (?:has |have )?(?:happened|changed|went on|was done|did (?:you|we)\b)"
              r"|\bhistory of (?:changes|actions)|\baudit|\blogs?\b|\bwho (?:approved|changed|did|made|denied"
              r"|touched|scaled|restored|asked)|\bwhy (?:did|was|were|has|have)\b|\bdid (?:you|we|anyone"
              r"|anybody|someone)\b|have you (?:done|changed|made|touched)|\b(?:approvals?|denials?|denied"
              r"|approved)\b|(?:recent|past|latest|last|pending) (?:changes?|actions?|activity|decisions?"
              r"|approvals?|proposals?|interruptions?|events?)|what did (?:you|we|the \w+|spotwarden"
              r"|anyone)\b.{0,20}\b(?:do|change|touch)|\b(?:has|have|was|were|did"
              r"|been)\b.{0,40}\b(?:interrupted|reclaimed|terminated|replaced|evicted|preempted)\b|\bactivity\b"
              r"|\btimeline\b|\bincidents?\b|무슨\s?일|어젯밤|지난\s?밤|간밤|누가|왜.{0,40}(?:했|꿨|줄였|늘렸"
              r"|렸|췄|됐|껐)|감사(?!합|해|드)|기록|로그|이력"
              r"|승인|변경\s?내역|뭐\s?했|무엇을\s?했|한\s?일|있었|중단된|사건|타임라인|거절된|거부된")),
    ("checkpoints", (r"checkpoint|\bback-?ups?\b|\brecover(?:ed|able)\b|how far (?:along|is|has|did)|백업|\bckpt"
        r"|\blast sav|\b(?:when|last)\b.{0,25}\bsaved?\b(?! (?:money|us|\$))|\bsnapshots?\b|resume (?:point|from)"
        r"|how much (?:work|progress|training)|(?:work"
                    r"|progress|training|hours).{0,25}\b(?:lost|lose|losing)|\bwhat\b.{0,20}\b(?:lost|lose)\b"
                    r"|\b(?:lost|lose|losing)\b.{0,25}(?:work"
                    r"|progress|training)|\bcan\b.{0,20}\b(?:resume|recover)\b|\bfinish(?:ed)?\b|\bprogress\b"
                    r"|저장(?:된|했|한|은)?\s?(?:언제|게|시각)|진행(?:됐|률"
                    r"|\s?상황|도)|끝나|recovery point|\brpo\b|복구\s?지점"
                    r"|저장\s?(?:지점|시점)|(?:작업|진행|학습).{0,15}(?:잃|유실|날아|손실|날리)|얼마나.{0,10}(?:잃"
                    r"|유실|날아|날리)|마지막\s?저장")),
    ("commitments", (r"savings-plan|\breserved instances?\b|\bris?\b(?=.{0,20}(?:cover|utili|use))|commitments?\b"
                    r"|\bcoverage\b|utili[sz]ation|약정|예약\s?인스턴스|커버리지|사용률")),
    ("savings", (r"\bwhy\b.{0,30}\bon-demand\b|spot\s?(?:을|를|은|으로)?\s?안\s|왜.{0,20}on-demand|\bsav(?:e|ed"
        r"|es|ing|ings)\b|\bcheaper\b|(?:cut|reduce|lower|trim|shrink"
                r"|bring down).{0,25}(?:cost|spend|bill)|optimi[sz]e|\bwast(?:e|ed|ing|eful)\b|opportunit"
                r"|\bpotential\b|over-?(?:pay|spen[dt])|too much|good deal|\bpays? off|\bpays? for (?:it|them)sel"
                r"|(?<!how )\bworth (?:it|running|using)"
                r"|not on spot|n't .{0,20}on spot|\bdiscount|이득|손해|할인|절감|절약|아끼|아낄|아꼈|낭비"
                r"|더\s?싸게|(?<!비)싸게"
                r"|줄일\s?수|최적화(?!로)")),
    ("costs", (r"\bcost(?:s|ing|ly)?\b|\bspend(?:ing|s)?\b|\bspent\b|\bmoney\b|\bbill(?:s|ing|ed)?\b|expens"
              r"|\bburns?\b|\bcheap\b|\bcash\b|\bdollars?\b|\bbudget|\binvoice|\bburn\b|\bpay(?:ing|s)?\b|\$|비용"
              r"|얼마\s?나(?:온|왔|와|올|가|간|갔)|돈(?!은\s?안)|지출|요금|청구|금액|예산|얼마(?:나|를)?\s?(?:써"
              r"|쓰|쓴|나가|나와|나올|나오|들|내|야|인|예요|임|죠|지"
              r"|에요)|비싸|비싼|비쌈|\bdear(?:er|est)?\b|\bcostl|\bpric(?:ey|iest)|finops|싼\s?fleet"
              r"|싼\s?것?이?\s?뭐")),
    ("prices", (r"(?<!lowest-)(?<!lowest )\bpric(?:e|es|ed|ey|ing)\b(?!-cap)|\bcheapest\b|\bper hour\b"
    r"|\bhourly\b|spot market|volatil"
               r"|\brates?\b(?! limit)|시세|가격|단가|시간당|가장\s?싼|제일\s?싼|저렴|변동")),
    ("risk", (r"\brisk|\bweak|\bdiversif|interrupt|reclaim|evict|pre-?empt|\bsafe|\bstab(?:le|ility)\b|reliab"
        r"|\blikel|\bdanger"
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
    ("policy", (r"\bpolic(?:y|ies)\b|\bguard-?rails?\b|\brules?\b|what (?:are you|is it) allowed|are you allowed"
        r"|allowed to do"
               r"|\bpermissions?\b|정책|규칙|한도|권한|허용|가드레일|제한\s?사항")),
    ("statement", (r"(?:write|draft|compose|prepare).{0,40}(?:statement|report|sentence|summary|note|email|paragraph"
                  r"|message)|for (?:the )?(?:finance|cfo|management)|\b(?:sentence|paragraph|statement"
                  r"|blurb)\b.{0,60}(?:write|draft|send|about|for)|보고\s?(?:문|서)|문장|문구|멘트|보낼\s?(?:글"
                  r"|내용|말)|슬라이드|재무팀|경영진|메일")),
    ("cluster", (r"\bray\b|\bk8s\b|kubernetes|\bkarpenter\b|\bterraform\b|\bcloudformation\b|\.ya?ml\b"
                r"|쿠버네티스|테라폼")),
    ("advice", (r"what (?:you|u)(?:'?d| would)\b|what (?:should|can|could|would you|do you|to) (?:i|we|you|do"
        r"|change|suggest|recommend|improve"
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
             r"|could) you|what (?:do|are) you(?: able)\b|how (?:do"
             r"|can) i use|\bcapabilit|\bcommands?\b|\bfeatures?\b|are you (?:an? )?(?:ai|llm|bot|gpt|human"
             r"|model|chatgpt|claude)|도움|뭐\s?(?:할|해줄)\s?수|뭘\s?할\s?수|무엇을\s?할|할\s?(?:수"
             r"|줄)\s?(?:있는|아는)|누구(?:야|니"
             r"|세요|냐)|넌\s?뭐|사용법|어떻게\s?(?:써|사용)|기능|명령어")),
    ("thanks", (r"^(?:thanks?|thank you|thx|cheers|great|perfect|nice|cool|hi|hello|hey|good (?:morning|evening"
               r"|afternoon))\b[\s!.,]*(?:so much|a lot|you|there|spotwarden)?[\s!.]*$|^(?:고마워|감사합니다"
               r"|감사해|고맙|안녕"
               r"|하이|좋아|수고)[가-힣]*[\s!.~]*$")),
    ("secret", (r"(?:api|secret|access)[\s_-]*keys?|\bpasswords?\b|\bcredentials?\b|system prompt"
               r"|your (?:instructions|prompt)|비밀번호|시크릿|자격\s?증명|액세스\s?키|프롬프트")),
)  # fmt: skip
COMPILED = tuple((name, re.compile(pattern, re.ASCII)) for name, pattern in _PATTERNS)
"""ASCII: Korean particles hang on English words, and are no part of them"""
