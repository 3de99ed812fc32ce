"""ingest_raw goes on with its checkpoint, or begins anew from the ledger, wherever it was killed."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from event_lake.config.settings import Lake, Raw, Settings, Source
from event_lake.errors import ConfigError, DataLossError, EventLakeError, UserError
from event_lake.kinesis import source
from event_lake.kinesis.offsets import Offset
from event_lake.kinesis.options import FORMAT, options_of, without_bounds
from event_lake.lake import layout
from event_lake.lake.checkpoints import Checkpoint
from event_lake.lake.schemas import EVENT, LEDGER, QUARANTINE
from event_lake.raw.beginning import Beginning, beginning_of, keep_beginning, open_or_replace_checkpoint
from support.empty_tables import make_empty
from support.emulators import Stream
from support.fake_shards import T0, FakeShards

MINUTE = timedelta(minutes=1)
WAY_OUT = "ingest_raw --new-checkpoint, given once, resumes from the ledger"


class Killed(BaseException):
    """What ends a process at a moment that a test chooses."""


class DyingCheckpoint(Checkpoint):
    """One whose process is killed before, or after, it does what `step` names."""

    def __init__(self, spark: SparkSession, path: str, step: str, *, after: bool) -> None:
        super().__init__(spark, path)
        self._step = step
        self._after = after

    def set_aside(self) -> None:
        self._or_die("set_aside", super().set_aside)

    def put(self, name: str, text: str) -> None:
        self._or_die("begin", lambda: super(DyingCheckpoint, self).put(name, text))

    def _or_die(self, step: str, do: Callable[[], None]) -> None:
        dies = step == self._step
        if dies and not self._after:
            raise Killed
        do()
        if dies:
            raise Killed


def the_stream() -> FakeShards:
    """Of its three records the lake holds the first."""
    shards = FakeShards("a", "b", clock=600)
    shards.put("a", 10, 100)
    shards.put("b", 200)
    return shards


def an_entry(shard_id: str, batch_id: int, **fields: Any) -> dict[str, Any]:
    at = T0 + batch_id * MINUTE
    return {
        "stream": "events",
        "shard_id": shard_id,
        "batch_id": batch_id,
        "ingested_at": at,
        "read_until": at - timedelta(seconds=10),
        **fields,
    }


def _append(
    spark: SparkSession, root: str, table: layout.Table, rows: Sequence[Mapping[str, Any]], schema: Any
) -> None:
    spark.createDataFrame(rows, schema).coalesce(1).write.format("delta").mode("append").save(table.path(root))


@pytest.fixture(scope="module")
def written_lake(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Its last batch is 1; a crash left batch 2 in raw and quarantine, but not in the ledger."""
    root = str(tmp_path_factory.mktemp("lakes") / "written")
    make_empty(spark, root, layout.RAW)
    opened = [an_entry("a", 0, start="TRIM_HORIZON"), an_entry("b", 0, start="TRIM_HORIZON")]
    _append(spark, root, layout.LEDGER, [*opened, an_entry("a", 1, last_sequence_number="1")], LEDGER)
    for batch_id in (1, 2):
        row = {"event_uuid": "1", "event_type": "lesson", "date": date(2026, 11, 21), "batch_id": batch_id}
        _append(spark, root, layout.RAW_EVENTS, [row], EVENT)
        _append(spark, root, layout.QUARANTINE, [{"date": row["date"], "batch_id": batch_id}], QUARANTINE)
    return root


@pytest.fixture
def empty(spark: SparkSession, root: str) -> Settings:
    """The settings of a lake without batches."""
    make_empty(spark, root, layout.RAW)
    return Settings(source=Source(stream="events"), lake=Lake(root=root))


@pytest.fixture
def written(written_lake: str, root: str) -> Settings:
    """The settings of a lake with batches 0 and 1, and half of batch 2."""
    shutil.copytree(written_lake, root)
    return Settings(source=Source(stream="events"), lake=Lake(root=root))


def checkpoint_of(spark: SparkSession, settings: Settings) -> Checkpoint:
    return Checkpoint(spark, layout.checkpoint_path(settings.lake.root, "ingest_raw"))


