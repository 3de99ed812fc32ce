"""What is an event, and every reason why something is none."""

from datetime import UTC, date, datetime
from pathlib import Path
from random import Random

import pytest
from chispa import assert_df_equality
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from event_lake.generator.events import Timeline, draft_event
from event_lake.generator.faults import FAULTS, reason_of
from event_lake.raw.parse import select_events, select_quarantined
from event_lake.raw.validation import validate_records
from support.record_frames import RULES, records
from support.sent import ARRIVED, an_event, with_tokens

SECONDS = int(ARRIVED.timestamp())

REASONS = {
    # One JSON value, no more and no less, as RFC 8259 has it.
    b"": ["not_json"],
    b"{": ["not_json"],
    b"{'a':1}": ["not_json"],
    b'{"a":NaN}': ["not_json"],
    b'{"a":01}': ["not_json"],
    b'{"a":1,}': ["not_json"],
    b'{"a":"\\x"}': ["not_json"],
    b'{"a":"\t"}': ["not_json"],
    b"\xef\xbb\xbf" + an_event(): ["not_json"],
    an_event() + b"x": ["trailing_data"],
    an_event() + an_event(): ["trailing_data"],
    an_event() + b"," + an_event(): ["trailing_data"],
    an_event() + b"] x": ["trailing_data"],
    an_event() + b',{"end":"119"}] x': ["trailing_data"],
    an_event() + b"\n" + an_event(): ["trailing_data"],
    an_event() + b"/* */": ["trailing_data"],
    b"null": ["not_an_object"],
    b"5": ["not_an_object"],
    b'"text"': ["not_an_object"],
    b"[" + an_event() + b"]": ["not_an_object"],
    b"\xff\xfe": ["not_utf8"],
    b'{"event_uuid":"\xff"}': ["not_utf8", "missing_event_name", "missing_created_at"],
    # Fields: there, of the right type, with a meaning.
    b"{}": ["missing_event_uuid", "missing_event_name", "missing_created_at"],
    an_event(event_uuid=""): ["missing_event_uuid"],
    an_event().replace(b'"lesson:started"', b"null"): ["missing_event_name"],
    an_event(event_uuid=5, event_name=["a"], created_at={}): [
        "wrong_type_event_uuid",
        "wrong_type_event_name",
        "wrong_type_created_at",
    ],
    an_event(created_at=True): ["wrong_type_created_at"],
    an_event(event_name="a::b"): ["malformed_event_name"],
    an_event(event_name=":b"): ["malformed_event_name"],
    an_event(event_name="a:"): ["malformed_event_name"],
    an_event(event_name="a/b:c"): ["malformed_event_name"],
    an_event(event_name="a\n"): ["malformed_event_name"],
    an_event(event_name="__HIVE_DEFAULT_PARTITION__:x"): ["malformed_event_name"],
    an_event(event_name="a" * 101): ["malformed_event_name"],
    an_event(created_at="NaN"): ["unreadable_created_at"],
    an_event(created_at="0x1p3"): ["unreadable_created_at"],
    an_event(created_at=""): ["unreadable_created_at"],
    an_event().replace(str(SECONDS - 10).encode(), b"1e400"): ["unreadable_created_at"],
    an_event(created_at=SECONDS + 301): ["created_at_in_future"],
    an_event(created_at=SECONDS - 30 * 86400 - 1): ["created_at_too_old"],
    an_event(created_at=-1): ["created_at_too_old"],
    an_event(created_at="-1"): ["created_at_too_old"],
    # And these are events.
    an_event(): [],
    b" \n" + an_event() + b"\r\n": [],
    an_event(items=[{"a": [1]}, {"b": "}]"}]): [],
    an_event(created_at=SECONDS + 300): [],
    an_event(event_name="a"): [],
    an_event(event_name="a" * 100): [],
}


