"""Run a job from the command line: parse the flags of all jobs, print errors in one line, return exit codes."""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from event_lake import __version__
from event_lake.config.files import load_settings
from event_lake.config.settings import Settings
from event_lake.errors import STOPPED, EventLakeError, UserError, error_in_traceback
from event_lake.lake.storage_errors import explain
from event_lake.progress.log import make_formatter
from event_lake.requirements import INSTALLED_AS, missing_here, missing_in_traceback


class OneLineParser(argparse.ArgumentParser):
    """An argument parser that reports a mistake in one line, and exits with the code of a UserError."""

    def error(self, message: str) -> NoReturn:
        """Print the message in one line, and exit with the code of a UserError."""
        self.exit(UserError.exit_code, f"{self.prog}: {message} (--help shows the flags)\n")

    @property
    def arguments(self) -> Sequence[argparse.Action]:
        """The arguments that the parser knows, in the order of its help."""
        return self._actions


class JobParser(OneLineParser):
    """The argument parser of a job, with the flags `--config`, `--set` and `--version`.

    `description` is the help of the job, `prog` its name in messages (by default that of the process).
    """

    def __init__(self, description: str | None, prog: str | None = None) -> None:
        super().__init__(prog=prog, description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
        self.add_argument("--config", required=True, metavar="FILE", help="settings, like conf/local.toml")
        self.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="SECTION.KEY=VALUE",
            help="a setting that takes precedence over the file's; may be repeated",
        )
        self.add_argument("--version", action="version", version=f"event-lake {__version__}")


def run_command(module: str, argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Run the job of this module of event_lake.commands with the flags `argv` (None: the process' own).

    `prog` is its name in messages, by default that of the process. Return its exit code. If Python lacks a package that
    the jobs need, print one line on stderr and return the exit code of a UserError.
    """
    try:
        # Only now: the jobs import Spark, boto3 and pyarrow.
        job = import_module(f"event_lake.commands.{module}")
    except ModuleNotFoundError as error:
        lacking = (error.name or "").partition(".")[0]
        if lacking not in INSTALLED_AS:
            raise
        missing = missing_here(lacking)
        print(f"{prog or Path(sys.argv[0]).name}: {type(missing).__name__}: {missing}", file=sys.stderr)
        return missing.exit_code
    code: int = job.main(argv, prog)
    return code


def run_job(
    parser: JobParser,
    argv: Sequence[str] | None,
    job: Callable[[argparse.Namespace, Settings], int],
) -> int:
    """Parse the flags `argv` (None: the process' own), load the settings, run `job` with both, return its exit code.

    For an EventLakeError, also one that Spark hands on as text, for a package that Spark's Python lacks, and for a
    known failure of the lake's storage, print one line on stderr and return the error's exit code. Any other exception
    is raised. Ctrl+C returns 130.
    """
    args = parser.parse_args(argv)
    try:
        settings = load_settings(args.config, args.set)
        _log_to_stderr(settings)
        return job(args, settings)
    except EventLakeError as error:
        failure = error
    except Exception as error:
        text = str(error)
        explained = error_in_traceback(text) or missing_in_traceback(text) or explain(error)
        if explained is None:
            raise
        failure = explained
    except KeyboardInterrupt:
        print(f"{parser.prog}: stopped", file=sys.stderr)
        return STOPPED
    print(f"{parser.prog}: {type(failure).__name__}: {failure}", file=sys.stderr)
    return failure.exit_code


def _log_to_stderr(settings: Settings) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(make_formatter(settings.progress.log, sys.stderr))
    logging.basicConfig(handlers=[handler])
    logging.getLogger("event_lake").setLevel(logging.INFO)
