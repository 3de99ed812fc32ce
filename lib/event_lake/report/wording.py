"""Numbers, times and sizes as people read them. Pure."""

import re
from datetime import datetime, timedelta

from event_lake.report.masking import mask

_LONGER = (("s", 60), ("min", 60), ("h", 48), ("days", float("inf")))
_LONGEST_NAME = 60
_PLAIN = re.compile(r"[A-Za-z_.-]+[0-9]{0,3}[A-Za-z_.-]*")


def format_number(count: int | None) -> str:
    """With thousands separators; "?" for None."""
    return "?" if count is None else f"{count:,}"


def format_share(part: int, whole: int) -> str:
    """A percentage of two digits or more, "0%" only for nothing, "100%" only for all."""
    if not whole or not part or part == whole:
        return "100%" if whole and part == whole else "0%"
    percent = 100 * part / whole
    if percent < 0.01:
        return "< 0.01%"
    return f"{percent:.2f}%" if percent < 10 else f"{min(percent, 99.9):.1f}%"


def format_duration(seconds: float) -> str:
    """In the largest fitting unit, like "1.5 min"; "-2 s" for one that is negative."""
    left = abs(seconds)
    sign = "-" if seconds < 0 else ""
    for unit, until_next in _LONGER[:-1]:
        if left < until_next:
            return f"{sign}{left:,.0f} {unit}" if left >= 10 or left == int(left) else f"{sign}{left:.1f} {unit}"
        left /= 24 if unit == "h" else until_next
    return f"{sign}{left:,.1f} days"


def format_age(of: timedelta) -> str:
    """How long ago; what lies ahead, as clocks differ, is now."""
    return f"{format_duration(round(max(of.total_seconds(), 0)))} ago"


def format_size(count: int) -> str:
    """Of bytes, in the largest fitting unit of a thousand, like "1.5 MB"."""
    power = next((power for power in (1, 2, 3) if count / 1_000**power < 999.95), 4)
    return f"{count / 1_000**power:,.1f} {('kB', 'MB', 'GB', 'TB')[power - 1]}"


def format_instant(at: datetime) -> str:
    """A date and a time of day; that all are UTC is said once on the page."""
    return at.strftime("%Y-%m-%d %H:%M")


def format_name(text: str | None) -> str:
    """A name that came with the data, cut to what a table or an axis has room for."""
    text = "" if text is None else "".join(c if c.isprintable() else "·" for c in text)
    return text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}…"


def format_field(text: str | None) -> str:
    """The name of a field, masked unless it's a plain word: some producers send ids as keys."""
    return format_name(text if text is None or _PLAIN.fullmatch(text) else mask(text))


def format_amount(value: float, unit: str) -> str:
    """A value of a quality measure, by the units of `quality.catalogue`."""
    if unit == "share":
        return f"{value:.2%}"
    if unit == "seconds":
        return format_duration(value)
    return f"{value:+,.1f}" if unit == "deviations" else f"{value:,.0f}"


def format_count(count: int, what: str) -> str:
    """Like "1 file" and "2 files"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
