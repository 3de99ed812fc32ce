"""Parse the flags --from and --to, for all jobs that have them."""

from argparse import ArgumentParser, Namespace
from datetime import UTC, date, datetime, time

from event_lake.config.parsing import parse_instant, unusable
from event_lake.errors import ConfigError
from event_lake.lake.window import Dates, Window


def add_window(parser: ArgumentParser) -> None:
    """Add --from and --to for a window of times in which batches were ingested; `window_of` reads them."""
    parser.add_argument("--from", dest="begin", metavar="TIME", help="look at the batches ingested from then on")
    parser.add_argument("--to", dest="end", metavar="TIME", help="and before then; a date is its midnight in UTC")


def add_dates(parser: ArgumentParser, action: str) -> None:
    """Add --from and --to for the dates of events, and `action`, what the job does with these, to their help.

    `dates_of` or `both_dates_of` reads them.
    """
    parser.add_argument("--from", dest="begin", metavar="DATE", help=f"{action} from this date on, like 2026-11-01")
    parser.add_argument("--to", dest="end", metavar="DATE", help="up to and with this date, in UTC")


def window_of(args: Namespace) -> Window:
    """Return the window between the two flags: ISO 8601 date-times with a zone, or dates, which begin at midnight UTC.

    Raise ConfigError for a text that is neither, and if --to isn't later than --from.
    """
    window = Window(_instant("--from", args.begin), _instant("--to", args.end))
    if window.begin and window.end and window.begin >= window.end:
        raise unusable("--to", args.end, f"not later than --from = {args.begin!r}")
    return window


def dates_of(args: Namespace) -> Dates:
    """Return the dates from --from to --to; a flag that is missing sets no bound.

    Raise ConfigError for a text that is no date, and if --to is before --from.
    """
    dates = Dates(_date("--from", args.begin), _date("--to", args.end))
    if dates.first and dates.last and dates.first > dates.last:
        raise unusable("--to", args.end, f"before --from = {args.begin!r}")
    return dates


def both_dates_of(args: Namespace) -> Dates | None:
    """Return the dates if both flags are given, and None if neither is.

    Raise ConfigError if only one is given, and as `dates_of` does.
    """
    if args.begin is None and args.end is None:
        return None
    if args.begin is None or args.end is None:
        raise ConfigError("--from and --to go together; for a single date give it to both")
    return dates_of(args)


def _instant(flag: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_instant(text) if len(text) > 10 else datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        raise unusable(flag, text, 'no time; write it like "2026-11-21T09:00:00Z" or "2026-11-21"') from None


def _date(flag: str, text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text is not None else None
    except ValueError:
        raise unusable(flag, text, 'no date; write it like "2026-11-21"') from None
