"""A checkpoint says what it began with, is held to that, and is put aside whole for a new one."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from event_lake.errors import UserError
from event_lake.kinesis import source
from event_lake.kinesis.offsets import Offset
from event_lake.kinesis.options import FORMAT, options_of
from event_lake.lake.checkpoints import Checkpoint
from event_lake.raw.beginning import Beginning, beginning_of, keep_beginning
from support.emulators import Stream

BEGINNING = Beginning(
    stream="events",
    start_from='{"shardId-000000000000": "5"}',
    dedup_window=timedelta(minutes=90),
    dedup_on="event_uuid",
    shuffle_partitions="4",
    first_batch=8,
    older_until=datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC),
    holes={"shardId-000000000001": "expired before noon"},
    gone={"shardId-000000000001": "7"},
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FILE = "event_lake.json"
WAY_OUT = "ingest_raw --new-checkpoint, given once, resumes from the ledger"


@pytest.fixture
def checkpoint(spark: SparkSession, tmp_path: Path) -> Checkpoint:
    """One that doesn't exist yet, in a folder with a name that needs care."""
    return Checkpoint(spark, str(tmp_path / "Ünï c'ode%20" / "ingest_raw"))


def write(checkpoint: Checkpoint, name: str, text: str) -> None:
    """As whoever damages a file writes it, and takes Hadoop's checksum away."""
    path = Path(checkpoint.path, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    (path.parent / f".{path.name}.crc").unlink(missing_ok=True)


def files(checkpoint: Checkpoint) -> Iterator[str]:
    """All in the folder around the checkpoint, without checksums."""
    folder = Path(checkpoint.path).parent
    return (str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.suffix != ".crc")


@pytest.mark.parametrize(
    "beginning", [BEGINNING, Beginning(**{**vars(BEGINNING), "older_until": None, "holes": {}, "gone": {}})]
)
def test_what_it_began_with_is_read_back(checkpoint: Checkpoint, beginning: Beginning) -> None:
    assert not checkpoint.has(FILE)
    keep_beginning(checkpoint, beginning)
    assert checkpoint.has(FILE)
    assert beginning_of(checkpoint) == beginning
    assert list(files(checkpoint)) == [f"ingest_raw/{FILE}"]


def test_a_beginning_without_a_batch_can_be_another(checkpoint: Checkpoint) -> None:
    keep_beginning(checkpoint, BEGINNING)
    another = Beginning(**{**vars(BEGINNING), "start_from": "latest"})
    keep_beginning(checkpoint, another)
    assert beginning_of(checkpoint) == another


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"stream": "events"}', "\x00"])
def test_a_file_that_is_not_what_was_written_is_told_with_the_way_out(checkpoint: Checkpoint, text: str) -> None:
    write(checkpoint, FILE, text)
    with pytest.raises(UserError) as refused:
        beginning_of(checkpoint)
    assert str(refused.value) == f"checkpoint {checkpoint.path}: {FILE} isn't what was written; {WAY_OUT}"


def test_a_value_too_many_is_no_beginning(checkpoint: Checkpoint) -> None:
    keep_beginning(checkpoint, BEGINNING)
    stored = json.loads(Path(checkpoint.path, FILE).read_text("utf-8"))
    write(checkpoint, FILE, json.dumps({**stored, "version": 2}))
    with pytest.raises(UserError, match="isn't what was written"):
        beginning_of(checkpoint)


def test_a_beginning_of_before_there_were_formats_is_read(checkpoint: Checkpoint) -> None:
    keep_beginning(checkpoint, BEGINNING)
    fields = json.loads(Path(checkpoint.path, FILE).read_text("utf-8"))
    assert fields.pop("format") == 1
    write(checkpoint, FILE, json.dumps(fields))
    assert beginning_of(checkpoint) == BEGINNING


def test_a_beginning_of_a_newer_version_is_not_called_damaged(checkpoint: Checkpoint) -> None:
    write(checkpoint, FILE, '{"format": 2, "stream": ["events"]}')
    with pytest.raises(UserError) as refused:
        beginning_of(checkpoint)
    assert str(refused.value) == (
        f"checkpoint {checkpoint.path}: {FILE} was written by a newer Event Lake: it has format 2, and this version"
        " knows them up to 1; use the newer version again"
    )


def test_a_file_that_is_gone_or_torn_cannot_be_read(checkpoint: Checkpoint) -> None:
    with pytest.raises(UserError, match=r"event_lake[.]json can't be read \(FileNotFoundException\)"):
        beginning_of(checkpoint)
    keep_beginning(checkpoint, BEGINNING)
    # The checksum stays that of the whole file.
    Path(checkpoint.path, FILE).write_text("{}", "utf-8")
    with pytest.raises(UserError, match=r"event_lake[.]json can't be read \(ChecksumException\)"):
        beginning_of(checkpoint)


def test_the_newest_batch_is_the_highest_number_and_not_the_last_text(checkpoint: Checkpoint) -> None:
    assert checkpoint.newest_batch is None
    for name in ("9", "10", ".11.crc", "12.tmp"):
        write(checkpoint, f"offsets/{name}", "")
    assert checkpoint.newest_batch == 10


