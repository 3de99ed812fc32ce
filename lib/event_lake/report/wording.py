"""Write numbers, times and sizes as people read them. Pure."""

from datetime import datetime, timedelta

_LONGER = (("s", 60), ("min", 60), ("h", 48), ("days", float("inf")))


def format_number(count: int | None) -> str:
    """Return the number with thousands separators; "?" for None."""
    return "?" if count is None else f"{count:,}"


def format_share(part: int, whole: int) -> str:
    """Return `part` of `whole` as a percentage, like "1.25%". It is "0%" only for nothing and "100%" only for all."""
    if not whole or not part or part == whole:
        return "100%" if whole and part == whole else "0%"
    percent = 100 * part / whole
    if percent < 0.01:
        return "< 0.01%"
    return f"{percent:.2f}%" if percent < 10 else f"{min(percent, 99.9):.1f}%"


def format_duration(seconds: float) -> str:
    """Return the duration in the largest unit that fits, like "1.5 min"; a negative one like "-2 s"."""
    left = abs(seconds)
    sign = "-" if seconds < 0 else ""
    for unit, until_next in _LONGER[:-1]:
        if left < until_next:
            return f"{sign}{left:,.0f} {unit}" if left >= 10 or left == int(left) else f"{sign}{left:.1f} {unit}"
        left /= 24 if unit == "h" else until_next
    return f"{sign}{left:,.1f} days"


def format_age(age: timedelta) -> str:
    """Return how long ago something was, like "2 h ago". A negative age comes from clocks that differ: "0 s ago"."""
    return f"{format_duration(round(max(age.total_seconds(), 0)))} ago"


def format_size(count: int) -> str:
    """Return a number of bytes in the largest unit that fits, like "1.5 MB"; a unit has 1,000 of the next smaller."""
    power = next((power for power in (1, 2, 3) if count / 1_000**power < 999.95), 4)
    return f"{count / 1_000**power:,.1f} {('kB', 'MB', 'GB', 'TB')[power - 1]}"


def format_instant(at: datetime) -> str:
    """Return the date and the time of day. The page says once that all times are UTC."""
    return at.strftime("%Y-%m-%d %H:%M")


def format_amount(value: float, unit: str) -> str:
    """Return the value of a quality measure in its unit, which is one of `quality.catalogue`."""
    if unit == "share":
        return f"{value:.2%}"
    if unit == "seconds":
        return format_duration(value)
    return f"{value:+,.1f}" if unit == "deviations" else f"{value:,.0f}"


def format_count(count: int, what: str) -> str:
    """Return a number with its noun, like "1 file" and "2 files"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
