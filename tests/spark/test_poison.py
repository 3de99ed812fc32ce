"""Poison goes to quarantine, byte for byte, with the right reasons, and touches nothing around it."""

from collections import Counter
from pathlib import Path

import pytest
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

from event_lake.lake import layout, tables
from event_lake.lake.ledger import Totals
from event_lake.lake.schemas import RECORD
from event_lake.lake.session import set_for
from event_lake.raw.dedupe import drop_duplicates, with_watermark
from event_lake.raw.parse import select_events, select_quarantined
from event_lake.raw.validation import validate_records
from support.poison import harmless, heavy, poison
from support.record_frames import RULES, records, write_first_batch
from support.sent import ARRIVED, an_event


def test_the_corpus_holds_hundreds_of_different_records() -> None:
    assert len({data for data, _ in poison()}) == len(poison()) >= 400


def test_poison_is_in_quarantine_whole_with_its_reasons_and_every_event_around_it_in_raw(
    spark: SparkSession, root: str
) -> None:
    sent = poison()
    good = [an_event(event_uuid=f"good {number}") for number in range(len(sent) + 1)]
    data = [good[0]]
    for (bad, _), event in zip(sent, good[1:], strict=True):
        data += [bad, event]
    assert write_first_batch(spark, root, data) == Totals(read=len(data), raw=len(good), quarantined=len(sent))
    found = _in(spark, root, layout.QUARANTINE)
    wrong = [
        (bad, reasons, bytes(row.data), row.reasons)
        for (bad, reasons), row in zip(sent, found, strict=True)
        if (bad, reasons) != (bytes(row.data), row.reasons)
    ]
    assert wrong == []
    assert [row.payload.encode() for row in _in(spark, root, layout.RAW_EVENTS)] == good


@pytest.mark.slow
def test_megabytes_of_poison_are_no_more_than_poison(spark: SparkSession, root: str) -> None:
    sent = list(heavy())
    assert write_first_batch(spark, root, [data for data, _ in sent]).quarantined == len(sent)
    # Spark's vectorized reader would need one buffer for all of these records.
    with set_for(spark, "spark.sql.parquet.enableVectorizedReader", "false"):
        found = _in(spark, root, layout.QUARANTINE)
    assert [row.reasons for row in found] == [reasons for _, reasons in sent]
    assert [bytes(row.data) for row in found] == [data for data, _ in sent]


def test_what_only_looks_like_poison_passes(spark: SparkSession) -> None:
    sent = list(harmless())
    batch = _clocked(validate_records(records(spark, sent), RULES))
    assert select_quarantined(batch).select("reasons").collect() == []
    passed = select_events(batch).select("payload").orderBy("sequence_number").collect()
    assert [row.payload.encode() for row in passed] == sent


def test_an_event_of_the_year_2999_keeps_none_of_ten_thousand_others_back(spark: SparkSession, tmp_path: Path) -> None:
    folder = str(tmp_path / "in")
    future = an_event(event_uuid="future", created_at=32_472_144_000)
    good = [an_event(event_uuid=f"good {number}") for number in range(10_000)]
    # In batches of their own, so that a watermark could have moved in between.
    for number, data in enumerate([[future], good[:5_000], good[5_000:]]):
        records(spark, data, first=number * 10_000).write.mode("append").parquet(folder)
    arrived: list[str] = []
    reasons: list[str] = []

    def note(rows, batch_id: int) -> None:
        batch = rows.withColumn("batch_id", F.lit(batch_id).cast("long"))
        arrived.extend(row.event_uuid for row in select_events(batch).collect())
        reasons.extend(reason for row in select_quarantined(batch).collect() for reason in row.reasons)

    query = (
        spark.readStream.schema(RECORD)
        .option("maxFilesPerTrigger", 1)
        .parquet(folder)
        .transform(validate_records, RULES)
        .transform(with_watermark, RULES.dedup_window)
        .transform(drop_duplicates)
        .writeStream.option("checkpointLocation", str(tmp_path / "checkpoint"))
        .foreachBatch(note)
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()
    assert reasons == ["created_at_in_future"]
    assert Counter(arrived) == Counter(f"good {number}" for number in range(10_000))


def _clocked(rows):
    return rows.withColumns({"ingested_at": F.lit(ARRIVED), "batch_id": F.lit(7).cast("long")})


def _in(spark: SparkSession, root: str, table: layout.Table) -> list[Row]:
    return tables.read(spark, root, table).orderBy("sequence_number").collect()
