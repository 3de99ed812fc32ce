"""The texts are what Spark 4.2, Delta 4.4 and Hadoop 3.5 raised on lakes damaged on purpose, shortened."""

from collections.abc import Callable

import pytest

from event_lake.errors import DataLossError, ServiceUnavailableError, UserError
from event_lake.lake.storage_errors import AGAIN, NEW_CHECKPOINT, PUT_BACK, explain

STREAMING = "org.apache.spark.sql.execution.streaming"
# What stands after the message of each query's error.
PLAN = """=== Streaming Query ===
Identifier: ingest_raw [id = 1, runId = 2]
~WriteToMicroBatchDataSourceV1 ForeachBatchSink, 1, [checkpointLocation=/lake/_checkpoints/ingest_raw], Append
"""
IN_A_BATCH = """[STREAM_FAILED] Query [id = 1, runId = 2] terminated with exception: \
[FOREACH_BATCH_USER_FUNCTION_ERROR] An error occurred in the user provided function in foreach batch sink. Reason: \
An exception was raised by the Python Proxy. Return Message: Traceback (most recent call last):
  File "event_lake/tables.py", line 85, in append_once
    .save(table.path(root))
py4j.protocol.Py4JJavaError: An error occurred while calling o1.save.
"""


class CapturedError(Exception):
    """Like PySpark's: the Java stack is beside the text."""

    def __init__(self, text: str, stack: str = "") -> None:
        super().__init__(text)
        self._stackTrace = stack


def translate(error: Exception, where: str | None = None) -> tuple[type[Exception], str]:
    found = explain(error, where)
    return type(found), str(found)


def in_a_batch(java: str) -> CapturedError:
    return CapturedError(f"{IN_A_BATCH}: {java}\n\n{PLAN}")


def at_the_start(message: str, stack: str = "") -> CapturedError:
    return CapturedError(f"[STREAM_FAILED] Query [id = 1] terminated with exception: {message}\n{PLAN}", stack)


TASK_WITHOUT_SPACE = """org.apache.spark.SparkException: [TASK_WRITE_FAILED] Task failed while writing rows to \
file:/lake/raw/events. SQLSTATE: 58030
Caused by: org.apache.hadoop.fs.FSError: java.io.IOException: No space left on device
\tat org.apache.hadoop.fs.RawLocalFileSystem$LocalFSFileOutputStream.write(RawLocalFileSystem.java:549)
Caused by: java.io.IOException: No space left on device
\t... 40 more"""
LOG_WITHOUT_SPACE = f"""Caused by: org.apache.hadoop.fs.FSError: java.io.IOException: No space left on device
\tat {STREAMING}.checkpointing.CheckpointFileManager$RenameBasedFSDataOutputStream.close(C.scala:158)
"""
STATE_WITHOUT_SPACE = f"""org.apache.spark.SparkException: [CANNOT_WRITE_STATE_STORE.CANNOT_COMMIT] Error writing \
state store files for provider RocksDBStateStore[…]. Cannot perform commit during state checkpoint. SQLSTATE: 58030
{LOG_WITHOUT_SPACE}\tat {STREAMING}.state.StateStoreChangelogWriterV1.commit(StateStoreChangelog.scala:207)"""
SHUFFLE_WITHOUT_SPACE = """org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 139.0 \
failed 1 times, most recent failure: Lost task 0.0 in stage 139.0 (TID 119) (127.0.0.1 executor driver): \
java.io.IOException: No space left on device
\tat java.base/java.io.FileOutputStream.writeBytes(Native Method)
\tat org.apache.spark.storage.DiskBlockObjectWriter.commitAndGet(DiskBlockObjectWriter.scala:242)"""


@pytest.mark.parametrize(
    ("error", "device"),
    [
        (in_a_batch(TASK_WITHOUT_SPACE), "/lake/raw/events"),
        (
            at_the_start("java.io.IOException: No space left on device", LOG_WITHOUT_SPACE),
            "/lake/_checkpoints/ingest_raw",
        ),
        (in_a_batch(STATE_WITHOUT_SPACE), "/lake/_checkpoints/ingest_raw"),
        (in_a_batch(SHUFFLE_WITHOUT_SPACE), "Spark's local folders (spark.local.dir)"),
        (CapturedError("OSError: [Errno 28] No space left on device: '/lake/a'"), "the storage under lake.root"),
    ],
)
def test_a_full_disk_is_the_users_to_empty_and_says_which(error: Exception, device: str) -> None:
    assert translate(error) == (UserError, f"no space left on the device of {device}; free some, {AGAIN}")


