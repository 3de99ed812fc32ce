"""What the settings allow, on both sides of each limit; and what is read of compressed records."""

import re
from dataclasses import replace

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from event_lake.config.settings import Raw
from event_lake.raw.parse import select_events, select_quarantined
from event_lake.raw.validation import validate_records
from support.record_frames import RULES, records
from support.sent import ARRIVED, an_event, with_tokens

SECONDS = int(ARRIVED.timestamp())


def test_a_compressed_record_is_judged_by_its_content_and_quarantined_as_it_was_sent(spark: SparkSession) -> None:
    batch = _unpacked(spark, {b"packed 1": an_event(event_uuid="a"), b"packed 2": b"{}", b"packed 3": b""})
    [event] = select_events(batch).collect()
    assert event.payload.encode() == an_event(event_uuid="a")
    bad = select_quarantined(batch).orderBy("sequence_number").collect()
    assert [(bytes(row.data), row.reasons) for row in bad] == [
        (b"packed 2", ["missing_event_uuid", "missing_event_name", "missing_created_at"]),
        (b"packed 3", ["not_json"]),
    ]


def test_a_text_may_have_max_payload_bytes_and_no_more_and_is_not_read_beyond(spark: SparkSession) -> None:
    rules = replace(RULES, max_payload_bytes=len(an_event()))
    data = [an_event(), an_event() + b" ", b"\xff" * (len(an_event()) + 1)]
    rows = validate_records(records(spark, data), rules).where("receipt is null").orderBy("sequence_number").collect()
    assert [(row.reasons, row.event_uuid is None) for row in rows] == [
        ([], False),
        (["too_large"], True),
        (["too_large"], True),
    ]


def test_content_that_the_source_cut_is_too_large_however_small_the_record(spark: SparkSession) -> None:
    rules = replace(RULES, max_payload_bytes=1_000)
    [row] = select_quarantined(_unpacked(spark, {b"packed": b"x" * 1_001}, rules)).collect()
    assert (bytes(row.data), row.reasons) == (b"packed", ["too_large"])


def test_an_event_may_nest_max_depth_levels_and_no_more(spark: SparkSession) -> None:
    rules = replace(RULES, max_depth=2)
    data = [with_tokens(a="[]"), with_tokens(a="[[]]"), with_tokens(event_name="[{}]"), b"[[[]]]"]
    rows = validate_records(records(spark, data), rules).where("receipt is null").orderBy("sequence_number").collect()
    assert [row.reasons for row in rows] == [[], ["too_deep"], ["too_deep"], ["too_deep", "not_an_object"]]


def test_names_hold_what_the_rules_say(spark: SparkSession) -> None:
    rules = replace(RULES, name_characters="-$")
    longest = ":".join(["a" * 100] * 8)
    names = ["a-b:$$", "a.b", "a_b", "a\\b", f"{longest}:a", f"a{longest}", longest, "a^b", "[a]"]
    data = [an_event(event_name=name) for name in names]
    rows = validate_records(records(spark, data), rules).where("is_event").orderBy("sequence_number").collect()
    assert [row.event_name for row in rows] == ["a-b:$$", longest]


def test_milliseconds_begin_where_no_second_can_be_meant(spark: SparkSession) -> None:
    data = [with_tokens(created_at=token) for token in (f"{SECONDS}000", "99999999999", "1e11", "1e14")]
    rows = validate_records(records(spark, data), RULES).where("receipt is null").orderBy("sequence_number").collect()
    assert [row.reasons for row in rows] == [
        [],
        ["created_at_in_future"],
        ["created_at_too_old"],
        ["unreadable_created_at"],
    ]


def test_java_compiles_every_records_path(spark: SparkSession, capsys: pytest.CaptureFixture[str]) -> None:
    compiling = spark.newSession()
    compiling.conf.set("spark.sql.codegen.factoryMode", "FALLBACK")
    select_events(_clocked(validate_records(records(compiling, [an_event()]), RULES))).explain("codegen")
    sizes = [int(size) for size in re.findall(r"maxMethodCodeSize:(\d+)", capsys.readouterr().out)]
    # HotSpot leaves methods of more than 8,000 bytes to its interpreter.
    assert sizes
    assert max(sizes) < 8_000


def _unpacked(spark: SparkSession, contents: dict[bytes, bytes], rules: Raw = RULES) -> DataFrame:
    """Judged records whose `data` was found to hold `contents`."""
    content = F.create_map(*(F.lit(part) for pair in contents.items() for part in pair))
    batch = records(spark, list(contents)).withColumn("content", content[F.col("data")])
    return _clocked(validate_records(batch, rules))


def _clocked(rows: DataFrame) -> DataFrame:
    return rows.withColumns({"ingested_at": F.lit(ARRIVED), "batch_id": F.lit(7).cast("long")})
