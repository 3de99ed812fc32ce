"""Turn an exception of Spark, Delta or Hadoop about a lake's storage into one of Event Lake's, in one line. Pure.

An exception is recognized by its condition, its class and the methods in its stack, and by words only where an error of
the operating system has nothing else. Source: what Spark 4.2, Delta 4.4 and Hadoop 3.5 raised on lakes that were
damaged on purpose.
"""

import re

from event_lake.config.lake_root import plain_path
from event_lake.errors import DataLossError, EventLakeError, ServiceUnavailableError, UserError

NEW_CHECKPOINT = "ingest_raw --new-checkpoint, given once, resumes from the ledger"
AGAIN = "and start again: nothing is lost, the batch is repeated"
PUT_BACK = "put it back from a backup or the bucket's older versions, and start again"

_LAKE = "the storage under lake.root"
_MOST_DETAIL = 200
# The name of an exception's class or condition begins a line, or stands after ": ".
_BEGIN = r"(?:^|: )"
# S3A first says which call failed, and then quotes the SDK. This takes the first part.
_CALL = r"(?:(?!: +software\.amazon\.)[^\n])*"


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.MULTILINE)


_FULL = _pattern(
    rf"{_BEGIN}(?:java\.io\.(?:IOException|FileNotFoundException)|java\.nio\.file\.FileSystemException"
    r"|org\.apache\.hadoop\.fs\.FSError|org\.rocksdb\.RocksDBException|OSError): "
    r"[^\n]*(?:No space left on device|Disk quota exceeded)"
)
_DENIED = _pattern(
    r"java\.nio\.file\.AccessDeniedException: (?P<object>\S+?)(?:: |$)"
    r"|java\.io\.FileNotFoundException: (?P<file>[^\n]+) \((?:Permission denied|Read-only file system)\)$"
    r"|\[DELTA_CANNOT_CREATE_LOG_PATH\] Cannot create (?P<log>\S+)"
    r"|java\.io\.IOException: mkdir of (?P<folder>[^\n]+) failed"
)
_REFUSED = _pattern(
    rf"{_BEGIN}org\.apache\.hadoop\.fs\.s3a\.(?P<detail>(?:UnknownStoreException|AWSBadRequestException"
    rf"|AWSRedirectException): {_CALL})"
)
_UNREACHABLE = _pattern(
    rf"{_BEGIN}(?:org\.apache\.hadoop\.fs\.s3a\.(?P<detail>(?:AWSServiceThrottledException|AWSStatus500Exception"
    rf"|AWSApiCallTimeoutException|HttpChannelEOFException): {_CALL})"
    # Spark raises the same classes when its own processes lose each other. The storage's errors name an object in S3.
    rf"|java\.net\.(?P<named>(?:ConnectException|UnknownHostException): (?=[^\n]*\bs3a?://){_CALL}))"
)
_GONE = _pattern(
    rf"{_BEGIN}\[(?:DELTA_MISSING_DELTA_TABLE|DELTA_TABLE_NOT_FOUND|PATH_NOT_FOUND)\] "
    r"(?:[^`\n]*`(?P<table>[^`\n]+)`|Path does not exist: (?P<path>[^\n]+?)\.(?: SQLSTATE|$))"
)
_UNREADABLE = _pattern(
    rf"{_BEGIN}\[(?P<detail>FAILED_READ_FILE[.\w]*)\] Encountered error while reading file (?P<file>\S+?)\.(?:\s|$)"
    rf"|{_BEGIN}\[(?P<damage>DELTA_TRUNCATED_TRANSACTION_LOG|DELTA_VERSIONS_NOT_CONTIGUOUS)\](?: (?P<log>\S+):)?"
)
_CHANGED = _pattern(
    rf"{_BEGIN}\[(?P<condition>DELTA_METADATA_MISMATCH|DELTA_FAILED_TO_MERGE_FIELDS|DELTA_METADATA_CHANGED"
    r"|DELTA_CANNOT_MODIFY_APPEND_ONLY|DELTA_MISSING_NOT_NULL_COLUMN_VALUE"
    r"|DELTA_UNSUPPORTED_FEATURES_FOR_(?:READ|WRITE))\] (?P<problem>[^\n]*)"
)
# Columns or constraints of a table that don't take a row. The messages of the last two begin with a value of the row.
_ROW_REFUSED = _pattern(
    rf"{_BEGIN}\[(?:(?P<condition>DELTA_VIOLATE_CONSTRAINT_WITH_VALUES|DELTA_NOT_NULL_CONSTRAINT_VIOLATED"
    r"|CAST_OVERFLOW_IN_TABLE_INSERT)\] (?P<problem>(?:(?! violated by row)[^\n])*)"
    r"|(?P<alone>CAST_INVALID_INPUT|DELTA_EXCEED_CHAR_VARCHAR_LIMIT)\])"
)
# Delta asks the session's catalog for a schema `delta` before it takes `delta.`…`` for a path.
_CATALOG = _pattern(rf"{_BEGIN}org\.apache\.hadoop\.hive\.ql\.metadata\.HiveException: (?P<detail>[^\n]*)")
# What stands in the stack of each write to a table.
_WRITER = "DeltaFileFormatWriter"
_RIVAL = _pattern(rf"{_BEGIN}\[(?P<detail>DELTA_CONCURRENT_TRANSACTION|CONCURRENT_STREAM_LOG_UPDATE)\]")
_DAMAGED = _pattern(
    rf"{_BEGIN}\[(?P<detail>CANNOT_LOAD_STATE_STORE[.\w]*|STREAMING_CHECKPOINT_MISSING_METADATA_FILE"
    r"|STREAMING_STATEFUL_OPERATOR_MISSING_STATE_DIRECTORY)\]"
    # Spark raises many kinds of errors while it reads the query's id, its two logs, and the schema of its state.
    r"|^\tat org\.apache\.spark\.sql\.execution\.streaming\.[\w.]*(?P<method>StreamMetadata\$\.read"
    r"|HDFSMetadataLog\.applyFnToBatchByStream|MicroBatchExecution\.validateOffsetLogAndGetPrevOffset"
    r"|StateSchemaCompatibilityChecker\$\.readSchemaFile)\("
)
_WRITTEN = _pattern(r"\[TASK_WRITE_FAILED\] Task failed while writing rows to (?P<path>\S+?)\.(?:\s|$)")
_CHECKPOINT = _pattern(r"checkpointLocation=(?P<path>[^,\]\n]+)|Checkpoint location (?P<named>\S+) is in an incons")
_LOCAL_FOLDERS = "\tat org.apache.spark.storage.DiskBlockObjectWriter."
_CHECKPOINT_FILES = ".CheckpointFileManager$"