def start(
    spark: SparkSession, settings: Settings, shards: FakeShards | None = None, *, anew: bool = False
) -> Beginning:
    checkpoint = checkpoint_of(spark, settings)
    beginning = open_or_replace_checkpoint(spark, settings, checkpoint, shards or the_stream(), anew=anew)
    assert beginning_of(checkpoint) == beginning
    assert not checkpoint.is_being_replaced
    return beginning


def plan(settings: Settings, newest: int) -> None:
    """Leave in the checkpoint what Spark keeps of its batches, as far as it's looked at."""
    folder = Path(layout.checkpoint_path(settings.lake.root, "ingest_raw"))
    (folder / "offsets").mkdir(parents=True, exist_ok=True)
    (folder / "offsets" / str(newest)).write_text('v1\n{"batchTimestampMs": 1}\n{"shards": {}}')
    (folder / "metadata").write_text('{"id": "1"}')


def aside(settings: Settings) -> list[str]:
    """The files that were put aside."""
    old = Path(settings.lake.root, "_checkpoints").glob("ingest_raw.replaced-*")
    return sorted(file.name for folder in old for file in folder.rglob("*") if file.is_file() and file.suffix != ".crc")


def batches(spark: SparkSession, settings: Settings) -> list[list[int]]:
    """Those in raw and in quarantine."""
    return [
        sorted(row.batch_id for row in spark.read.format("delta").load(table.path(settings.lake.root)).collect())
        for table in (layout.RAW_EVENTS, layout.QUARANTINE)
    ]


def refusal(spark: SparkSession, settings: Settings, kind: type[EventLakeError], *, anew: bool = False) -> str:
    """What a start says that is refused, and leaves all as it was."""
    folder = Path(settings.lake.root)
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
    with pytest.raises(kind) as refused:
        open_or_replace_checkpoint(spark, settings, checkpoint_of(spark, settings), the_stream(), anew=anew)
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*")} == before
    assert refused.type is kind
    return str(refused.value).replace(layout.checkpoint_path(settings.lake.root, "ingest_raw"), "IT")


FIRST = Beginning(
    stream="events",
    start_from="earliest",
    dedup_window=timedelta(hours=1),
    dedup_on="event_uuid",
    shuffle_partitions="4",
)
# After what the written lake's ledger tells.
RESUMED = replace(FIRST, start_from='{"a": "1", "b": "TRIM_HORIZON"}', first_batch=2, older_until=T0 + MINUTE)


def test_a_new_lake_begins_as_configured(spark: SparkSession, empty: Settings) -> None:
    assert start(spark, empty) == FIRST


def test_a_new_checkpoint_of_a_new_lake_begins_as_configured(spark: SparkSession, empty: Settings) -> None:
    latest = replace(empty, source=replace(empty.source, start_from="latest"))
    assert start(spark, latest, anew=True) == replace(FIRST, start_from="latest")


def test_a_query_that_came_to_no_batch_begins_as_configured_now(spark: SparkSession, empty: Settings) -> None:
    keep_beginning(checkpoint_of(spark, empty), FIRST)
    later = replace(empty, source=replace(empty.source, start_from="latest"), raw=Raw(dedup_window=5 * MINUTE))
    assert start(spark, later) == replace(FIRST, start_from="latest", dedup_window=5 * MINUTE)


def test_a_query_goes_on_with_what_its_checkpoint_began_with(spark: SparkSession, written: Settings) -> None:
    # Where to start from isn't asked any more.
    beginning = replace(FIRST, start_from="2026-11-21T00:00:00Z", first_batch=1)
    keep_beginning(checkpoint_of(spark, written), beginning)
    plan(written, 0)
    assert start(spark, written) == beginning


def test_a_setting_that_changed_is_refused_and_taken_with_a_new_checkpoint(
    spark: SparkSession, written: Settings
) -> None:
    keep_beginning(checkpoint_of(spark, written), FIRST)
    plan(written, 1)
    session = spark.newSession()
    session.conf.set("spark.sql.shuffle.partitions", "5")
    assert refusal(session, written, ConfigError) == (
        "spark.\"spark.sql.shuffle.partitions\" = '5': the checkpoint has '4', and Spark would go on with that,"
        f" whatever it's told; put it back, or: {WAY_OUT}"
    )
    assert start(session, written, anew=True) == replace(RESUMED, shuffle_partitions="5")


