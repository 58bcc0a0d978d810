"""The audit chain: every entry names the one before it by hash.

An entry's hash is SHA-256 over six fields in this order, each as four bytes of length (big-endian) and its UTF-8:
seq (decimal digits), at, actor, kind, payload, previous_hash. The first entry's previous_hash is 64 zeros.
"""

import hashlib
import struct

from tools.records import Record

GENESIS = "0" * 64
COLUMNS = ("seq", "at", "actor", "kind", "payload", "previous_hash", "hash")

_length = struct.Struct(">I").pack
_SHORT = tuple(_length(n) for n in range(4096))  # verifying a million rows packs the same lengths again and again


class Head(Record):
    """Where the chain ends: how many entries, and the last one's hash (64 zeros for none)."""

    count: int
    hash: str


EMPTY = Head(count=0, hash=GENESIS)


def entry_hash(seq: int, at: str, actor: str, kind: str, payload: str, previous_hash: str) -> str:
    """64 hex characters.

    Raises  AttributeError: a field is not text (a BLOB, a number, NULL), which no honest entry is
    """
    n, t, a = b"%d" % seq, at.encode(), actor.encode()
    k, p, h = kind.encode(), payload.encode(), previous_hash.encode()
    try:
        lengths = _SHORT[len(n)], _SHORT[len(t)], _SHORT[len(a)], _SHORT[len(k)], _SHORT[len(p)], _SHORT[len(h)]
    except IndexError:
        lengths = _length(len(n)), _length(len(t)), _length(len(a)), _length(len(k)), _length(len(p)), _length(len(h))
    ln, lt, la, lk, lp, lh = lengths
    return hashlib.sha256(b"".join((ln, n, lt, t, la, a, lk, k, lp, p, lh, h))).hexdigest()
