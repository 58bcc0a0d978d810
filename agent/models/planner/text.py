"""Text made comparable: one spelling for one thing, Korean particles told from words, the language told from both."""

import re
import unicodedata

from agent.models.planner.figures import Lang

_SPELLINGS = (
    (r"->|=>|⇒|➔|➜|⟶", "→"),
    (r"on[\s_‐‑–-]?demand|ondemand|온[\s-]?디[맨멘]드|주문형", "on-demand"),
    (r"스[팟폿팥]|\bspots\b", "spot"),
    (r"체크\s?포인트|첵포인트", "checkpoint"),
    (r"플릿|플리트|함대|\basgs?\b|auto[\s-]?scaling groups?|오토\s?스케일링 그룹|노드\s?그룹", "fleet"),
    (r"베이스(?! ?라인)", "base"),
    (r"세이빙스?\s?플랜|savings?[\s-]plans?", "savings-plan"),
    (r"가용\s?영역|\bazs\b|availability zones?", "az"),
    (r"’|‘|`", "'"),
)
_SPELLED = tuple((re.compile(pattern), to) for pattern, to in _SPELLINGS)
_HANGUL = re.compile(r"[가-힣ㄱ-ㅎㅏ-ㅣ]")
_LATIN = re.compile(r"[A-Za-z]{2,}")
_PARTICLE = re.compile(
    r"(?:에서는|에서만|에서도|으로는|으로만|이라는|이라고|에게서|까지는|부터는|에서|에는|에도|에게"
    r"|으로|이랑|이나|까지|부터|처럼|보다|마다|하고"
    r"|라는|라고|이는|에만|만이|들은|들이|들을|들도|의|은|는|이|가|을|를|도|만|로|와|과|랑|나|에|요|야|들|좀)$"
)


def normal(text: str) -> str:
    """Lower case, one width, one spelling for the field's words in both languages."""
    out = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text)).lower()
    for pattern, to in _SPELLED:
        out = pattern.sub(to, out)
    return re.sub(r"\s+", " ", out).strip()


def language(text: str) -> Lang:
    """Korean when the person writes Korean, English words in between or not; a wish in words wins."""
    low = text.lower()
    if re.search(r"\b(answer|reply|respond|explain|write)\b.{0,30}\bin english\b|영어로", low):
        return "en"
    if re.search(r"\b(answer|reply|respond|explain|write)\b.{0,30}\bin korean\b|한국어로|한글로", low):
        return "ko"
    return "ko" if len(_HANGUL.findall(text)) >= max(1, len(_LATIN.findall(text)) // 4) else "en"


def bare(word: str) -> str:
    """A word without the Korean particle that hangs on it: ml-train의 → ml-train, 배치는 → 배치."""
    trimmed = word
    for _ in range(2):
        shorter = _PARTICLE.sub("", trimmed)
        if not shorter or shorter == trimmed:
            break
        trimmed = shorter
    return trimmed


def words(text: str) -> tuple[str, ...]:
    """Words of a normal text as they stand: letters, digits and the marks that names hold."""
    return tuple(re.findall(r"[0-9a-z가-힣][0-9a-z가-힣._/-]*", text))


def latin_part(word: str) -> str:
    """What stands before the Hangul that is glued to it: ml-train을 → ml-train."""
    found = re.match(r"[0-9a-z][0-9a-z._/-]*", word)
    return found.group(0).rstrip("._/-") if found else ""