@pytest.mark.parametrize(
    ("java", "place"),
    [
        ("java.nio.file.AccessDeniedException: s3://a/raw: getFileStatus on s3://a/raw: S3Exception", "s3://a/raw"),
        ("java.nio.file.AccessDeniedException: s3a://a/raw: NoAwsCredentialsException: No AWS", "s3a://a/raw"),
        ("java.nio.file.AccessDeniedException: /lake/raw/events/_delta_log", "/lake/raw/events/_delta_log"),
        ("java.io.FileNotFoundException: /lake/p=a/1.parquet (Permission denied)", "/lake/p=a/1.parquet"),
        ("java.io.FileNotFoundException: /lake/p=a/1.parquet (Read-only file system)", "/lake/p=a/1.parquet"),
        ("DeltaIOException: [DELTA_CANNOT_CREATE_LOG_PATH] Cannot create file:/lake/_delta_log", "/lake/_delta_log"),
        ("java.io.IOException: mkdir of file:/lake/_checkpoints failed", "/lake/_checkpoints"),
    ],
)
def test_denied_access_is_the_users_to_allow_and_says_where(java: str, place: str) -> None:
    line = f"{place}: access denied; allow reading, writing and deleting there, {AGAIN}"
    assert translate(in_a_batch(java)) == (UserError, line)


CALL = "getFileStatus on s3://lakes/lake"
SAID_BY_THE_SDK = "software.amazon.awssdk.services.s3.model.S3Exception: Slow (Service: S3, Status Code: 503)"


@pytest.mark.parametrize("name", ["AWSBadRequestException", "AWSRedirectException", "UnknownStoreException"])
def test_a_refused_request_or_missing_bucket_is_the_users(name: str) -> None:
    error = in_a_batch(f"org.apache.hadoop.fs.s3a.{name}: {CALL}: {SAID_BY_THE_SDK}")
    line = f"s3://lakes: {name}: {CALL}; check lake.root, its region and the credentials in use"
    assert translate(error, "s3://lakes") == (UserError, line)


@pytest.mark.parametrize(
    "name",
    [
        "org.apache.hadoop.fs.s3a.AWSServiceThrottledException",
        "org.apache.hadoop.fs.s3a.AWSStatus500Exception",
        "org.apache.hadoop.fs.s3a.AWSApiCallTimeoutException",
        "org.apache.hadoop.fs.s3a.HttpChannelEOFException",
        "java.net.ConnectException",
        "java.net.UnknownHostException",
    ],
)
def test_storage_that_stays_out_of_reach_is_worth_another_start(name: str) -> None:
    line = f"the storage under lake.root stayed out of reach: {name.rpartition('.')[2]}: {CALL}; wait, {AGAIN}"
    assert translate(in_a_batch(f"{name}: {CALL}: {SAID_BY_THE_SDK}")) == (ServiceUnavailableError, line)


@pytest.mark.parametrize("raised", [in_a_batch, CapturedError])
def test_a_metastore_that_stays_out_of_reach_is_worth_another_start(raised: Callable[[str], CapturedError]) -> None:
    reason = "java.lang.RuntimeException: Unable to instantiate SessionHiveMetaStoreClient"
    error, told = translate(raised(f"org.apache.hadoop.hive.ql.metadata.HiveException: {reason}"), "/lake/raw/events")
    assert (error, told) == (
        ServiceUnavailableError,
        (
            f"Spark's catalog (Hive's metastore or Glue), which Delta asks for every table, failed: {reason};"
            f" let it answer (Glue must allow glue:GetDatabase and glue:GetTable, of `delta` too), {AGAIN}"
        ),
    )


def test_state_that_cannot_be_loaded_because_the_storage_is_away_is_not_damaged() -> None:
    loading = "[CANNOT_LOAD_STATE_STORE.UNCATEGORIZED] An error occurred during loading state.  SQLSTATE: 58030"
    away = f"Caused by: org.apache.hadoop.fs.s3a.AWSServiceThrottledException: {CALL}: {SAID_BY_THE_SDK}"
    assert translate(in_a_batch(f"org.apache.spark.SparkException: {loading}\n{away}"))[0] is ServiceUnavailableError


