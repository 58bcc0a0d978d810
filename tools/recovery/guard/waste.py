"""What saving costs and saves: Young's and Daly's intervals, the waste of any, whether a save fits inside a notice.

Standard library only, for Python 3.9 and later: it runs on the instance, inside the wrapper.

δ  save_seconds     that a save stops the work          M  between_seconds  mean time between interruptions of the job
R  restart_seconds  from the start to work again        q  saved_share      of interruptions whose notice saved the work
Source  Young 1974; Daly 2006
"""

from __future__ import annotations

import math

NOTICE_SECONDS = 120.0
"""EC2's, best effort; other clouds tell 30 s"""
FITTING_SHARE = 0.75
"""of the notice that a save may need at most: the upload, the last step and the poll all have bad days"""
LONGEST_SECONDS = 86_400.0
"""machines also die: a day is lost at most, even where nobody was ever interrupted"""
LEAST_SAVE_SECONDS = 0.05
"""a shorter save is as good as free: it is what a clock can tell and a file system needs"""


def young_seconds(save_seconds: float, between_seconds: float) -> float:
    """√(2δM): work between two saves, first order."""
    _checked(save_seconds, between_seconds)
    return math.sqrt(2 * save_seconds * between_seconds) if save_seconds else 0.0


def daly_seconds(save_seconds: float, between_seconds: float) -> float:
    """√(2δM)·[1 + ⅓√(δ/2M) + δ/18M] − δ below δ = 2M, M from there on: the optimum within a per cent."""
    _checked(save_seconds, between_seconds)
    if save_seconds == 0 or between_seconds == math.inf:
        return young_seconds(save_seconds, between_seconds)
    half = save_seconds / (2 * between_seconds)
    if half >= 1:
        return between_seconds
    root = math.sqrt(half)
    return young_seconds(save_seconds, between_seconds) * (1 + root / 3 + half / 9) - save_seconds


def waste(
    save_seconds: float,
    interval_seconds: float,
    restart_seconds: float,
    between_seconds: float,
    saved_share: float = 0.0,
) -> float:
    """Share of time that is no lasting work, 0..1: saves, work done twice, restarts. Exact at a constant rate.

    saved_share  q of interruptions end in a save, of the same length, that loses nothing
    """
    _checked(save_seconds, between_seconds)
    above_zero("interval_seconds", interval_seconds)
    if between_seconds == math.inf:
        return save_seconds / (interval_seconds + save_seconds)
    cycle, m, q = interval_seconds + save_seconds, between_seconds, saved_share
    if restart_seconds / m > 700:
        return 1.0  # no restart ever ends
    taken = -math.expm1(-cycle / m)
    worked = -math.expm1(-interval_seconds / m) * m  # E[min(time to the interruption, interval)]
    lasting = interval_seconds * (1 - taken)
    again = m * math.expm1(restart_seconds / m)  # a restart can be interrupted too
    useful = lasting + q * (worked - lasting)
    return 1.0 - useful / (m * taken + taken * (again + q * save_seconds))


def fits_notice(
    full_save_seconds: float,
    *,
    notice_seconds: float = NOTICE_SECONDS,
    poll_seconds: float = 5.0,
    step_seconds: float = 0.0,
) -> bool:
    """Whether a whole save, upload included, fits well inside the notice: else a notice is no reason to save less."""
    return full_save_seconds + poll_seconds + step_seconds <= FITTING_SHARE * notice_seconds


def usable_seconds(
    save_seconds: float, between_seconds: float, saved_share: float | None = None, cap_seconds: float | None = None
) -> float:
    """Daly's interval for the interruptions that lose work: their mean time apart is M/(1 − q). Never above the cap.

    saved_share  None = a save does not fit, or nobody knows: no stretching
    """
    _checked(save_seconds, between_seconds)
    share = saved_share or 0.0
    if not 0 <= share <= 1:
        raise ValueError(f"saved_share {share}: a share is 0 to 1")
    losing = math.inf if share == 1 else between_seconds / (1 - share)
    least = max(save_seconds, LEAST_SAVE_SECONDS)
    longest = LONGEST_SECONDS if cap_seconds is None else min(cap_seconds, LONGEST_SECONDS)
    return min(daly_seconds(least, losing), longest)


def guide_seconds(duration_seconds: float = 3600.0) -> float:
    """The published guides' table, for comparison: below 30 min every 5, below 2 h every 15, else every 30 minutes.

    Defect  its comment says «inverse to the job's length», and it does the opposite; δ and M play no part.
    """
    if duration_seconds < 1800:
        return 300.0
    return 900.0 if duration_seconds < 7200 else 1800.0


def _checked(save_seconds: float, between_seconds: float) -> None:
    if not 0 <= save_seconds < math.inf:
        raise ValueError(f"save_seconds {save_seconds}: not a time of 0 or more")
    above_zero("between_seconds", between_seconds)


def above_zero(name: str, seconds: float) -> None:
    if not seconds > 0:
        raise ValueError(f"{name} {seconds}: not a time above 0")
