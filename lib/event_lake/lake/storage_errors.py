"""What failed where the lake is stored: an exception of Spark's, Delta's or Hadoop's as one of ours. Pure.

They are known by their conditions, their classes and the methods in their stacks, and by words only where the
operating system's errors have nothing else. Source: what Spark 4.2, Delta 4.4 and Hadoop 3.5 raised on lakes that were
damaged on purpose.
"""

import re

from event_lake.errors import DataLossError, EventLakeError, ServiceUnavailableError, UserError

NEW_CHECKPOINT = "ingest_raw --new-checkpoint, given once, resumes from the ledger"
AGAIN = "and start again: nothing is lost, the batch is repeated"
PUT_BACK = "put it back from a backup or the bucket's older versions, and start again"

_LAKE = "the storage under lake.root"
_MOST_DETAIL = 200
# A class or a condition begins a line, or stands behind ": " in it.
_BEGIN = r"(?:^|: )"
# What S3A says that it did, before it says what the SDK says.
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
    rf"{_BEGIN}org\.apache\.hadoop\.fs\.s3a\.(?P<detail>(?:UnknownStoreException|AWSBadRequestException): {_CALL})"
)
_UNREACHABLE = _pattern(
    rf"{_BEGIN}(?:org\.apache\.hadoop\.fs\.s3a\.(?P<detail>(?:AWSServiceThrottledException|AWSStatus500Exception"
    rf"|AWSApiCallTimeoutException|HttpChannelEOFException): {_CALL})"
    # Spark's own processes lose each other by the same classes: only an error that names an object is the storage's.
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
    r"|DELTA_CANNOT_MODIFY_APPEND_ONLY|DELTA_VIOLATE_CONSTRAINT_WITH_VALUES"
    r"|DELTA_UNSUPPORTED_FEATURES_FOR_(?:READ|WRITE))\] "
    # Behind these words come values of a row.
    r"(?P<said>(?:(?! violated by row)[^\n])*)"
)
_RIVAL = _pattern(rf"{_BEGIN}\[(?P<detail>DELTA_CONCURRENT_TRANSACTION|CONCURRENT_STREAM_LOG_UPDATE)\]")
_DAMAGED = _pattern(
    rf"{_BEGIN}\[(?P<detail>CANNOT_LOAD_STATE_STORE[.\w]*|STREAMING_CHECKPOINT_MISSING_METADATA_FILE"
    r"|STREAMING_STATEFUL_OPERATOR_MISSING_STATE_DIRECTORY)\]"
    # Errors of many kinds while Spark reads the query's id, its two logs, and what its state's rows look like.
    r"|^\tat org\.apache\.spark\.sql\.execution\.streaming\.[\w.]*(?P<method>StreamMetadata\$\.read"
    r"|HDFSMetadataLog\.applyFnToBatchByStream|MicroBatchExecution\.validateOffsetLogAndGetPrevOffset"
    r"|StateSchemaCompatibilityChecker\$\.readSchemaFile)\("
)
_WRITTEN = _pattern(r"\[TASK_WRITE_FAILED\] Task failed while writing rows to (?P<path>\S+?)\.(?:\s|$)")
_CHECKPOINT = _pattern(r"checkpointLocation=(?P<path>[^,\]\n]+)|Checkpoint location (?P<named>\S+) is in an incons")
_LOCAL_FOLDERS = "\tat org.apache.spark.storage.DiskBlockObjectWriter."
_CHECKPOINT_FILES = ".CheckpointFileManager$"


def explain(error: Exception, where: str | None = None) -> EventLakeError | None:
    """`error` as one of ours, in one line, if it's the storage that failed; else None.

    `where` is the path that was read or written, for errors that don't name one. UserError: no space, no access, a
    table that somebody else changed, a damaged checkpoint. DataLossError: a table, or a file of it, is gone or damaged.
    ServiceUnavailableError: the storage stayed out of reach after its client's own retries. No line holds values of
    rows, though some of Delta's errors do.
    """
    # PySpark keeps the Java stack of what it translates, but leaves it out of the text.
    told = f"{error}\n{getattr(error, '_stackTrace', '')}"
    for explain in (_no_space, _no_access, _out_of_reach, _lost, _changed, _bad_checkpoint):
        if found := explain(told, where):
            return found
    return None


def _no_space(told: str, where: str | None) -> EventLakeError | None:
    if not _FULL.search(told):
        return None
    if written := _WRITTEN.search(told):
        place = _path(written["path"])
    elif _LOCAL_FOLDERS in told:
        place = "Spark's local folders (spark.local.dir)"
    else:
        place = (_checkpoint(told) if _CHECKPOINT_FILES in told else None) or where or _LAKE
    return UserError(f"no space left on the device of {place}; free some, {AGAIN}")


def _no_access(told: str, where: str | None) -> EventLakeError | None:
    if denied := _DENIED.search(told):
        place = _path(_given(denied) or where or _LAKE)
        return UserError(f"{place}: access denied; allow reading, writing and deleting there, {AGAIN}")
    if refused := _REFUSED.search(told):
        return UserError(f"{where or _LAKE}: {_short(refused)}; check lake.root, its region and the credentials in use")
    return None


def _out_of_reach(told: str, where: str | None) -> EventLakeError | None:
    if found := _UNREACHABLE.search(told):
        return ServiceUnavailableError(f"{where or _LAKE} stayed out of reach: {_short(found)}; wait, {AGAIN}")
    return None


def _lost(told: str, where: str | None) -> EventLakeError | None:
    if gone := _GONE.search(told):
        return DataLossError(f"there's no table at {_path(_given(gone) or where or _LAKE)}; {PUT_BACK}")
    if bad := _UNREADABLE.search(told):
        place = _path(bad["file"] or bad["log"] or where or "the _delta_log of a table")
        return DataLossError(f"{place} is gone or damaged ({bad['detail'] or bad['damage']}); {PUT_BACK}")
    return None


def _changed(told: str, where: str | None) -> EventLakeError | None:
    if changed := _CHANGED.search(told):
        said = f"{changed['condition']}: {changed['said'].strip().rstrip('.')[:_MOST_DETAIL]}"
        return UserError(
            f"{where or 'a table'} was changed by somebody else: {said}; undo what doesn't fit (DESCRIBE HISTORY tells"
            f" what was done), {AGAIN}"
        )
    if rival := _RIVAL.search(told):
        return UserError(
            f"another query uses this checkpoint, or it's damaged ({rival['detail']}); stop the other one, or:"
            f" {NEW_CHECKPOINT}"
        )
    return None


def _bad_checkpoint(told: str, where: str | None) -> EventLakeError | None:
    damaged = _DAMAGED.search(told)
    if damaged is None:
        return None
    place = _checkpoint(told) or where or "under lake.root"
    if place.endswith("build_staging"):
        remedy = "move it away: build_staging then reads raw/events anew, and inserts what is missing"
    else:
        remedy = NEW_CHECKPOINT
    return UserError(f"checkpoint {place} is damaged ({damaged['detail'] or damaged['method']}); {remedy}")


def _checkpoint(told: str) -> str | None:
    found = _CHECKPOINT.search(told)
    return _path(_given(found) or "") if found else None


def _given(found: re.Match[str]) -> str | None:
    """The one group that took part, if any did."""
    return next((group for group in found.groups() if group), None)


def _short(found: re.Match[str]) -> str:
    return (_given(found) or "")[:_MOST_DETAIL]


def _path(uri: str) -> str:
    """A local file as people write it."""
    return re.sub(r"^file:(?://)?(?=/)", "", uri)