def explain(error: Exception, where: str | None = None) -> EventLakeError | None:
    """Return the error to raise in place of `error`, in one line, or None if the lake's storage isn't its reason.

    `where` is the path that was read or written, for errors that don't name one. A UserError means: no space, no
    access, a table that somebody else changed, or a damaged checkpoint. A DataLossError: a table, or a file of it, is
    gone or damaged. A ServiceUnavailableError: the storage, or the session's catalog, stayed out of reach after its
    client's own retries. No line holds values of rows, though some of Delta's errors do.
    """
    # PySpark keeps the Java stack of an exception, but leaves it out of the exception's text.
    text = f"{error}\n{getattr(error, '_stackTrace', '')}"
    for explain_one in (_row_refused, _no_space, _no_access, _out_of_reach, _lost, _changed, _bad_checkpoint):
        if explained := explain_one(text, where):
            return explained
    return None


def _row_refused(text: str, where: str | None) -> EventLakeError | None:
    # This is looked for first: values of the row may look like any of the other errors.
    refused = _ROW_REFUSED.search(text) if _WRITER in text else None
    if refused is None:
        return None
    return _changed_by_somebody(where, refused["condition"] or refused["alone"], refused["problem"] or "")


def _no_space(text: str, where: str | None) -> EventLakeError | None:
    if not _FULL.search(text):
        return None
    if written := _WRITTEN.search(text):
        place = plain_path(written["path"])
    elif _LOCAL_FOLDERS in text:
        place = "Spark's local folders (spark.local.dir)"
    else:
        place = (_checkpoint(text) if _CHECKPOINT_FILES in text else None) or where or _LAKE
    return UserError(f"no space left on the device of {place}; free some, {AGAIN}")


