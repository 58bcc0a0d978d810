"""Which things a question wants, several at once, most telling first."""

import re

from agent.models.planner.asks import asked_first
from agent.models.planner.entities import Entities
from agent.models.planner.facets import facets
from agent.models.planner.job_words import ASKED, ASKED_BY_NAME, RECOVER
from agent.models.planner.keeping_words import kept_first
from agent.models.planner.lexicon import framed, hinted
from agent.models.planner.moods import MAKE_SAFE, PAST, has, mood
from agent.models.planner.operating import fleet_operation, instance_operation
from agent.models.planner.patterns import COMPILED, Intent

_RESTORE = (
    r"\brestor(?:e|ing)\b|\bresum(?:e|ing)\b.{0,40}(?:checkpoint|last|from)|\brecover\b"
    r"|(?:roll|go|revert).{0,12}back.{0,20}checkpoint|load .{0,15}checkpoint|복원"
    r"|복구(?!까지|에|\s?시간|\s?지점|된)|되살|재개|checkpoint.{0,15}(?:이어서|되돌|부터\s?(?:다시|시작))"
)
_ROLLBACK = (
    r"\broll(?:ing)?[\s-]?back|\bundo\b|\brevert|put (?:it|that|things) back|\bback to (?:what|how|where) (?:it"
    r"|they)\b|change it back"
    r"|되돌려|되돌리|롤백|원래대로|원복|undo"
)
_REPLACE = (
    r"\breplac(?:e|ing)\b|\bswap(?: out)?\b|\brecycle\b|\bdetach\b|\bdrain\b|\brotate\b"
    r"|get rid of|교체|갈아|바꿔|바꾸|빼|분리|드레인"
)
_UNSUPPORTED = (
    r"^(?!.*\?).*\b(?:turn|switch|enable|disable)\b.{0,12}capacity rebalanc|(?:capacity )?(?:rebalancing"
    r"|리밸런싱)\S{0,2}\s?(?:켜|꺼|활성)|"
    r"\b(?:delete|terminate|kill|destroy|nuke|wipe|tear down|shut ?down|power off"
    r"|stop(?! wast| los| pay| get| us| \S+ (?:from|getting|losing)))\b.{0,40}\b(?:fleet|instances?|group|asg"
    r"|everything|all|it"
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


def intents(text: str, found: Entities, *, names_fleet: bool, unnamed: str) -> tuple[Intent, ...]:
    """What a normal text wants, most telling first; empty when nothing was understood.

    unnamed  the text without the names of fleets, which may be words of a subject
    """
    if first := _before_all(text, found, names_fleet=names_fleet, unnamed=unnamed):
        return first
    wanted = [name for name, pattern in COMPILED if pattern.search(text)]
    now = has(
        (
            r"\bprices\b|doing|\bnow\b|today|current|cheap|\bour\b|\bwe\b|\bmy\b|covered|\bused\b|percent"
            r"|우리|지금|현재|오늘"
        ),
        text,
    )
    outage = "outage" in wanted and has(ALL_SPOT, text)
    if not outage and not facets(text).by_force:
        tells = has(r"\b(?:give|show|tell|get|list|find) (?:me|us)\b|\b(?:show|list|find)\b", text) and not has(
            _VAGUE, text
        )
        asks = mood(text, found) != "request" or (tells and not has(MAKE_SAFE, text))
        if first := asked_first(text, found, wanted, names_fleet=names_fleet, asks=asks):
            return first
    if has(_DEFINE, text) and has(_TERMS, text) and not (names_fleet or found.types or now or outage):
        return ("glossary",)
    frame = framed(text)
    if frame and _alone_in_frame(frame, found, names_fleet=names_fleet):
        return (frame,)
    if acts := _acts(text, found, wanted):
        return acts
    if frame is not None and not found.change.says_something:
        wanted = _with_frame(frame, wanted)
    wanted += hinted(text, wanted)
    return _settled(text, found, wanted, names_fleet=names_fleet)


def _before_all(text: str, found: Entities, *, names_fleet: bool, unnamed: str) -> tuple[Intent, ...]:
    """A yes, a no, and the subjects whose words say so much that nothing else is meant."""
    if _SURE.match(text):
        return ("confirm",)
    if _NOPE.match(text) or (not names_fleet and has(r"제안.{0,8}취소", text)):
        return ("decline",)
    if kept := kept_first(unnamed, mood(text, found), ids=bool(found.instance_ids)):
        return kept
    jobs = has(ASKED, text) or has(RECOVER, text) or (not names_fleet and has(ASKED_BY_NAME, text))
    return ("jobs",) if jobs else ()


def _alone_in_frame(frame: Intent, found: Entities, *, names_fleet: bool) -> bool:
    if frame == "glossary":
        return not names_fleet
    return frame in {"policy", "pending"} and not found.change.says_something


def _with_frame(frame: Intent, wanted: list[Intent]) -> list[Intent]:
    """A frame stands beside what the words name, and instead of what it says itself."""
    if frame == "glossary" or (frame == "outage" and "prices" in wanted):
        return wanted
    if frame == "advice" and {"costs", "savings"} & set(wanted):
        kept: list[Intent] = [w for w in wanted if w != "costs"]
        return [*kept, "savings"]
    told_by_it: dict[str, set[Intent]] = {
        "checkpoints": {"savings", "risk", "costs"},
        "advice": {"overview", "thanks", "help", "costs"},
        "overview": {"thanks", "help", "advice", "statement"},
    }
    return [w for w in wanted if w not in told_by_it.get(frame, set()) and w != frame] + [frame]


def _acts(text: str, found: Entities, wanted: list[Intent]) -> tuple[Intent, ...]:
    """The intents that are about doing something, and those that leave no room for another."""
    feeling, past = mood(text, found), has(PAST, text)
    if alone := _alone(text, found, wanted, feeling):
        return alone
    if found.change.says_something and facets(text).by_force:
        return ("change",)
    if not past and (beforehand := _ahead(text, found, wanted)):
        return beforehand
    return () if past else _changes(text, found, wanted, feeling)


def _alone(text: str, found: Entities, wanted: list[Intent], feeling: str) -> tuple[Intent, ...]:
    for one in ("max-price", "halt", "offtopic", "provenance", "identity", "utilisation", "pending", "explain"):
        if one in wanted and not _outweighed(one, text, found, feeling, wanted):
            return (one,)
    able = r"what (?:can|could) you (?:do|help|tell|show)|(?:뭘|뭐)\s?할\s?수\s?있"
    return ("help",) if has(able, text) and not found.change.says_something else ()


def _ahead(  # noqa: PLR0911 - one return a case
    text: str, found: Entities, wanted: list[Intent]
) -> tuple[Intent, ...]:
    """What may come: destruction asked for, a night alone, an outage, running by itself."""
    if has(_DESTROYS, text) and not found.instance_ids:
        return ("unsupported",)
    if "watch" in wanted:
        return ("watch",)
    if "outage" in wanted and has(ALL_SPOT, text):
        return ("outage",)
    if found.change.says_something:
        return ()
    if "outage" in wanted and not has(MAKE_SAFE, text):
        return ("outage", *(("checkpoints",) if "checkpoints" in wanted and has(r"checkpoint", text) else ()))
    if "autonomy" in wanted:
        return ("policy",) if has(r"\ballowed\b|허용", text) else ("autonomy",)
    return ()


def _changes(  # noqa: PLR0911 - one return a case
    text: str, found: Entities, wanted: list[Intent], feeling: str
) -> tuple[Intent, ...]:
    if found.instance_ids and has(_REPLACE, text):
        return ("replace",)
    if fleet_operation(text) is not None or (found.instance_ids and instance_operation(text) and feeling != "ask"):
        return ("operate",)
    if has(_ROLLBACK, text) and "checkpoint" not in text:
        return ("rollback",)
    begins = rf"(?:^|[,.;:]\s*|please\s|you\s|and\s|then\s|now\s|to\s)(?:{_RESTORE})|(?:복원|복구|되살|재개)"
    if has(_RESTORE, text) and (feeling == "request" or re.search(begins, text)):
        return ("restore",)
    says = found.change.says_something
    if has(_UNSUPPORTED, text) and not says and not has(MAKE_SAFE, text):
        return ("unsupported",)
    if (says or has(MAKE_SAFE, text)) and feeling != "ask" and "interval" not in wanted:
        return ("change", *(("risk",) if feeling == "what-if" and has(r"risk|위험|리스크", text) else ()))
    quiet = set(wanted) <= {"fleet", "fleets", "overview", "prices", "glossary"}
    if feeling == "request" and quiet and has(_VAGUE, text):
        return ("change",)
    asks = has(r"^(?:why|is|are|does|do|has|have|what|which|how)\b|인가|이야|인지", text)
    about = set(wanted) <= {"fleet", "fleets", "overview"} and not asks
    return ("change",) if says and found.change.types_word is None and about else ()


_VAGUE = (
    r"(?:raise|increase|bump|lower|reduce|decrease|change|adjust|more|less|fewer|scale)\b.{0,30}\b(?:spot"
    r"|on-demand|base|capacity"
    r"|size|share|instances|fleet|[a-z]+-[a-z]+)\b|(?:spot|on-demand|base|비율|비중|용량|대수|규모|전략"
    r"|인스턴스).{0,12}"
    r"(?:올려|높여|늘려|낮춰|내려|줄여|바꿔|조정)"
)
"""a change asked for without saying how far: it is asked back"""
ALL_SPOT = r"\ball\b.{0,12}\bspot\b|spot\S{0,5}\s?(?:\S{1,4}\s)?(?:다|전부|모두|싹|전체)\s"
"""every spot instance at once"""
_DESTROYS = (
    r"^(?:please |pls |now |and |you |just |then |so |ok |[^.]*[.;,] ?(?:and )?|[^.]* and )?"
    r"(?:delete|terminate|kill|destroy|nuke|wipe|tear down)\b.{0,60}"
    r"\b(?:fleets?|instances?|groups?|everything|all|it|them|[a-z]+-[a-z]+|batch|render)\b|(?:삭제|지워"
    r"|없애)\S{0,4}(?:\s|$|[.!])"
)


def _outweighed(alone: str, text: str, found: Entities, feeling: str, wanted: list[Intent]) -> bool:
    """Whether something else in the question says more than this word does."""
    if alone in {"pending", "explain", "identity", "provenance"} and found.change.says_something and feeling != "ask":
        return True
    if alone == "pending":
        return has(
            r"^(?:who|누가)|\b(?:waiting|wait) (?:for|on) (?:a |the )?(?:checkpoint|capacity|price)|capacity", text
        )
    if alone == "offtopic":
        return bool(found.types or "costs" in wanted or "risk" in wanted)
    if alone == "utilisation":
        return bool({"commitments", "change"} & set(wanted)) or found.change.says_something
    return False


def _settled(text: str, found: Entities, wanted: list[Intent], *, names_fleet: bool) -> tuple[Intent, ...]:
    """Drop the intents that another one explains."""
    got = set(wanted)
    for winner, losers in _EXPLAINS:
        if winner in got:
            got -= losers
    got = _about_money(got, text, found, names_fleet=names_fleet)
    if names_fleet:
        got -= {"fleets"} if got - {"fleets"} else set()
        if got & {"overview", "fleets"} and not got & {"savings", "costs"}:
            got = (got - {"overview", "fleets"}) | {"fleet"}
    elif "fleet" in got and found.types and not got - {"fleet"}:
        got = {"prices"}
    elif "fleet" in got:
        got = (got - {"fleet"}) | (set() if got - {"fleet"} else {"fleets"})
    return tuple(name for name, _ in COMPILED if name in got)


def _about_money(got: set[Intent], text: str, found: Entities, *, names_fleet: bool) -> set[Intent]:
    """Costs, savings and prices told apart by what was named."""
    cheap = has(r"cheapest|least|가장\s?싼|제일\s?싼|저렴", text) and has(r"\bfleets?\b|\bgroup|workload", text)
    if found.types and not names_fleet and "costs" in got:  # what a type costs is a price
        got = (got - {"costs"}) | {"prices"}
    if found.types and not names_fleet and "savings" in got:  # a cheaper type than this one
        got = (got - {"savings"}) | {"prices"}
    if names_fleet and "costs" in got and found.window_hours is not None and found.window_hours > 24:
        got |= {"prices"}
    if "costs" in got and has(r"\bhow many\b|몇\s?대", text) and has(r"\bpay(?:ing)? for\b|돈\s?내", text):
        got = (got - {"costs"}) | {"fleet" if names_fleet else "fleets"}
    spoken = has(r"spot price|price history|market|시세|\bpool|volatil|변동", text)
    if names_fleet and "prices" in got and got & {"costs", "savings"} and not found.window_hours and not spoken:
        got -= {"prices"}
    if "prices" in got and not found.types and cheap:
        got = (got - {"prices"}) | {"costs"}
    if "prices" in got and not names_fleet and not found.types and got & {"costs", "savings"}:
        got -= {"prices"}
    return got


_EXPLAINS: tuple[tuple[Intent, set[Intent]], ...] = (
    ("outage", {"risk", "fleet", "fleets", "overview", "costs", "advice", "checkpoints", "glossary"}),
    ("setup", {"help", "advice", "policy", "fleet", "fleets", "overview"}),
    ("secret", {"setup", "fleet", "fleets", "help", "policy", "audit", "advice", "overview"}),
    ("cluster", {"fleets", "fleet", "advice", "overview", "statement", "help"}),
    ("statement", {"savings", "costs", "overview", "fleet", "fleets", "help", "advice"}),
    ("interval", {"checkpoints", "savings", "risk", "costs", "advice", "overview", "fleet", "audit", "help"}),
    ("audit-check", {"audit", "fleet", "overview", "fleets", "risk", "advice", "policy", "checkpoints"}),
    ("capacity", {"advice", "risk", "fleet", "fleets", "prices", "overview", "audit", "help"}),
    ("audit", {"fleet", "fleets", "overview", "policy", "help", "capacity", "risk"}),
    ("checkpoints", {"fleet", "risk", "savings", "overview", "fleets", "advice"}),
    ("policy", {"overview", "fleet", "fleets", "help", "costs", "advice"}),
    ("savings", {"costs", "fleet", "advice", "overview", "fleets"}),
    ("commitments", {"utilisation", "fleet", "savings", "costs", "overview", "fleets", "checkpoints", "help"}),
    ("advice", {"fleet", "fleets", "overview", "help", "risk"}),
    ("costs", {"fleet", "fleets", "overview"}),
    ("prices", {"fleet", "fleets", "overview"}),
    ("risk", {"fleet", "fleets", "overview"}),
    ("overview", {"fleets"}),
    ("help", {"overview", "fleet"}),
    ("thanks", {"overview"}),
)