@pytest.mark.parametrize(
    "text",
    [
        "[DELTA_TABLE_NOT_FOUND] Delta table `/lake/raw/events` doesn't exist.;",
        "[DELTA_MISSING_DELTA_TABLE] `/lake/raw/events` is not a Delta table.",
        "[PATH_NOT_FOUND] Path does not exist: /lake/raw/events. SQLSTATE: 42K03;",
    ],
)
def test_a_table_that_is_gone_is_lost_data(text: str) -> None:
    assert translate(CapturedError(text)) == (DataLossError, f"there's no table at /lake/raw/events; {PUT_BACK}")


READING = "Encountered error while reading file"


@pytest.mark.parametrize(
    ("condition", "message", "file"),
    [
        (
            "FAILED_READ_FILE.NO_HINT",
            f"{READING} file:///a/_delta_log/3.json.  SQLSTATE: KD001",
            "/a/_delta_log/3.json",
        ),
        ("FAILED_READ_FILE.FILE_NOT_EXIST", f"{READING} file:/a/1.parquet. File does not exist. It", "/a/1.parquet"),
        ("DELTA_TRUNCATED_TRANSACTION_LOG", "file:/a/_delta_log/0.json: Unable to", "/a/_delta_log/0.json"),
        ("DELTA_VERSIONS_NOT_CONTIGUOUS", "Versions (0, 1, 3) are not contiguous. ", "/lake/raw/quarantine"),
    ],
)
def test_a_file_that_is_gone_or_damaged_is_lost_data(condition: str, message: str, file: str) -> None:
    error = in_a_batch(f"org.apache.spark.SparkException: [{condition}] {message}")
    line = f"{file} is gone or damaged ({condition}); {PUT_BACK}"
    assert translate(error, "/lake/raw/quarantine") == (DataLossError, line)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("DELTA_METADATA_MISMATCH", "A metadata mismatch was detected when writing to the Delta table"),
        ("DELTA_FAILED_TO_MERGE_FIELDS", "Failed to merge fields 'bytes' and 'bytes'"),
        ("DELTA_METADATA_CHANGED", "MetadataChangedException: The metadata of the Delta table has been changed"),
        ("DELTA_CANNOT_MODIFY_APPEND_ONLY", "This table is configured to only allow appends"),
        ("DELTA_UNSUPPORTED_FEATURES_FOR_READ", "Unsupported Delta read feature: table requires fancyThing"),
    ],
)
def test_a_table_that_somebody_changed_is_the_users_to_mend(condition: str, message: str) -> None:
    error = in_a_batch(f"org.apache.spark.sql.delta.DeltaException: [{condition}] {message}.\n- A schema mismatch")
    where = "/lake/raw/events"
    mend = f"undo what doesn't fit (DESCRIBE HISTORY tells what was done), {AGAIN}"
    line = f"{where} was changed by somebody else: {condition}: {message}; {mend}"
    assert translate(error, where) == (UserError, line)


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (
            # The row's own text looks like another error.
            (
                "DeltaException: [DELTA_VIOLATE_CONSTRAINT_WITH_VALUES] CHECK constraint c (x is null) violated by row"
                " with values:\n - x : anna@example.org: java.io.IOException: No space left on device"
            ),
            "DELTA_VIOLATE_CONSTRAINT_WITH_VALUES: CHECK constraint c (x is null)",
        ),
        (
            'DeltaException: [DELTA_EXCEED_CHAR_VARCHAR_LIMIT] Value "anna" exceeds char/varchar type length',
            "DELTA_EXCEED_CHAR_VARCHAR_LIMIT",
        ),
        (
            "SparkNumberFormatException: [CAST_INVALID_INPUT] The value 'anna' of the type \"STRING\" cannot be cast",
            "CAST_INVALID_INPUT",
        ),
        (
            "DeltaException: [DELTA_NOT_NULL_CONSTRAINT_VIOLATED] NOT NULL constraint violated for column: date.\n",
            "DELTA_NOT_NULL_CONSTRAINT_VIOLATED: NOT NULL constraint violated for column: date",
        ),
    ],
)
def test_the_row_that_a_table_refuses_is_not_shown(raised: str, told: str) -> None:
    writer = "\n\tat org.apache.spark.sql.delta.files.DeltaFileFormatWriter$.$anonfun$executeWrite$7(D.scala:277)"
    mend = f"undo what doesn't fit (DESCRIBE HISTORY tells what was done), {AGAIN}"
    line = f"/lake/staging/events was changed by somebody else: {told}; {mend}"
    assert translate(in_a_batch(f"org.apache.{raised}{writer}"), "/lake/staging/events") == (UserError, line)


