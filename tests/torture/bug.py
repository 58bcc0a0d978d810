"""What a planted bug is, and the names of the files that are bugged most."""

from dataclasses import dataclass

ACTUATION = "agent/actuation.py"
INTENTS = "agent/journal/intents.py"
PROPOSALS = "agent/journal/proposals.py"
LEASES = "agent/journal/leases.py"
EVIDENCE = "agent/journal/evidence.py"
COMPARING = "agent/comparing.py"
WRITER = "agent/journal/writer.py"
WITNESS = "agent/journal/witness.py"
SCHEMA = "agent/journal/schema.py"
AUTHORIZE = "policies/authorize.py"
PEOPLE = "policies/people.py"
CALLS = "tools/aws/calls.py"
ERRORS = "tools/aws/errors.py"
FLEETS = "tools/records/fleets.py"
GROUP = "change-fleet-asg"
LOST = f"fault/{GROUP}/UpdateAutoScalingGroup/0/timeout-after-effect"

Patch = tuple[str, str, str]
"""file, text that stands in it exactly once, what stands there instead"""


@dataclass(frozen=True)
class Bug:
    name: str
    law: str
    """the law that it breaks, or the fault that it forgets"""
    patches: tuple[Patch, ...]
    cells: tuple[str, ...]
    """where it shows"""
    only: str = ""
    """the law of the checker that must find it; "" = any"""