def test_a_record_that_is_no_event_has_all_the_reasons_that_apply(spark: SparkSession) -> None:
    rows = (
        validate_records(records(spark, list(REASONS)), RULES)
        .where("receipt is null")
        .orderBy("sequence_number")
        .collect()
    )
    found = {data: row["reasons"] for data, row in zip(REASONS, rows, strict=True)}
    assert found == REASONS


def test_each_of_the_generators_faults_is_quarantined_for_its_one_reason(spark: SparkSession) -> None:
    rng = Random(1)
    timeline = Timeline(seed=1, start_ms=SECONDS * 1000, rate=300)
    data = [fault(draft_event(rng, timeline.place_ms(0)), rng) for fault in FAULTS.values()]
    rows = validate_records(records(spark, data), RULES).where("receipt is null").orderBy("sequence_number").collect()
    assert {kind: row["reasons"] for kind, row in zip(FAULTS, rows, strict=True)} == {
        kind: [reason_of(kind)] for kind in FAULTS
    }


@pytest.mark.parametrize(
    ("spelling", "created"),
    [
        (SECONDS, "2026-11-21 09:00:00"),
        (SECONDS + 0.123456, "2026-11-21 09:00:00.123456"),
        (SECONDS * 1000 + 7, "2026-11-21 09:00:00.007"),
        (str(SECONDS), "2026-11-21 09:00:00"),
        (f"{SECONDS}.5", "2026-11-21 09:00:00.5"),
        (str(SECONDS * 1000 + 7), "2026-11-21 09:00:00.007"),
        (SECONDS * 1000 + 0.5, "2026-11-21 09:00:00.0005"),
        ("1.7952516e9", "2026-11-21 09:00:00"),
        ("17952516E+02", "2026-11-21 09:00:00"),
    ],
)
def test_every_spelling_of_created_at_is_one_instant(spark: SparkSession, spelling: object, created: str) -> None:
    found = select_events(_batch(spark, an_event(created_at=spelling))).select("created_datetime")
    assert_df_equality(found, spark.sql(f"select timestamp '{created}' as created_datetime"), ignore_nullable=True)


def test_an_event_is_one_row_of_all_that_is_known_of_it(spark: SparkSession) -> None:
    payload = b' {"created_at": 1.0e3, "event_uuid":"u","event_name":"a:b:c","created_at":"1795251600.5","n":1.50} '
    [row] = select_events(_batch(spark, payload)).collect()
    assert row == Row(
        event_uuid="u",
        event_name="a:b:c",
        created_at=1795251600.5,
        created_datetime=datetime(2026, 11, 21, 9, 0, 0, 500_000),  # noqa: DTZ001 Spark's rows have no zone
        event_type="a",
        true_event_type="a",
        event_subtype="b",
        payload=payload.decode(),
        date=date(2026, 11, 21),
        stream="events",
        shard_id="shardId-0",
        sequence_number="100",
        sub_sequence_number=0,
        partition_key="key",
        arrived_at=ARRIVED.replace(tzinfo=None),
        ingested_at=ARRIVED.replace(tzinfo=None),
        batch_id=7,
    )


def test_a_name_of_one_part_has_no_subtype(spark: SparkSession) -> None:
    [row] = select_events(_batch(spark, an_event(event_name="login"))).collect()
    assert (row.event_type, row.event_subtype) == ("login", None)


def test_the_date_is_that_of_creation_in_utc(spark: SparkSession) -> None:
    just_before_midnight = datetime(2026, 11, 20, 23, 59, 59, tzinfo=UTC).timestamp()
    [row] = select_events(_batch(spark, an_event(created_at=just_before_midnight))).collect()
    assert row.date == date(2026, 11, 20)


def test_quarantine_keeps_the_bytes_and_what_could_be_read(spark: SparkSession) -> None:
    data = b'{"event_uuid":"u","event_name":"a::b","created_at":"today","\xff":1}'
    [row] = select_quarantined(_batch(spark, data)).collect()
    assert (bytes(row.data), row.event_uuid, row.event_name, row.created_at) == (data, "u", "a::b", "today")
    assert row.reasons == ["not_utf8", "malformed_event_name", "unreadable_created_at"]
    assert row.date == date(2026, 11, 21)


