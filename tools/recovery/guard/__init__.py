"""spotwarden-guard: notices on the instance, answered in time; and the library for the process under it.

Standard library only, relative imports only: these files also travel alone, as `spotwarden_guard.pyz`, under the name
`spotwarden_guard`, and run on Python 3.9. boto3 is imported only for `--store s3://…`.
"""

from .offsets import Offsets
from .saves import Checkpoints
from .told import CheckpointClock, Notice, checkpoints, done, notice, on_notice, time_left
from .trouble import BadRequest, CheckpointDamaged, GuardError, OffsetDamaged, StaleOwner, StoreRefused

__all__ = [
    "BadRequest",
    "CheckpointClock",
    "CheckpointDamaged",
    "Checkpoints",
    "GuardError",
    "Notice",
    "OffsetDamaged",
    "Offsets",
    "StaleOwner",
    "StoreRefused",
    "checkpoints",
    "done",
    "notice",
    "on_notice",
    "time_left",
]
