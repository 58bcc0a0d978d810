"""What can go wrong on the instance. The message says what, on what, what was seen; the hint is the way out.

GuardError
├─ BadRequest         the command line asks for something that cannot be
├─ CheckpointDamaged  a checkpoint is not whole
├─ OffsetDamaged      an offset file and the one before it cannot be read
├─ StaleOwner         somebody newer owns the job: nothing of ours is written any more
└─ StoreRefused       the store does not read or write
   └─ StoreSilent     it did not answer: another attempt may help
"""

from __future__ import annotations


class GuardError(Exception):
    """`str()` is the message with its hint."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(f"{message} ({hint})" if hint else message)
        self.message = message
        self.hint = hint


class BadRequest(GuardError):
    pass


class CheckpointDamaged(GuardError):
    pass


class OffsetDamaged(GuardError):
    pass


class StaleOwner(GuardError):
    pass


class StoreRefused(GuardError):
    pass


class StoreSilent(StoreRefused):
    pass
