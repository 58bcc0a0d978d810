"""Who is a person: one place tells people's names from those under which the machinery acts."""

import unicodedata

_MACHINES = frozenset({"autonomy", "daemon", "journal", "model", "queue", "reconcile"})
_MACHINE_STARTS = ("agent", "reflex", "policy")
_BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""letters by their category, blanks by their look"""
_PERSON = "person:"


def person_name(name: str) -> str:
    """One spelling of one person: «person:Ann», « ANN » and «ann» are the same; «» when no name is left."""
    plain = unicodedata.normalize("NFKC", name).strip().casefold()
    while plain.startswith(_PERSON):
        plain = plain.removeprefix(_PERSON).strip()
    return plain


def is_person(name: str) -> bool:
    """May this name answer for a person? «person:NAME» or a plain NAME; no machine, nothing unseen, nothing blank.

    Machines are agent…, reflex…, policy… and what else the product itself acts as, in any case and width of letters.
    """
    if any(_unseen(c) for c in name):
        return False
    plain = person_name(name)
    if not any(c.isalnum() for c in plain) or plain.startswith(_MACHINE_STARTS):
        return False
    kind, colon, _ = plain.partition(":")
    named_a_person = unicodedata.normalize("NFKC", name).strip().casefold().startswith(_PERSON)
    return kind.strip() not in _MACHINES and (not colon or named_a_person)


def _unseen(character: str) -> bool:
    """Control, bidi, zero-width, line breaks, half surrogates, and letters that show nothing."""
    category = unicodedata.category(character)
    return category[0] == "C" or category in ("Zl", "Zp") or character in _BLANK_LETTERS
