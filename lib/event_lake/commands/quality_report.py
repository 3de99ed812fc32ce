"""Write one page about the lake: what arrived, what was refused and why, what doesn't add up.

The page is a single HTML file that loads nothing from anywhere. It shows only masked examples of refused data. The job
writes nothing else but its outcome, and may run while ingest_raw does. It needs the packages altair and
vl-convert-python.
"""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from event_lake.cli.jobs import JobParser, run_job, tell
from event_lake.cli.period import add_window, window_of
from event_lake.config.settings import Settings
from event_lake.errors import ConfigError, UserError
from event_lake.lake.outcomes import RunNotes
from event_lake.lake.session import lake_session
from event_lake.report.gather import quality_report

try:
    from event_lake.report.page import render_page
except ModuleNotFoundError as error:
    _missing: ModuleNotFoundError | None = error
else:
    _missing = None


def make_parser(prog: str | None = None) -> JobParser:
    """Return the parser of the job's flags; `prog` is the job's name in messages."""
    parser = JobParser(__doc__, prog, job="quality_report")
    parser.add_argument("--out", required=True, metavar="FILE", help="where to write the page, like report.html")
    add_window(parser)
    return parser


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Run the job with these flags, or the process' own; return its exit code. `prog` is its name in messages."""
    return run_job(make_parser(prog), argv, _report)


def _report(args: Namespace, settings: Settings, run: RunNotes) -> int:
    if _missing:
        raise UserError(f"the package {_missing.name} isn't installed: pip install altair vl-convert-python")
    run.window = window = window_of(args)
    out = Path(args.out)
    if not out.parent.is_dir() or out.is_dir():  # before the counting, which takes minutes
        raise ConfigError(f"--out {out}: not a file in a folder that there is")
    with lake_session(run, settings) as spark:
        report = quality_report(spark, settings, window)
    try:
        out.write_text(render_page(report), "utf-8")
    except OSError as error:
        raise ConfigError(f"--out {out}: can't be written: {error.strerror}") from None
    tell(run, str(out))
    return 0
