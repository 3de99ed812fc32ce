"""Run a job from the command line: parse its flags, print errors in one line, keep its outcome, return exit codes."""

import argparse
import json
import logging
import sys
from collections.abc import Callable, Sequence

from event_lake import __version__
from event_lake.cli.commands import OneLineParser
from event_lake.config.files import load_settings
from event_lake.config.settings import Settings
from event_lake.errors import STOPPED
from event_lake.lake.failures import failure_of
from event_lake.lake.outcomes import RunNotes, keep_outcome
from event_lake.progress.log import make_formatter

_LONGEST_RUN_ID = 250


class JobParser(OneLineParser):
    """The argument parser of a job, with the flags `--config`, `--set` and `--version`.

    `description` is the help of the job, `prog` its name in messages (by default that of the process). If `job` is
    given, the outcomes of its runs are kept under this name, and it has the flag `--run-id`, too.
    """

    def __init__(self, description: str | None, prog: str | None = None, *, job: str | None = None) -> None:
        super().__init__(prog=prog, description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
        self.job = job
        self.add_argument("--config", required=True, metavar="FILE", help="settings, like conf/local.toml")
        self.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="SECTION.KEY=VALUE",
            help="a setting that takes precedence over the file's; may be repeated",
        )
        self.add_argument("--version", action="version", version=f"event-lake {__version__}")
        if job is not None:
            self.add_argument(
                "--run-id",
                type=_run_id,
                metavar="ID",
                help="the run's name in its outcome; by default a time and random letters, which the log shows",
            )


def run_job(
    parser: JobParser,
    argv: Sequence[str] | None,
    job: Callable[[argparse.Namespace, Settings, RunNotes], int],
) -> int:
    """Parse the flags `argv` (None: the process' own), load the settings, run `job` with both, return its exit code.

    `job` also gets the notes of its run. If the parser has a job's name, the outcome is kept in the lake.

    For an exception that Event Lake knows (`lake.failures`), print one line on stderr and return the error's exit code.
    Any other exception is raised. Ctrl+C returns 130.
    """
    args = parser.parse_args(argv)
    try:
        settings = load_settings(args.config, args.set)
        _log_to_stderr(settings)
        if parser.job is None:
            return job(args, settings, RunNotes(parser.prog))
        run = RunNotes(parser.job, args.run_id)
        with keep_outcome(settings.lake.root, run):
            run.exit_code = job(args, settings, run)
            return run.exit_code
    except Exception as error:
        failure = failure_of(error)
        if failure is None:
            raise
    except KeyboardInterrupt:
        print(f"{parser.prog}: stopped", file=sys.stderr)
        return STOPPED
    print(f"{parser.prog}: {type(failure).__name__}: {failure}", file=sys.stderr)
    return failure.exit_code


def tell(run: RunNotes, text: str, *, as_json: object = None) -> None:
    """Print what a run says at its end, or `as_json` in place of it if that's given. Note the text's last line."""
    print(text if as_json is None else json.dumps(as_json, indent=2))
    run.last_line = text.rpartition("\n")[2]


def _run_id(text: str) -> str:
    if not text.isprintable() or not 1 <= len(text) <= _LONGEST_RUN_ID:
        raise argparse.ArgumentTypeError(f"{text!r} isn't 1 to {_LONGEST_RUN_ID} printable characters")
    return text


def _log_to_stderr(settings: Settings) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(make_formatter(settings.progress.log, sys.stderr))
    logging.basicConfig(handlers=[handler])
    logging.getLogger("event_lake").setLevel(logging.INFO)
