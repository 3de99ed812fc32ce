"""Run a job from the command line: parse the flags of all jobs, print errors in one line, return exit codes."""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from event_lake import __version__
from event_lake.config.files import load_settings
from event_lake.config.settings import Settings
from event_lake.errors import STOPPED, EventLakeError, UserError, error_in_traceback
from event_lake.lake.storage_errors import explain
from event_lake.progress.log import make_formatter


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


def run_job(
    parser: JobParser,
    argv: Sequence[str] | None,
    job: Callable[[argparse.Namespace, Settings], int],
) -> int:
    """Parse the flags `argv` (None: the process' own), load the settings, run `job` with both, return its exit code.

    For an EventLakeError, also one that Spark hands on as text, and for a known failure of the lake's storage, print
    one line on stderr and return the error's exit code. Any other exception is raised. Ctrl+C returns 130.
    """
    args = parser.parse_args(argv)
    try:
        settings = load_settings(args.config, args.set)
        _log_to_stderr(settings)
        return job(args, settings)
    except EventLakeError as error:
        failure = error
    except Exception as error:
        explained = error_in_traceback(str(error)) or explain(error)
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
