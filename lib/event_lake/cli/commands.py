"""Parse flags and start a command. This module imports no package but our own, so it can say which are missing."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from event_lake.errors import UserError
from event_lake.requirements import INSTALLED_AS, missing_here


class OneLineParser(argparse.ArgumentParser):
    """An argument parser that reports a mistake in one line, and exits with the code of a UserError.

    It takes no abbreviated flags: a script that has one would mean another flag once there is a new one.
    """

    def __init__(self, **values: Any) -> None:
        super().__init__(allow_abbrev=False, **values)

    def error(self, message: str) -> NoReturn:
        """Print the message in one line, and exit with the code of a UserError."""
        self.exit(UserError.exit_code, f"{self.prog}: {message} (--help shows the flags)\n")

    @property
    def arguments(self) -> Sequence[argparse.Action]:
        """The arguments that the parser knows, in the order of its help."""
        return self._actions


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