def test_two_queries_on_one_checkpoint_are_named_with_the_other_thing_that_looks_like_it() -> None:
    kind, line = translate(at_the_start("[CONCURRENT_STREAM_LOG_UPDATE] Concurrent update to the log."))
    assert (kind, line.endswith(NEW_CHECKPOINT)) == (UserError, True)


BAD_JSON = f"""Caused by: com.fasterxml.jackson.core.io.JsonEOFException: Unexpected end-of-input in field name
\tat {STREAMING}.checkpointing.OffsetSeqLog.deserialize(OffsetSeqLog.scala:100)
\tat {STREAMING}.checkpointing.HDFSMetadataLog.applyFnToBatchByStream(HDFSMetadataLog.scala:191)"""
MISSING_BATCH = f"""Caused by: java.lang.IllegalStateException: batch 2 doesn't exist
\tat {STREAMING}.runtime.MicroBatchExecution.validateOffsetLogAndGetPrevOffset(MicroBatchExecution.scala:706)"""
SHORT_SCHEMA = f"""Caused by: java.io.EOFException
\tat {STREAMING}.state.SchemaHelper$SchemaReader.readJsonSchema(SchemaHelper.scala:48)
\tat {STREAMING}.state.StateSchemaCompatibilityChecker$.readSchemaFile(StateSchemaCompatibilityChecker.scala:331)"""


@pytest.mark.parametrize(
    ("message", "stack", "what"),
    [
        ("[{}] Cannot restart", "", "STREAMING_STATEFUL_OPERATOR_MISSING_STATE_DIRECTORY"),
        (
            "[{}] An error occurred during loading state.",
            "",
            "CANNOT_LOAD_STATE_STORE.CANNOT_READ_STREAMING_STATE_FILE",
        ),
        ("Unexpected end-of-input in field name", BAD_JSON, "HDFSMetadataLog.applyFnToBatchByStream"),
        ("batch 2 doesn't exist", MISSING_BATCH, "MicroBatchExecution.validateOffsetLogAndGetPrevOffset"),
        ("", SHORT_SCHEMA, "StateSchemaCompatibilityChecker$.readSchemaFile"),
    ],
)
def test_a_damaged_checkpoint_is_named_with_the_flag_that_begins_another(message: str, stack: str, what: str) -> None:
    line = f"checkpoint /lake/_checkpoints/ingest_raw is damaged ({what}); {NEW_CHECKPOINT}"
    assert translate(at_the_start(message.format(what), stack)) == (UserError, line)


def test_a_checkpoint_of_staging_has_a_way_out_of_its_own() -> None:
    error = CapturedError(f"{STREAMING}: batch 2\n{PLAN.replace('ingest_raw', 'build_staging')}", MISSING_BATCH)
    kind, line = translate(error)
    assert (kind, NEW_CHECKPOINT in line, "build_staging is damaged" in line) == (UserError, False, True)


def test_a_query_whose_id_cannot_be_read_has_no_plan_that_names_its_checkpoint() -> None:
    text = ": com.fasterxml.jackson.databind.exc.MismatchedInputException: No content to map due to end-of-input"
    error = CapturedError(f"{text}\n\tat {STREAMING}.runtime.StreamMetadata$.read(StreamMetadata.scala:60)")
    assert translate(error)[1].startswith("checkpoint under lake.root is damaged (StreamMetadata$.read)")


NO_WORKER = "java.net.SocketTimeoutException: Timed out while waiting for the Python worker to connect back"


@pytest.mark.parametrize(
    "error",
    [
        CapturedError(""),
        CapturedError("No space left on device"),
        CapturedError("java.net.ConnectException: Connection refused: /127.0.0.1:7077"),
        CapturedError("a payload that says [DELTA_TABLE_NOT_FOUND] and java.io.IOException"),
        at_the_start("Python worker failed to connect back.", f"Caused by: {NO_WORKER}"),
        in_a_batch(f"java.lang.Exception: a\n\tat {STREAMING}.state.RocksDBStateStoreProvider.getStore(R.scala:994)"),
    ],
)
def test_what_is_not_the_storage_is_left_alone(error: Exception) -> None:
    assert explain(error) is None
