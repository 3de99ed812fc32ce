"""What can go wrong, one class per decision that the caller can take.

Bad data is none of these: it is quarantined.
"""

import re
from typing import ClassVar


class EventLakeError(Exception):
    """Something that has a one-line explanation. `exit_code` is what a job that meets it returns."""

    exit_code: ClassVar[int] = 1


class UserError(EventLakeError):
    """The user must fix something; the message names it, its value and the remedy."""

    exit_code = 2


class ConfigError(UserError):
    """A configuration key, flag or value that can't be used."""


class StreamNotFoundError(UserError):
    """There's no stream of this name."""


class DataLossError(EventLakeError):
    """Data was lost, or the ledger doesn't balance; the message names what is missing."""

    exit_code = 3


class ServiceUnavailableError(EventLakeError):
    """A service stayed out of reach after all retries: starting again later may help."""

    exit_code = 4


class QualityError(EventLakeError):
    """A quality measure breaks its threshold; the message names it, its value and the bound."""

    exit_code = 5


_BY_NAME = {
    cls.__name__: cls
    for cls in (
        EventLakeError,
        UserError,
        ConfigError,
        StreamNotFoundError,
        DataLossError,
        ServiceUnavailableError,
        QualityError,
    )
}
_IN_TRACEBACK = re.compile(rf"event_lake\.errors\.({'|'.join(_BY_NAME)}): ([^\n]*)")


def error_in_traceback(text: str) -> EventLakeError | None:
    """The last of our own errors in the text of a traceback, or None.

    Spark runs the Kinesis source in processes of its own and hands on their errors as text only.
    """
    found = _IN_TRACEBACK.findall(text)
    return _BY_NAME[found[-1][0]](found[-1][1].strip()) if found else None
