"""What all jobs share on the command line: flags, one-line errors, exit codes."""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from event_lake import __version__
from event_lake.config.files import load_settings
from event_lake.config.settings import Settings
from event_lake.errors import EventLakeError, UserError, error_in_traceback
from event_lake.lake.storage_errors import explain
from event_lake.progress.log import make_formatter


class OneLineParser(argparse.ArgumentParser):
    """An argument parser whose complaints are one line, with the exit code of any mistake of the user's."""

    def error(self, message: str) -> NoReturn:
        """Exit as for any mistake of the user's."""
        self.exit(UserError.exit_code, f"{self.prog}: {message} (--help shows the flags)\n")


class JobParser(OneLineParser):
    """The parser of a job, with `--config`, `--set` and `--version`; `description` is the job's help."""

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
    """Run `job` with the parsed flags and their settings; returns the exit code.

    An error that has an explanation becomes one line on stderr and its exit code, wherever in Spark it was raised.
    """
    args = parser.parse_args(argv)
    try:
        settings = load_settings(args.config, args.set)
        _log_to_stderr(settings)
        return job(args, settings)
    except EventLakeError as error:
        known = error
    except Exception as error:
        found = error_in_traceback(str(error)) or explain(error)
        if found is None:
            raise
        known = found
    except KeyboardInterrupt:
        print(f"{parser.prog}: stopped", file=sys.stderr)
        return 130
    print(f"{parser.prog}: {type(known).__name__}: {known}", file=sys.stderr)
    return known.exit_code


def _log_to_stderr(settings: Settings) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(make_formatter(settings.progress.log, sys.stderr))
    logging.basicConfig(handlers=[handler])
    logging.getLogger("event_lake").setLevel(logging.INFO)
