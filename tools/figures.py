"""Figures in words, the same on every screen and in every reason."""

from datetime import timedelta


def share(value: float) -> str:
    """0.4 %, 12 %, 99.7 %; a small chance is never shown as none, nor a large one as certain."""
    percent = value * 100
    if 0 < percent < 0.1:
        return "<0.1 %"
    if 99.9 < percent <= 100:
        return ">99.9 %"
    digits = 0 if 10 <= percent <= 90 or percent == 0 else 1
    return f"{percent:.{digits}f} %"


def span(minutes: float) -> str:
    """5 min, 1 h, 7 days."""
    whole = timedelta(minutes=minutes)
    if whole >= timedelta(days=2) and minutes % 1440 == 0:
        return f"{minutes / 1440:g} days"
    return f"{minutes / 60:g} h" if minutes >= 60 else f"{minutes:g} min"


def length(seconds: float | None) -> str:
    """2 d 4 h, 1 h 30 min, 12 min, 45 s"""
    if seconds is None:
        return "unknown"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    days, rest = divmod(minutes, 1_440)
    front = f"{days} d " if days else ""
    return f"{front}{rest // 60} h" + (f" {rest % 60} min" if rest % 60 and not days else "")