def test_a_lost_checkpoint_is_told(spark: SparkSession, written: Settings) -> None:
    assert refusal(spark, written, UserError) == f"checkpoint IT is lost, but the lake has batches; {WAY_OUT}"


def test_a_checkpoint_that_does_not_say_what_it_began_with_is_told(spark: SparkSession, written: Settings) -> None:
    plan(written, 1)
    assert refusal(spark, written, UserError) == (
        f"checkpoint IT: event_lake.json can't be read (FileNotFoundException); {WAY_OUT}"
    )


def test_a_damaged_checkpoint_is_told(spark: SparkSession, written: Settings) -> None:
    keep_beginning(checkpoint_of(spark, written), FIRST)
    plan(written, 1)
    Path(layout.checkpoint_path(written.lake.root, "ingest_raw"), "metadata").unlink()
    assert refusal(spark, written, UserError) == (
        f"checkpoint IT: metadata can't be read (FileNotFoundException); {WAY_OUT}"
    )


def test_a_checkpoint_older_than_the_ledger_is_told(spark: SparkSession, written: Settings) -> None:
    keep_beginning(checkpoint_of(spark, written), FIRST)
    plan(written, 0)
    assert refusal(spark, written, UserError) == (
        f"checkpoint IT ends with batch 0, but the ledger with 1: it's not the newest; {WAY_OUT}"
    )


@pytest.mark.parametrize("there_is", ["a damaged one", "none"])
def test_a_new_checkpoint_resumes_from_the_ledger_whatever_became_of_the_old_one(
    spark: SparkSession, written: Settings, there_is: str
) -> None:
    if there_is == "a damaged one":
        plan(written, 2)
        Path(layout.checkpoint_path(written.lake.root, "ingest_raw"), "offsets/2").write_text("")
    assert start(spark, written, anew=True) == RESUMED
    # What a crash left of batch 2 will be read again.
    assert batches(spark, written) == [[1], [1]]
    assert aside(written) == ([] if there_is == "none" else ["2", "metadata"])


def test_a_new_checkpoint_that_came_to_no_batch_is_made_again(spark: SparkSession, written: Settings) -> None:
    keep_beginning(checkpoint_of(spark, written), replace(RESUMED, start_from='{"expired": "1"}'))
    assert start(spark, written) == RESUMED


@pytest.mark.parametrize(
    ("step", "after", "anew"),
    [("set_aside", True, False), ("begin", False, False), ("begin", True, False), ("begin", True, True)],
)
def test_a_new_checkpoint_ends_right_wherever_it_is_killed_and_however_it_is_started_again(
    spark: SparkSession, written: Settings, step: str, *, after: bool, anew: bool
) -> None:
    plan(written, 2)
    dying = DyingCheckpoint(spark, checkpoint_of(spark, written).path, step, after=after)
    with pytest.raises(Killed):
        open_or_replace_checkpoint(spark, written, dying, the_stream(), anew=True)
    assert start(spark, written, anew=anew) == RESUMED
    assert batches(spark, written) == [[1], [1]]
    assert [name for name in aside(written) if name != "event_lake.json"] == ["2", "metadata"]


def test_a_folder_that_is_renamed_object_by_object_is_not_used_where_that_was_killed(
    spark: SparkSession, written: Settings
) -> None:
    keep_beginning(checkpoint_of(spark, written), FIRST)
    plan(written, 2)
    Path(f"{checkpoint_of(spark, written).path}.being-replaced").touch()
    assert start(spark, written) == RESUMED
    assert aside(written) == ["2", "event_lake.json", "metadata"]


def test_a_stream_that_the_lake_does_not_know_begins_as_configured_after_the_others_batches(
    spark: SparkSession, written: Settings
) -> None:
    other = replace(written, source=Source(stream="other", start_from="latest"))
    assert start(spark, other, anew=True) == replace(RESUMED, stream="other", start_from="latest")