def _no_access(text: str, where: str | None) -> EventLakeError | None:
    if denied := _DENIED.search(text):
        place = plain_path(_matched_group(denied) or where or _LAKE)
        return UserError(f"{place}: access denied; allow reading, writing and deleting there, {AGAIN}")
    if refused := _REFUSED.search(text):
        return UserError(f"{where or _LAKE}: {_short(refused)}; check lake.root, its region and the credentials in use")
    return None


def _out_of_reach(text: str, where: str | None) -> EventLakeError | None:
    if unreachable := _UNREACHABLE.search(text):
        return ServiceUnavailableError(f"{where or _LAKE} stayed out of reach: {_short(unreachable)}; wait, {AGAIN}")
    if failed := _CATALOG.search(text):
        return ServiceUnavailableError(
            f"Spark's catalog (Hive's metastore or Glue), which Delta asks for every table, failed: {_short(failed)};"
            f" let it answer (Glue must allow glue:GetDatabase and glue:GetTable, of `delta` too), {AGAIN}"
        )
    return None


def _lost(text: str, where: str | None) -> EventLakeError | None:
    if gone := _GONE.search(text):
        return DataLossError(f"there's no table at {plain_path(_matched_group(gone) or where or _LAKE)}; {PUT_BACK}")
    if bad := _UNREADABLE.search(text):
        place = plain_path(bad["file"] or bad["log"] or where or "the _delta_log of a table")
        return DataLossError(f"{place} is gone or damaged ({bad['detail'] or bad['damage']}); {PUT_BACK}")
    return None


def _changed(text: str, where: str | None) -> EventLakeError | None:
    if changed := _CHANGED.search(text):
        return _changed_by_somebody(where, changed["condition"], changed["problem"])
    if rival := _RIVAL.search(text):
        return UserError(
            f"another query uses this checkpoint, or it's damaged ({rival['detail']}); stop the other one, or:"
            f" {NEW_CHECKPOINT}"
        )
    return None


def _changed_by_somebody(where: str | None, condition: str, problem: str) -> UserError:
    told = problem.strip().rstrip(".")[:_MOST_DETAIL]
    return UserError(
        f"{where or 'a table'} was changed by somebody else: {condition}{told and f': {told}'}; undo what doesn't fit"
        f" (DESCRIBE HISTORY tells what was done), {AGAIN}"
    )


def _bad_checkpoint(text: str, where: str | None) -> EventLakeError | None:
    damaged = _DAMAGED.search(text)
    if damaged is None:
        return None
    place = _checkpoint(text) or where or "under lake.root"
    if place.endswith("build_staging"):
        remedy = "move it away: build_staging then reads raw/events anew, and inserts what is missing"
    else:
        remedy = NEW_CHECKPOINT
    return UserError(f"checkpoint {place} is damaged ({damaged['detail'] or damaged['method']}); {remedy}")


def _checkpoint(text: str) -> str | None:
    match = _CHECKPOINT.search(text)
    return plain_path(_matched_group(match) or "") if match else None


def _matched_group(match: re.Match[str]) -> str | None:
    """Return the one named part of the pattern that matched some text, or None if none did."""
    return next((group for group in match.groups() if group), None)


def _short(match: re.Match[str]) -> str:
    return (_matched_group(match) or "")[:_MOST_DETAIL]