def test_a_row_keeps_its_place_in_its_aggregate(spark: SparkSession) -> None:
    batch = _clocked(validate_records(records(spark, [an_event(), b"x", an_event()], aggregated=True), RULES))
    places = [(row.sequence_number, row.sub_sequence_number) for row in select_events(batch).collect()]
    assert sorted(places) == [("100", 0), ("100", 2)]
    [row] = select_quarantined(batch).collect()
    assert (row.sequence_number, row.sub_sequence_number) == ("100", 1)


def test_numbers_are_times_however_they_are_spelled(spark: SparkSession) -> None:
    spellings = ["1.7952516e9", "17952516E+02", f"{SECONDS}.{'0' * 2000}", f"{SECONDS}000e-3", f"{SECONDS}000"]
    rows = select_events(_batch(spark, *(with_tokens(created_at=spelling) for spelling in spellings))).collect()
    assert [row.created_at for row in rows] == [float(SECONDS)] * len(spellings)


def test_any_string_can_be_a_uuid_that_fits_and_can_be_written(spark: SparkSession) -> None:
    uuids = ["5", "-1.5e3", "true", "null", "a?", "{a}", "[a]", " ", '"', "\\", "x", "é" * 256, "😀", "\u2028", "a\r\n"]
    rows = (
        select_events(_batch(spark, *(an_event(event_uuid=uuid) for uuid in uuids)))
        .orderBy("sequence_number")
        .collect()
    )
    assert [row.event_uuid for row in rows] == uuids


def test_names_that_look_like_other_things_are_names(spark: SparkSession, tmp_path: Path) -> None:
    names = ["true", "null", "5", "-1.5e3", "-", "_", ".", "..", "a.", "CON", ":".join("abcdefgh"), "a" * 100]
    rows = select_events(_batch(spark, *(an_event(event_name=name) for name in names)))
    # Folders that mean something to some file system, after "event_type=", mean nothing.
    rows.write.format("delta").partitionBy("event_type").save(str(tmp_path / "table"))
    written = spark.read.format("delta").load(str(tmp_path / "table")).orderBy("sequence_number").collect()
    assert [(row.event_name, row.event_type) for row in written] == [(name, name.split(":")[0]) for name in names]


@pytest.mark.parametrize(
    ("more", "changed"),
    [
        ('"event_uuid":"last"', {"event_uuid": "last"}),
        ('"event\\u005fuuid":"last"', {"event_uuid": "last"}),
        ('"event_name":"last:name"', {"event_name": "last:name"}),
        (f'"created_at":true,"created_at":"{SECONDS}.5"', {"created_at": SECONDS + 0.5}),
    ],
)
def test_of_a_key_that_comes_twice_the_last_counts(spark: SparkSession, more: str, changed: dict[str, object]) -> None:
    payload = an_event()[:-1] + b"," + more.encode() + b"}"
    [plain, row] = select_events(_batch(spark, an_event(), payload)).orderBy("sequence_number").collect()
    kept = {**plain.asDict(), **changed}
    fields = ("event_uuid", "event_name", "created_at")
    assert [row[field] for field in fields] == [kept[field] for field in fields]
    assert row.payload == payload.decode()


def test_a_receipt_is_neither_event_nor_quarantined(spark: SparkSession) -> None:
    batch = _batch(spark, an_event(), b"x")
    assert (batch.count(), select_events(batch).count(), select_quarantined(batch).count()) == (3, 1, 1)


def _batch(spark: SparkSession, *data: bytes) -> DataFrame:
    return _clocked(validate_records(records(spark, list(data)), RULES))


def _clocked(rows: DataFrame) -> DataFrame:
    return rows.withColumns({"ingested_at": F.lit(ARRIVED), "batch_id": F.lit(7).cast("long")})