def test_records_that_expired_are_told_before_anything_is_changed(spark: SparkSession, written: Settings) -> None:
    plan(written, 2)
    late = FakeShards("a", "b", clock=3 * 24 * 3600)
    late.put("a", 10, 100)
    with pytest.raises(DataLossError, match=r"records of a after 1 .* may have expired unread"):
        open_or_replace_checkpoint(spark, written, checkpoint_of(spark, written), late, anew=True)
    assert batches(spark, written) == [[1, 2], [1, 2]]
    assert aside(written) == []
    going_on = replace(written, source=replace(written.source, fail_on_data_loss=False))
    assert set(start(spark, going_on, late, anew=True).holes) == {"a", "b"}


def test_a_ledger_that_lost_rows_is_told_before_anything_is_deleted(spark: SparkSession, written: Settings) -> None:
    row = {"event_type": "lesson", "date": date(2026, 11, 21), "batch_id": 3}
    _append(spark, written.lake.root, layout.RAW_EVENTS, [row], EVENT)
    assert "raw/ledger ends with batch 1, but raw/events and raw/quarantine hold 2, 3" in refusal(
        spark, written, DataLossError, anew=True
    )


def test_a_query_that_was_killed_while_spark_wrote_its_first_offset_begins_again(
    spark: SparkSession, stream: Stream, empty: Settings
) -> None:
    settings = replace(stream.settings(empty.lake.root), lake=empty.lake)
    stream.put(b"1")
    keep_beginning(checkpoint_of(spark, settings), FIRST)
    left = Path(checkpoint_of(spark, settings).path, "offsets", ".0.8a1f5c2e-0b1d-4c58-9d3c-3f6f0a6a3b55.tmp")
    left.parent.mkdir()
    left.write_text("v1")
    read: list[bytes] = []
    _ingest(spark, stream, settings, read)
    assert read == [b"1"]


def test_a_query_whose_checkpoint_is_lost_reads_exactly_the_rest_of_its_stream(
    spark: SparkSession, stream: Stream, empty: Settings
) -> None:
    settings = replace(stream.settings(empty.lake.root), lake=empty.lake)
    read: list[bytes] = []
    sent = [str(n).encode() for n in range(12)]
    for n, data in enumerate(sent[:6]):
        stream.put(data, key=str(n))
    _ingest(spark, stream, settings, read)
    assert sorted(read) == sorted(sent[:6])

    shutil.rmtree(checkpoint_of(spark, settings).path)
    for n, data in enumerate(sent[6:]):
        stream.put(data, key=str(n))
    _ingest(spark, stream, settings, read, anew=True)
    assert sorted(read) == sorted(sent)

    _ingest(spark, stream, settings, read)
    _ingest(spark, stream, settings, read, anew=True)
    assert sorted(read) == sorted(sent)


def _ingest(spark: SparkSession, stream: Stream, settings: Settings, read: list[bytes], *, anew: bool = False) -> None:
    """Run a query that keeps what the ledger tells of positions, and puts what it reads into `read`."""
    checkpoint = checkpoint_of(spark, settings)
    beginning = open_or_replace_checkpoint(spark, settings, checkpoint, stream.client(), anew=anew)

    def write(rows: DataFrame, spark_batch: int) -> None:
        planned, batch_id = checkpoint.planned(spark_batch), beginning.first_batch + spark_batch
        end = Offset.from_json(planned.source)
        common = {"stream": stream.name, "batch_id": batch_id, "ingested_at": planned.clock}
        common["read_until"] = end.cut
        held = rows.select("data", "shardId", "receipt").collect()
        entries: list[Mapping[str, Any]] = [
            {**common, "shard_id": row.shardId, "last_sequence_number": row.receipt.last_sequence_number}
            for row in held
            if row.receipt
        ]
        opened = [{**common, "shard_id": s, "start": position} for s, position in end.positions.items()]
        _append(spark, settings.lake.root, layout.LEDGER, entries or opened, LEDGER)
        read.extend(bytes(row.data) for row in held if not row.receipt)

    source.register_source(spark)
    begin = replace(settings.source, start_from=beginning.start_from)
    records = spark.readStream.format(FORMAT).options(**without_bounds(options_of(begin))).load()
    writing = records.writeStream.option("checkpointLocation", checkpoint.path).foreachBatch(write)
    query = writing.trigger(availableNow=True).start()
    try:
        query.awaitTermination()
    finally:
        query.stop()
