"""A batch that a crash left half written: finished as it was begun, or refused whole."""

from collections.abc import Sequence

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from event_lake.config.settings import Lake, Raw, Settings, Source
from event_lake.errors import UserError
from event_lake.lake import layout, tables
from event_lake.lake.ledger import Totals
from event_lake.raw.beginning import make_beginning
from event_lake.raw.ledger_rows import Batch
from event_lake.raw.parse import select_events, select_quarantined
from event_lake.raw.validation import validate_records
from event_lake.raw.write import EarlierRules, RawWriter
from support.empty_tables import make_empty
from support.record_frames import records
from support.sent import ARRIVED, an_event

BATCH = Batch(batch_id=0, clock=ARRIVED, read_until=ARRIVED)
GOOD = [an_event(event_uuid=f"good {n}") for n in range(5)]
BAD = [b"bad %d" % n for n in range(5)]
WAY_OUT = (
    "Changed since: raw.max_future is '60 seconds' and was '300 seconds'. Nothing was written: put that back until the"
    " batch is finished, or let it be read again by the rules of now: ingest_raw --new-checkpoint, given once, resumes"
    " from the ledger"
)


def rows_of(spark: SparkSession, data: Sequence[bytes], *, shard: str = "shardId-0", first: int = 100) -> DataFrame:
    """A batch of these records, as it comes to the writer."""
    came = validate_records(records(spark, data, shard=shard, first=first), Raw())
    return came.withColumns({"ingested_at": F.lit(ARRIVED), "batch_id": F.lit(0).cast("long")})


def leave(rows: DataFrame, root: str, table: layout.Table) -> None:
    """Leave in one table what it would have of a batch, as a crash does."""
    make_empty(rows.sparkSession, root, layout.RAW)
    part = select_events(rows) if table is layout.RAW_EVENTS else select_quarantined(rows)
    tables.append_once(part, root, table, writer="query", batch_id=0)


def write(rows: DataFrame, root: str, raw: Raw | None = None) -> Totals:
    """Write a batch as the run after the crash does."""
    spark = rows.sparkSession
    settings = Settings(source=Source(stream="events"), lake=Lake(root=root), raw=raw or Raw())
    changed = ["raw.max_future is '60 seconds' and was '300 seconds'"]
    writer = RawWriter(settings, make_beginning(spark, settings), "query", earlier_rules=EarlierRules(changed=changed))
    return writer.write(rows.drop("batch_id"), BATCH).totals


def refusal(rows: DataFrame, root: str, raw: Raw | None = None) -> str:
    """What is said of a repetition that is refused and writes nothing."""
    before = counts(rows.sparkSession, root)
    with pytest.raises(UserError) as refused:
        write(rows, root, raw)
    assert counts(rows.sparkSession, root) == before
    return str(refused.value)


def counts(spark: SparkSession, root: str) -> list[int]:
    return [tables.read(spark, root, table).count() for table in layout.RAW]


@pytest.mark.parametrize("left", [layout.RAW_EVENTS, layout.QUARANTINE])
def test_a_repetition_that_comes_to_the_same_completes_the_batch(
    spark: SparkSession, root: str, left: layout.Table
) -> None:
    rows = rows_of(spark, [*GOOD, *BAD])
    leave(rows, root, left)
    assert write(rows, root) == Totals(read=10, raw=5, quarantined=5)
    assert counts(spark, root)[:3] == [5, 5, 1]


def test_records_that_have_become_events_would_be_in_no_table(spark: SparkSession, root: str) -> None:
    leave(rows_of(spark, [*GOOD, *BAD]), root, layout.RAW_EVENTS)
    more = [an_event(event_uuid=f"now good {n}") for n in range(5)]
    assert refusal(rows_of(spark, [*GOOD, *more]), root) == (
        "an earlier run has begun to write batch 0, and this one would write it otherwise: raw/events holds 0 records"
        f" that wouldn't be there, and lacks 5. {WAY_OUT}"
    )


