"""Hold the newest quality measures to the thresholds of quality.thresholds (conf/quality.toml).

The job prints a line for each measure that breaks a threshold: measure, type, subject, hour, value, bound, detail. It
exits with code 5 if any does. It writes nothing but its outcome; build_staging takes the measures.
"""

from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence

from event_lake.cli.jobs import JobParser, run_job, tell
from event_lake.config.settings import Settings
from event_lake.lake.outcomes import RunNotes
from event_lake.lake.session import lake_session
from event_lake.quality import thresholds
from event_lake.quality.check import check_quality


def make_parser(prog: str | None = None) -> JobParser:
    """Return the parser of the job's flags; `prog` is the job's name in messages."""
    parser = JobParser(__doc__, prog, job="check_quality")
    parser.add_argument(
        "--hours",
        type=_hours,
        metavar="N",
        help=f"look at the newest N hours (default {thresholds.USUAL_HOURS}); a rule's own hours take precedence",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
    return parser


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Run the job with these flags, or the process' own; return its exit code. `prog` is its name in messages."""
    return run_job(make_parser(prog), argv, _check)


def _hours(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= thresholds.MOST_HOURS:
        raise ArgumentTypeError(f"{text!r} isn't 1 to {thresholds.MOST_HOURS} hours")
    return int(text)


def _check(args: Namespace, settings: Settings, run: RunNotes) -> int:
    rules = thresholds.load_rules(settings.quality.thresholds)
    with lake_session(run, settings) as spark:
        checked = check_quality(spark, settings, rules, hours=args.hours)
    run.window = f"hours up to {checked.newest:%Y-%m-%dT%H:%MZ}"
    tell(run, checked.as_text(), as_json=checked.as_json() if args.json else None)
    checked.refuse_breaches()
    return 0