def test_it_is_put_aside_with_all_that_it_holds_and_marked_until_another_is_there(
    spark: SparkSession, checkpoint: Checkpoint
) -> None:
    keep_beginning(checkpoint, BEGINNING)
    write(checkpoint, "offsets/0", "v1")
    checkpoint.set_aside()
    assert checkpoint.is_being_replaced
    assert not checkpoint.has(FILE)
    [aside] = Path(checkpoint.path).parent.glob("ingest_raw.replaced-20*Z")
    assert beginning_of(Checkpoint(spark, str(aside))) == BEGINNING
    assert (aside / "offsets" / "0").read_text() == "v1"
    keep_beginning(checkpoint, BEGINNING)
    checkpoint.end_replacement()
    assert not checkpoint.is_being_replaced


def test_one_that_is_lost_is_put_aside_as_nothing(checkpoint: Checkpoint) -> None:
    checkpoint.set_aside()
    assert list(files(checkpoint)) == ["ingest_raw.being-replaced"]
    checkpoint.set_aside()
    checkpoint.end_replacement()
    assert list(files(checkpoint)) == []


def test_each_of_several_that_are_put_aside_is_kept(checkpoint: Checkpoint) -> None:
    for _ in range(3):
        keep_beginning(checkpoint, BEGINNING)
        checkpoint.set_aside()
    assert len(list(files(checkpoint))) == 4


@pytest.fixture
def queried(spark: SparkSession, stream: Stream, checkpoint: Checkpoint) -> list[tuple[int, datetime, str]]:
    """A query has run on the checkpoint: of each receipt its batch, clock, and last record."""
    stream.put(b"1", b"2", key="a")
    stream.put(b"3", key="b")
    found: list[tuple[int, datetime, str]] = []
    source.register_source(spark)

    def note(rows: DataFrame, batch_id: int) -> None:
        clock = F.unix_millis("ingested_at").alias("clock")
        receipts = rows.where("receipt is not null").select(clock, "receipt.last_sequence_number").collect()
        found.extend((batch_id, EPOCH + timedelta(milliseconds=row.clock), row[1]) for row in receipts)

    keep_beginning(checkpoint, BEGINNING)
    records = spark.readStream.format(FORMAT).options(**options_of(stream.settings("lake").source)).load()
    clocked = records.withColumn("ingested_at", F.current_timestamp())
    writing = clocked.writeStream.option("checkpointLocation", checkpoint.path).foreachBatch(note)
    # By Spark 4.1 each run takes one batch, and the first one only says where the records begin.
    for _ in range(2):
        query = writing.trigger(availableNow=True).start()
        query.awaitTermination()
        query.stop()
    return found


def test_sparks_own_log_tells_where_a_batch_ends_and_its_clock(
    checkpoint: Checkpoint, queried: list[tuple[int, datetime, str]]
) -> None:
    newest = checkpoint.newest_batch
    assert newest is not None
    first, last = (Offset.from_json(checkpoint.planned(number).source) for number in (0, newest))
    clock = checkpoint.planned(newest).clock
    assert set(first.positions.values()) == {"TRIM_HORIZON"}
    assert {(newest, clock, n) for n in last.positions.values() if n.isdigit()} == set(queried)
    assert len(queried) == 2
    assert first.cut <= last.cut <= clock
    checkpoint.refuse_damaged()
    assert beginning_of(checkpoint) == BEGINNING


@pytest.fixture
def planned(checkpoint: Checkpoint) -> Checkpoint:
    """A checkpoint with two batches, both committed."""
    write(checkpoint, "metadata", '{"id": "1"}')
    for batch_id in range(2):
        write(checkpoint, f"offsets/{batch_id}", 'v1\n{"batchTimestampMs": 1, "batchWatermarkMs": 0}\n{"a": 1}')
        write(checkpoint, f"commits/{batch_id}", 'v1\n{"nextBatchWatermarkMs": 0}')
    checkpoint.refuse_damaged()
    return checkpoint


@pytest.mark.parametrize("name", ["metadata", "offsets/0", "offsets/1", "commits/0", "commits/1"])
@pytest.mark.parametrize("text", ["", "v1", "v1\n", 'v1\n{"batchTimest', "2\n{}"])
def test_what_spark_reads_first_must_be_what_it_wrote(planned: Checkpoint, name: str, text: str) -> None:
    write(planned, name, text)
    with pytest.raises(UserError) as refused:
        planned.refuse_damaged()
    assert str(refused.value) == f"checkpoint {planned.path}: {name} isn't what Spark wrote; {WAY_OUT}"


def test_a_query_without_its_id_would_be_another_to_the_tables(planned: Checkpoint) -> None:
    Path(planned.path, "metadata").unlink()
    with pytest.raises(UserError, match=r"metadata can't be read \(FileNotFoundException\)"):
        planned.refuse_damaged()


def test_a_batch_that_is_not_committed_is_no_damage(planned: Checkpoint) -> None:
    Path(planned.path, "commits/1").unlink()
    planned.refuse_damaged()


def test_an_offset_log_of_another_shape_is_told(planned: Checkpoint) -> None:
    write(planned, "offsets/1", 'v1\n{"batchTimestampMs": 1, "batchWatermarkMs": 0}\n{"a": 1}\n{"b": 1}')
    with pytest.raises(UserError, match="offsets/1 isn't what Spark wrote"):
        planned.planned(1)