def test_events_that_are_none_any_more_would_be_in_both_tables(spark: SparkSession, root: str) -> None:
    leave(rows_of(spark, [*GOOD, *BAD]), root, layout.RAW_EVENTS)
    message = refusal(rows_of(spark, [*GOOD[:2], *BAD, b"bad, too"]), root)
    assert "raw/events holds 3 records that wouldn't be there, and lacks 0. Changed since" in message


def test_what_quarantine_holds_is_compared_where_raw_has_nothing_yet(spark: SparkSession, root: str) -> None:
    leave(rows_of(spark, [*GOOD, *BAD]), root, layout.QUARANTINE)
    more = [an_event(event_uuid=f"now good {n}") for n in range(5)]
    assert "raw/quarantine holds 5 records that wouldn't be there, and lacks 0. Changed" in refusal(
        rows_of(spark, [*GOOD, *more]), root
    )


def test_thirty_events_in_the_place_of_thirty_others_are_not_the_same(spark: SparkSession, root: str) -> None:
    ones, others = ([an_event(event_uuid=f"{kind} {n}") for n in range(30)] for kind in ("one", "other"))
    leave(rows_of(spark, [*GOOD, *ones]), root, layout.RAW_EVENTS)
    message = refusal(rows_of(spark, [*GOOD, *others]), root)
    assert "raw/events holds 30 records that wouldn't be there, and lacks 30" in message


def test_other_bytes_in_the_place_of_a_record_are_not_the_same(spark: SparkSession, root: str) -> None:
    leave(rows_of(spark, [b"two\nlines"]), root, layout.QUARANTINE)
    message = refusal(rows_of(spark, [b"two", b"lines"]), root)
    assert "raw/quarantine holds 1 records that wouldn't be there, and lacks 2" in message


def test_other_shards_copies_of_the_same_events_complete_the_batch(spark: SparkSession, root: str) -> None:
    a, b = (rows_of(spark, GOOD, shard=shard) for shard in "ab")
    leave(a.unionByName(rows_of(spark, BAD, shard="c")), root, layout.RAW_EVENTS)
    replayed = a.where("receipt is not null").unionByName(b).unionByName(rows_of(spark, BAD, shard="c"))
    assert write(replayed, root) == Totals(read=15, raw=5, duplicates=5, quarantined=5)
    ledger = {row.shard_id: (row.raw, row.duplicates) for row in tables.read(spark, root, layout.LEDGER).collect()}
    assert ledger == {"a": (5, 0), "b": (0, 5), "c": (0, 0)}


@pytest.mark.parametrize("dedup_on", ["event_uuid", "event_uuid+payload"])
def test_another_payload_of_an_event_is_another_event_only_where_payloads_count(
    spark: SparkSession, root: str, dedup_on: str
) -> None:
    ones, others = ([an_event(event_uuid=f"{n}", plan=plan) for n in range(3)] for plan in ("a", "b"))
    leave(rows_of(spark, ones), root, layout.RAW_EVENTS)
    raw = Raw(dedup_on=dedup_on)
    if dedup_on == "event_uuid":
        assert write(rows_of(spark, others), root, raw) == Totals(read=3, raw=3)
    else:
        message = refusal(rows_of(spark, others), root, raw)
        assert "raw/events holds 3 records that wouldn't be there, and lacks 3" in message


def test_rules_are_kept_once_the_batch_is_known_to_be_the_same_and_before_it_is_written(
    spark: SparkSession, root: str
) -> None:
    order: list[str] = []
    settings = Settings(source=Source(stream="events"), lake=Lake(root=root))
    rows = rows_of(spark, GOOD)
    leave(rows_of(spark, BAD), root, layout.QUARANTINE)
    writer = RawWriter(
        settings,
        make_beginning(spark, settings),
        "query",
        lambda: order.append("write"),
        EarlierRules(keep=lambda: order.append("keep")),
    )
    with pytest.raises(UserError):
        writer.write(rows.drop("batch_id"), BATCH)
    assert order == []
    both = rows_of(spark, [*BAD, *GOOD])
    writer.write(both.drop("batch_id"), BATCH)
    assert order[0] == "keep"
