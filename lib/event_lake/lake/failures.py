"""Find the error of Event Lake's that an exception stands for."""

from event_lake.errors import EventLakeError, error_in_traceback
from event_lake.lake.storage_errors import explain


def failure_of(error: BaseException) -> EventLakeError | None:
    """Return the error that says what `error` means, in one line, or None if it's none that Event Lake knows.

    That is `error` itself if it's one of ours, one of ours that Spark hands on as text, a known failure of the lake's
    storage, or the loss of Spark's Java process.
    """
    if isinstance(error, EventLakeError):
        return error
    if not isinstance(error, Exception):
        return None
    return error_in_traceback(str(error)) or explain(error) or _lost_java(error)


def _lost_java(error: BaseException) -> EventLakeError | None:
    return None
