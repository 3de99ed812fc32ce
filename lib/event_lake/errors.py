"""Define the errors that Event Lake raises, one class for each decision that a caller can take.

Bad data raises none of them: it is quarantined.
"""

import re
from typing import ClassVar

# The exit code of a job that Ctrl+C stopped: 128 and the number of SIGINT, as a shell tells it.
STOPPED = 130


class EventLakeError(Exception):
    """The base of all errors. Its message is one line; `exit_code` is the exit code of a job that it ends."""

    exit_code: ClassVar[int] = 1


class UserError(EventLakeError):
    """An error that the user must fix; the message names the thing, its value and the remedy."""

    exit_code = 2


class ConfigError(UserError):
    """A configuration key, flag or value that can't be used."""


class StreamNotFoundError(UserError):
    """The error that there is no stream of this name."""


class DataLossError(EventLakeError):
    """The error that data was lost, or that the ledger doesn't balance; the message names what is missing."""

    exit_code = 3


class ServiceUnavailableError(EventLakeError):
    """The error that a service stayed out of reach after all retries; starting again later may help."""

    exit_code = 4


class QualityError(EventLakeError):
    """The error that a quality measure breaks its threshold; the message names it, its value and the bound."""

    exit_code = 5


ERRORS = (
    EventLakeError,
    UserError,
    ConfigError,
    StreamNotFoundError,
    DataLossError,
    ServiceUnavailableError,
    QualityError,
)
# What another run ends with, too, unless somebody does something first; and the end of a run that did as it was told.
_NOT_RETRIED = {0, UserError.exit_code, DataLossError.exit_code, QualityError.exit_code, STOPPED}
_BY_NAME = {cls.__name__: cls for cls in ERRORS}
_IN_TRACEBACK = re.compile(rf"event_lake\.errors\.({'|'.join(_BY_NAME)}): ([^\n]*)")


def is_worth_a_retry(exit_code: int) -> bool:
    """True if the same job may end better when it's simply started again, by the exit code that it ended with.

    So are 1 (an error without an explanation), 4 (a service out of reach), and whatever the system gives a process that
    was killed. Not so are 0, what somebody must look into first (2, 3, 5), and a stop that was asked for (130).
    """
    return exit_code not in _NOT_RETRIED


def error_in_traceback(text: str) -> EventLakeError | None:
    """Return the last of these errors that the text of a traceback quotes, or None if it quotes none.

    Spark runs the Kinesis source in processes of its own, and hands on their errors as text only.
    """
    errors = _IN_TRACEBACK.findall(text)
    if not errors:
        return None
    name, message = errors[-1]
    return _BY_NAME[name](message.strip())
