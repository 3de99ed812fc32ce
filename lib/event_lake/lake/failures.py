"""Find the error of Event Lake's that an exception stands for."""

import re
from collections.abc import Iterator
from traceback import walk_tb

from event_lake.errors import EventLakeError, ServiceUnavailableError, error_in_traceback
from event_lake.lake.storage_errors import explain
from event_lake.requirements import missing_in_traceback

# What Spark says while Java stops it, as after SIGTERM.
_SHUTTING_DOWN = re.compile(r"SparkContext was shut down|stopped SparkContext|SparkContext has been shutdown")


def failure_of(error: BaseException) -> EventLakeError | None:
    """Return the error that says what `error` means, in one line, or None if it's none that Event Lake knows.

    That is `error` itself if it's one of ours, one of ours that Spark hands on as text, a package that Spark's Python
    lacks, a known failure of the lake's storage, or the loss of Spark's Java process.
    """
    if isinstance(error, EventLakeError):
        return error
    if not isinstance(error, Exception):
        return None
    text = str(error)
    return error_in_traceback(text) or missing_in_traceback(text) or explain(error) or _lost_java(error)


def _lost_java(error: BaseException) -> EventLakeError | None:
    # The first error may be of any kind: to tell what it is, Python asks Java, which is gone by then.
    if not any(_is_of_lost_java(each) for each in _chain(error)):
        return None
    return ServiceUnavailableError(
        "Spark's Java process ended in the middle, maybe by a signal; start again: nothing is lost"
    )


def _is_of_lost_java(error: BaseException) -> bool:
    if type(error).__name__ == "Py4JNetworkError":
        return True
    if isinstance(error, OSError):  # nobody listens where Java did
        return any(frame.f_globals.get("__name__", "").startswith("py4j.") for frame, _ in walk_tb(error.__traceback__))
    return bool(_SHUTTING_DOWN.search(str(error)))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
